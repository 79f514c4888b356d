// The store as plain JavaScript, for processes of their own: a test that kills must not kill itself.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import ts from 'typescript';
import { onTestFinished } from 'vitest';
import { makeTempFolder, type TempFolder } from '../helpers/temp-folder.js';

const SRC = path.join(import.meta.dirname, '../../src');

export type Program = ChildProcessByStdio<Writable, Readable, null>;

/** A folder with `store/*.js` and what they import. Types are stripped, not checked. */
export function compileStore(): TempFolder {
  const folder = makeTempFolder({ 'package.json': '{"type":"module"}' });
  for (const room of ['.', 'store', 'protocol', 'system']) {
    for (const file of readdirSync(path.join(SRC, room))) {
      if (file.endsWith('.ts')) compile(folder, path.join(room, file));
    }
  }
  return folder;
}

function compile(folder: TempFolder, file: string): void {
  const { outputText } = ts.transpileModule(readFileSync(path.join(SRC, file), 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  });
  folder.write(file.replace(/\.ts$/, '.js'), outputText);
}

/** Starts a program (its text) beside the compiled store; it is gone when the test is over. */
export function startProgram(compiled: TempFolder, text: string, args: readonly string[]): Program {
  const name = `program-${text.length}.js`;
  compiled.write(name, text);
  const child = spawn(process.execPath, [compiled.at(name), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}
