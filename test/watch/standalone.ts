// Runs a script against src/watch in a Node process of its own, which ends when nothing is left to do.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { makeTempFolder, type TempFolder } from '../helpers/temp-folder.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A folder with src/watch as JavaScript in `watch/`, beside the project's packages. */
export function makeStandalone(): TempFolder {
  const folder = makeTempFolder({ 'package.json': '{"type":"module"}' });
  symlinkSync(path.join(ROOT, 'node_modules'), folder.at('node_modules'));
  const options = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    verbatimModuleSyntax: true,
  };
  for (const file of readdirSync(path.join(ROOT, 'src/watch'))) {
    const source = readFileSync(path.join(ROOT, 'src/watch', file), 'utf8');
    const { outputText } = ts.transpileModule(source, { compilerOptions: options });
    folder.write(`watch/${file.replace(/\.ts$/, '.js')}`, outputText);
  }
  return folder;
}

/** What a script wrote to stdout. `before`: words of a command that runs it. */
export async function runScript(
  folder: TempFolder,
  script: string,
  before: readonly string[] = [],
): Promise<string> {
  folder.write('script.js', script);
  const [command = '', ...args] = [...before, process.execPath, folder.at('script.js')];
  const { stdout } = await promisify(execFile)(command, args, { timeout: 20_000 });
  return stdout;
}
