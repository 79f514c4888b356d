// What a command runs, as far as watching goes: which files, of which language.
import path from 'node:path';
import { isCargoRun } from './infer-cargo.js';
import type { Found, Look } from './infer-look.js';
import { readOptions, type Words } from './infer-options.js';
import { readScript } from './infer-script.js';
import type { Shown } from './infer-shown.js';
import {
  type Interpreter,
  interpreterOf,
  LANGUAGES,
  type Language,
  programOf,
  REMOTE,
  REMOTE_WORDS,
  SHELLS,
  TYPESCRIPT_FILES,
  TYPESCRIPT_LOADERS,
} from './infer-table.js';

export type Target =
  /** The files of the project that the command runs in. */
  | {
      readonly kind: 'project';
      readonly language?: Language | undefined;
      /** What of it the command names. */
      readonly script?: string | undefined;
      readonly folder?: string | undefined;
    }
  /** A script, and the folder it is in. */
  | { readonly kind: 'tree'; readonly language: Language; readonly script: string }
  /** One file; whether its bytes are what runs, and whether it is the command itself, not read by another program. */
  | {
      readonly kind: 'file';
      readonly file: string;
      readonly isProgram: boolean;
      readonly isCommand?: boolean;
    }
  | { readonly kind: 'cargo' }
  | { readonly kind: 'go' }
  /** Nothing that lies here, or nothing that is known. */
  | { readonly kind: 'nothing' };

interface Command {
  readonly words: Words;
  readonly program: string;
  /** The first word, where that names a file. */
  readonly file: Found | undefined;
  readonly folder: string;
  readonly found: Look['found'];
  readonly module: Found | undefined;
}

/** The first of these that has an answer has it. */
const RULES: readonly ((command: Command) => Target | undefined)[] = [
  remote,
  cargoRun,
  goRun,
  interpreted,
  jar,
  script,
  program,
  shellScript,
  anyFile,
];

const NOTHING: Target = { kind: 'nothing' };

/** What the command that runs in the end runs. */
export function targetOf({ words, others, folder }: Shown, { found, module }: Look): Target {
  const command = { words, program: programOf(words[0]), file: found[words[0] ?? ''], folder, found, module };
  const target = firstOf(RULES, command) ?? { kind: 'project' };
  if (others.length === 0 || target.kind === 'nothing') return target;
  // What runs before it may make it: then the sources are elsewhere.
  return { kind: 'project', language: sourceLanguage(target) };
}

/** The same where a build is named: a program that is not there is what the build makes. */
export function targetOfBuilt(shown: Shown, look: Look): Target {
  const target = targetOf(shown, look);
  const [word = ''] = shown.words;
  const isMade = /[/\\]/.test(word) && !look.found[word] && shown.others.length === 0;
  if (!isMade || target.kind !== 'project' || target.language) return target;
  return { kind: 'file', file: path.resolve(shown.folder, word), isProgram: true, isCommand: true };
}

/** What is made of TypeScript runs as JavaScript; of a program nothing tells what it is made of. */
export function sourceLanguage(target: Target): Language | undefined {
  if (target.kind === 'go') return LANGUAGES.go;
  if (!('language' in target)) return undefined;
  return target.language === LANGUAGES.node ? LANGUAGES.typescript : target.language;
}

function firstOf(rules: typeof RULES, command: Command): Target | undefined {
  for (const rule of rules) {
    const target = rule(command);
    if (target) return target;
  }
  return undefined;
}

function remote({ program, words }: Command): Target | undefined {
  const line = [program, ...words.slice(1)].join(' ');
  return REMOTE.test(program) || REMOTE_WORDS.test(line) ? NOTHING : undefined;
}

function cargoRun({ program, words }: Command): Target | undefined {
  return program === 'cargo' && isCargoRun(words) ? { kind: 'cargo' } : undefined;
}

function goRun({ program, words }: Command): Target | undefined {
  if (program !== 'go' || words[1] !== 'run') return undefined;
  return words.some(isElsewhere) ? NOTHING : { kind: 'go' };
}

function interpreted(command: Command): Target | undefined {
  const interpreter = interpreterOf(command.program);
  if (!interpreter || (interpreter.isScript && command.file)) return undefined;
  return targetOfScript(command.words, interpreter, command);
}

function jar({ program, words, folder }: Command): Target | undefined {
  const at = words.indexOf('-jar');
  const file = words[at + 1];
  if (program !== 'java' || at < 0 || file === undefined) return undefined;
  return { kind: 'file', file: path.resolve(folder, file), isProgram: true };
}

/** A file that names what runs it. */
function script(command: Command): Target | undefined {
  const { file, words } = command;
  if (file?.kind !== 'script') return undefined;
  const line = (file.interpreter ?? []).filter((word, i) => i === 0 || !word.startsWith('-'));
  const named = programOf(line[0]) === 'env' ? line.slice(1) : line;
  const interpreter = interpreterOf(programOf(named[0]));
  if (!interpreter) return { kind: 'project', script: file.path };
  return targetOfScript([...named, ...words], interpreter, command);
}

function program({ file }: Command): Target | undefined {
  const isProgram = file?.kind === 'program';
  return file && { kind: 'file', file: file.path, isProgram, isCommand: isProgram };
}

function shellScript({ program, words, found }: Command): Target | undefined {
  if (!SHELLS.test(program)) return undefined;
  const [script = ''] = readOptions(words.slice(1), /^[-+][a-z]*o$/).rest;
  return { kind: 'project', script: found[script]?.path };
}

function anyFile({ words, found }: Command): Target | undefined {
  const file = words.flatMap((word) => found[word] ?? []).find(({ kind }) => kind !== 'folder');
  return file && { kind: 'file', file: file.path, isProgram: file.kind === 'program' };
}

function targetOfScript(words: Words, interpreter: Interpreter, { folder, found, module }: Command): Target {
  const { language, scope } = interpreter;
  const { options, script } = readScript(words, interpreter);
  if (script === undefined) return { kind: 'project', language, ...partOf(module) };
  if (isElsewhere(script)) return NOTHING;
  if (script.endsWith('.dll')) return { kind: 'file', file: path.resolve(folder, script), isProgram: true };
  const part = partOf(found[script]);
  if (language === LANGUAGES.node && isTypescript(script, options))
    return { kind: 'project', language: LANGUAGES.typescript, ...part };
  if (scope === 'project' || part.folder) return { kind: 'project', language, ...part };
  return { kind: 'tree', language, script: part.script ?? path.resolve(folder, script) };
}

function partOf(found: Found | undefined): { readonly script?: string; readonly folder?: string } {
  if (!found) return {};
  return found.kind === 'folder' ? { folder: found.path } : { script: found.path };
}

function isTypescript(script: string, options: Words): boolean {
  const values = options.map((word) => word.slice(word.indexOf('=') + 1));
  return TYPESCRIPT_FILES.test(script) || values.some((value) => TYPESCRIPT_LOADERS.test(value));
}

/** A script from elsewhere, a package of a version. */
function isElsewhere(word: string): boolean {
  return /^(https?|jsr|npm):|^[\w.-]+(\/[\w.-]+)+@v?[\w.]+$/.test(word);
}
