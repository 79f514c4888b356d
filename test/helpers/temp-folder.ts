// A folder of a test's own, gone when the test is over.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

export interface TempFolder {
  readonly path: string;
  /** The absolute path of a file in it. */
  at(file: string): string;
  /** Writes a file in place, and makes the folders it needs. */
  write(file: string, content: string | Buffer): void;
  /** Writes a file beside it and moves it there, as careful editors do. */
  replace(file: string, content: string): void;
  read(file: string): string;
  remove(file: string): void;
}

/** `files`: what is in it, by path. */
export function makeTempFolder(files: Readonly<Record<string, string>> = {}): TempFolder {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-')));
  const at = (file: string) => path.join(root, file);
  const write = (file: string, content: string | Buffer) => {
    mkdirSync(path.dirname(at(file)), { recursive: true });
    writeFileSync(at(file), content);
  };
  for (const [file, content] of Object.entries(files)) write(file, content);
  onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 3 }));
  return {
    path: root,
    at,
    write,
    replace: (file, content) => {
      write(`${file}.tmp.1`, content);
      renameSync(at(`${file}.tmp.1`), at(file));
    },
    read: (file) => readFileSync(at(file), 'utf8'),
    remove: (file) => rmSync(at(file), { recursive: true, force: true }),
  };
}
