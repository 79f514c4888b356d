// Whether the server's command can be run at all, said before anything is started.
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

export interface Lookup {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Undefined if the command can be run, else one line that says what is wrong and where it was looked for. */
export function findFault({ command, cwd, env }: Lookup): string | undefined {
  if (/[/\\]/.test(command)) return faultOfFile(command, path.resolve(cwd, command));
  const folders = pathOf(env).split(path.delimiter).filter(Boolean);
  const found = folders
    .map((folder) => path.resolve(cwd, folder, command))
    .filter((file) => variants(file, env).some(isFile));
  if (found.some((file) => variants(file, env).some(isExecutable))) return undefined;
  if (found[0] !== undefined) return notExecutable(command, found[0]);
  return `Command not found: ${command}. Searched PATH: ${folders.join(path.delimiter) || '(empty)'}`;
}

function faultOfFile(command: string, file: string): string | undefined {
  if (!variants(file, process.env).some(isFile))
    return `Command not found: ${command} (there is no file ${file}).`;
  return variants(file, process.env).some(isExecutable) ? undefined : notExecutable(command, file);
}

function notExecutable(command: string, file: string): string {
  return `Command is not executable: ${command}. Make it so: chmod +x ${file}`;
}

function pathOf(env: Lookup['env']): string {
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  return env[key] ?? '';
}

/** Windows runs `npx.cmd` when asked for `npx`. */
function variants(file: string, env: Lookup['env']): string[] {
  if (process.platform !== 'win32') return [file];
  const extensions = (env.PATHEXT ?? '.EXE;.CMD;.BAT;.COM').split(';');
  return [file, ...extensions.map((extension) => file + extension.toLowerCase())];
}

function isFile(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    // In a folder of PATH that this user may not look into.
    return false;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return isFile(file);
  } catch {
    return false;
  }
}
