// Which files and folders are watched for what a command runs, and which never.
import path from 'node:path';
import { cargoSources } from './infer-cargo.js';
import type { Look } from './infer-look.js';
import type { Shown } from './infer-shown.js';
import { LANGUAGES, type Language, MANIFESTS, OUTPUT_FOLDERS } from './infer-table.js';
import { sourceLanguage, type Target } from './infer-target.js';

export interface Scope {
  readonly folders: readonly string[];
  /** Globs too. The script that the command names is among them: of a folder not every file counts. */
  readonly files: readonly string[];
  readonly extensions?: readonly string[] | undefined;
  readonly never: readonly string[];
  readonly executables: readonly string[];
  readonly commands: readonly string[];
}

/** Files of these kinds may be what a server writes. */
const DATA = /^(json|node|wasm)$/;

const RUNS_NONE = { executables: [], commands: [] };
const NOTHING: Scope = { folders: [], files: [], never: [], ...RUNS_NONE };

/** What is watched where the command alone says what runs. */
export function scopeOf(target: Target, shown: Shown, look: Look): Scope {
  switch (target.kind) {
    case 'nothing':
      return NOTHING;
    case 'cargo':
      return scopeOfCargo(shown, look);
    case 'go':
      return scopeOfProject(projectOf(look), LANGUAGES.go, undefined, look);
    case 'project': {
      const named = target.folder ?? (target.script && path.dirname(target.script));
      const folder = projectOf(look) ?? named;
      return scopeOfProject(folder, target.language, target.script, look);
    }
    case 'tree':
      return scopeOfTree(target.language, target.script, look);
    case 'file':
      return { ...NOTHING, files: [target.file], ...runBy(target) };
  }
}

/** What is watched where the user has named a build: the sources, not what is made of them. */
export function scopeOfBuilt(target: Target, shown: Shown, look: Look): Scope {
  if (target.kind === 'cargo') return scopeOfCargo(shown, look);
  const folder = projectOf(look) ?? shown.folder;
  const made = madeBy(target);
  const run = runBy(target);
  const scope = scopeOfProject(folder, sourceLanguage(target), undefined, look);
  if (made === undefined || scope.folders.length === 0) return { ...scope, ...run };
  return {
    ...scope,
    never: [...new Set([...scope.never, ...outputOf(made, folder, run.executables)])],
    ...run,
  };
}

/** Whether a file counts in a folder that is watched, as far as its ending tells. */
export function isBelow(file: string, { folders, extensions }: Scope): boolean {
  const isOfKind = extensions?.includes(path.extname(file).slice(1)) ?? true;
  return isOfKind && folders.some((folder) => isWithin(file, folder));
}

/** The folder of the project, unless it is too wide to be one. */
export function projectOf(look: Look): string | undefined {
  return look.project === undefined || isWide(look.project, look) ? undefined : look.project;
}

function scopeOfCargo(shown: Shown, look: Look): Scope {
  return { ...cargoSources(shown, look.cargo), extensions: LANGUAGES.rust.extensions, ...RUNS_NONE };
}

/** The folder of a script, and the manifest and code of its project; the script alone where its folder is too wide. */
function scopeOfTree(language: Language, script: string, look: Look): Scope {
  const folder = path.dirname(script);
  const project = projectOf(look);
  // A script in bin/ is the door of the code beside it.
  const tree = path.basename(folder) === 'bin' && project ? path.dirname(folder) : folder;
  if (isWide(tree, look)) return { ...NOTHING, files: [script] };
  const manifest = filesOf(look, ['package.json']).filter((file) => path.dirname(file) !== tree);
  // By name even in the folder, where it does not end as the files do that count.
  const beside = [...manifest, ...filesOf(look, ['.env'])];
  const files = [...beside, ...codeAround(tree, script, language, look), script];
  return { ...NOTHING, folders: [tree], files, extensions: language.extensions };
}

/** What a script may import from around its folder: the code of its project, not the data that a server keeps there. */
function codeAround(tree: string, script: string, language: Language, look: Look): string[] {
  const project = projectOf(look);
  if (project === undefined || tree === project || !isWithin(project, look.cwd)) return [];
  const isOutput = look.outDir !== undefined && isWithin(script, look.outDir);
  // What a build wrote is whole: around it are its sources, which are not what runs.
  if (isOutput || outputOf(script, project, []).length > 0) return [];
  const code = language.extensions.filter((extension) => !DATA.test(extension));
  return [path.join(project, '**', code.length === 1 ? `*.${code[0]}` : `*.{${code.join(',')}}`)];
}

/** All of a folder but what builds write to it; the script alone where the folder is too wide. */
function scopeOfProject(
  folder: string | undefined,
  known: Language | undefined,
  script: string | undefined,
  look: Look,
): Scope {
  const named = script === undefined ? [] : [script];
  if (folder === undefined || isWide(folder, look)) return { ...NOTHING, files: named };
  const language = known ?? languageOf(look);
  const outputs = (language?.output ?? []).map((name) => path.join(folder, name));
  if (look.outDir !== undefined) outputs.push(look.outDir);
  const never = outputs.filter((output) => script === undefined || !isWithin(script, output));
  return {
    ...NOTHING,
    folders: [folder],
    files: [...filesOf(look, ['.env']), ...named],
    extensions: language?.extensions,
    never,
  };
}

/** The files whose bytes are run. */
function runBy(target: Target): Pick<Scope, 'executables' | 'commands'> {
  if (target.kind !== 'file' || !target.isProgram) return RUNS_NONE;
  return { executables: [target.file], commands: target.isCommand ? [target.file] : [] };
}

function madeBy(target: Target): string | undefined {
  if (target.kind === 'file') return target.file;
  return target.kind === 'tree' || target.kind === 'project' ? target.script : undefined;
}

/** The folder below `folder` that a build writes to, by its name; else the program itself. */
function outputOf(made: string, folder: string, executables: readonly string[]): readonly string[] {
  if (!isWithin(made, folder)) return [];
  const names = path.relative(folder, made).split(path.sep).slice(0, -1);
  const at = names.findIndex((name) => OUTPUT_FOLDERS.test(name));
  return at < 0 ? executables : [path.join(folder, ...names.slice(0, at + 1))];
}

function filesOf(look: Look, names: readonly string[]): string[] {
  const project = projectOf(look);
  if (project === undefined) return [];
  return names.filter((name) => look.files.includes(name)).map((name) => path.join(project, name));
}

function isWide(folder: string, { wide }: Look): boolean {
  return path.dirname(folder) === folder || wide.includes(folder);
}

function languageOf({ files }: Look): Language | undefined {
  return MANIFESTS.find(([name]) => files.some((file) => name.test(file)))?.[1];
}

export function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);
}
