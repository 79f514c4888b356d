// What `npm run`, `npx`, `uv run` and the like run.
import path from 'node:path';
import { readOptions, valuesOf, type Words } from './infer-options.js';
import { readShellLine } from './infer-shell.js';
import { type Package, type Shown, showLine } from './infer-shown.js';
import { DEBUGGERS, interpreterOf, programOf, WATCHERS } from './infer-table.js';

/** `npm run x`, `pnpm x`, `yarn --cwd folder x`, `node --run x`. */
export function peelScript(shown: Shown, from: Package | undefined): Shown | undefined {
  const program = programOf(shown.words[0]);
  const { options, rest } = readOptions(
    shown.words.slice(1),
    /^(--prefix|-C|--dir|--cwd|--run|-w|--workspace|--filter|-F)$/,
  );
  const folder = path.resolve(shown.folder, valuesOf(options, '--prefix', '-C', '--dir', '--cwd')[0] ?? '.');
  if (program === 'node') return runScript({ ...shown, folder }, valuesOf(options, '--run')[0], from);
  const [verb = '', ...words] = rest;
  if (/^(exec|x|dlx)$/.test(verb)) return peelPackage({ ...shown, words: rest, folder });
  const name = /^(run|run-script)$/.test(verb) ? words.find((word) => !word.startsWith('-')) : verb;
  const moved =
    folder !== shown.folder && program !== 'bun'
      ? { ...shown, folder, words: [program, ...rest] }
      : undefined;
  return runScript({ ...shown, folder }, name, from) ?? moved;
}

function runScript(shown: Shown, name: string | undefined, from: Package | undefined): Shown | undefined {
  if (name === undefined || !from || !Object.hasOwn(from.scripts, name)) return undefined;
  const before = from.scripts[`pre${name}`];
  const others = before === undefined ? shown.others : [...shown.others, ...readShellLine(before).commands];
  return showLine(from.scripts[name] ?? '', { ...shown, folder: from.folder, others, direct: false });
}

/** `npx -y tsx server.ts`: a program that is known runs files of this machine, any other one is not looked into. */
export function peelPackage(shown: Shown, after = 1): Shown | undefined {
  const { rest } = readOptions(shown.words.slice(after), /^(-p|--package|-c|--call|--from|--with|--python)$/);
  const [name = '', ...args] = rest;
  const program = name.replace(/(?<=.)@.*$/, '');
  return isKnown(program) ? { ...shown, words: [program, ...args], direct: false } : undefined;
}

/** `uv --directory folder run server.py`, `poetry run my-server`. */
export function peelPython(shown: Shown): Shown | undefined {
  const values =
    /^(--directory|--project|-C|--with|--with-editable|--with-requirements|-p|--python|--extra|--group|--env-file|--index|--env|-e)$/;
  const before = readOptions(shown.words.slice(1), values);
  if (before.rest[0] !== 'run') return undefined;
  const after = readOptions(before.rest.slice(1), values);
  const options = [...before.options, ...after.options];
  const folder = path.resolve(shown.folder, valuesOf(options, '--directory', '--project', '-C')[0] ?? '.');
  return { ...shown, words: pythonWords(options, after.rest), folder, direct: false };
}

function pythonWords(options: Words, rest: Words): Words {
  if (options.some((word) => /^(-m|--module)$/.test(word))) return ['python', '-m', ...rest];
  const program = programOf(rest[0]);
  if (/\.pyw?$/.test(program)) return ['python', ...rest];
  // A script that the project installs: its code is in the project, as a module's.
  return isKnown(program) ? rest : ['python', '-m', ...rest];
}

function isKnown(program: string): boolean {
  return interpreterOf(program) !== undefined || WATCHERS.test(program) || DEBUGGERS.test(program);
}
