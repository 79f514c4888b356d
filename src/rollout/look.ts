// Looks at what there is of a project on the disk, for what is inferred from its command.
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { isObject, parseJson } from '../protocol/jsonrpc.js';
import { findAbove, findFile, foldersFrom, isFile, namesIn, readText } from './infer-disk.js';
import { askCargo } from './infer-facts.js';
import type { Found, Look } from './infer-look.js';
import { valuesOf } from './infer-options.js';
import { moduleOf, readScript } from './infer-script.js';
import type { Package, Shown } from './infer-shown.js';
import { interpreterOf, MANIFESTS, programOf } from './infer-table.js';
import { lookThrough } from './infer-words.js';

export interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The command goes through a shell. */
  readonly shell?: boolean;
}

const ALSO = ['.env'];
const SYSTEM = [
  '/usr',
  '/usr/bin',
  '/usr/lib',
  '/usr/local',
  '/usr/local/bin',
  '/bin',
  '/opt',
  '/etc',
  '/var',
  '/tmp',
];

/** Looks at what the command names, and asks cargo where cargo is to run. What cannot be read is not there. */
export async function look(command: readonly string[], { cwd, env, shell = false }: Place): Promise<Look> {
  const from = readPackage(lookThrough(command, { cwd, shell }).folder);
  const shown = lookThrough(command, { cwd, shell, from });
  const found = findWords(shown);
  const wide = wideFolders(env);
  const project = findAbove(startOf(shown, found), (folder) => namesIn(folder).some(isManifest));
  const names = project === undefined ? [] : namesIn(project);
  return {
    cwd,
    wide,
    found,
    module: findModule(shown),
    project,
    files: names.filter((name) => isManifest(name) || ALSO.includes(name)),
    package: from,
    outDir: project === undefined ? undefined : readOutDir(project),
    cargo: programOf(shown.words[0]) === 'cargo' ? await askCargo(shown, env, wide) : undefined,
    node: process.execPath,
  };
}

/** The nearest package.json. */
function readPackage(start: string): Package | undefined {
  const folder = findAbove(start, (each) => isFile(path.join(each, 'package.json')));
  const value = folder === undefined ? undefined : parseJson(readText(path.join(folder, 'package.json')));
  if (folder === undefined || !isObject(value)) return undefined;
  const scripts = isObject(value.scripts) ? Object.entries(value.scripts) : [];
  const texts = scripts.flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : []));
  return { folder, scripts: Object.fromEntries(texts) };
}

function findWords({ words, folder }: Shown): Look['found'] {
  // The first word is a file only if it says where; else PATH is searched for it.
  const named = words.filter((word, i) => !word.startsWith('-') && (i > 0 || /[/\\]/.test(word)));
  return Object.fromEntries(
    named.flatMap((word) => {
      const found = findFile(path.resolve(folder, word), word !== words[0]);
      return found ? [[word, found]] : [];
    }),
  );
}

function findModule({ words, folder }: Shown): Found | undefined {
  const name = moduleOf(words);
  if (!name) return undefined;
  const inFolder = findFile(path.resolve(folder, name), false);
  return inFolder?.kind === 'folder' ? inFolder : findFile(path.resolve(folder, `${name}.py`), false);
}

/** Where the search for the project begins: at the script or program, else where the command runs. */
function startOf({ words, folder }: Shown, found: Look['found']): string {
  const interpreter = interpreterOf(programOf(words[0]));
  if (!interpreter) {
    const [file] = words.flatMap((word) => found[word] ?? []);
    return file ? path.dirname(file.path) : folder;
  }
  const { options, script = '' } = readScript(words, interpreter);
  const [named] = valuesOf(options, ...(interpreter.project ?? []));
  if (named !== undefined) return path.resolve(folder, named);
  const file = found[script];
  if (!file) return folder;
  return file.kind === 'folder' ? file.path : path.dirname(file.path);
}

function isManifest(name: string): boolean {
  return MANIFESTS.some(([manifest]) => manifest.test(name));
}

function readOutDir(project: string): string | undefined {
  const text = readText(path.join(project, 'tsconfig.json')).replaceAll(/^\s*\/\/.*$/gm, '');
  const [, folder] = /"outDir"\s*:\s*"([^"]+)"/.exec(text) ?? [];
  return folder === undefined ? undefined : path.resolve(project, folder);
}

/** Folders that hold far more than one project. */
function wideFolders(env: Place['env']): string[] {
  return [...new Set([...foldersFrom(env.HOME ?? homedir()), tmpdir(), ...SYSTEM])];
}
