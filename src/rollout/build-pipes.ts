// The output of a build, line by line, to its end.
import type { Readable } from 'node:stream';
import type { Child } from '../backend/spawn.js';
import { Stderr } from '../backend/stderr.js';
import { makeLineSplitter } from '../protocol/stdio.js';

/** Time for what was written before the exit to arrive (ms). */
const GRACE = 250;
/** The longest message that a tool may write for programs, such as an environment (bytes). */
const LONGEST_MESSAGE = 8 * 1024 * 1024;

/** Lines for people, as they were written; very long ones in pieces. */
export function readLines(pipe: Readable, onLine: (line: string) => void): void {
  const lines = new Stderr(onLine);
  pipe.on('data', (chunk: Buffer) => lines.push(chunk));
  pipe.on('end', () => lines.end());
}

/** Lines for programs, whole; nothing more after one that is too long. */
export function readMessages(pipe: Readable, onLine: (line: string) => void): void {
  const splitter = makeLineSplitter(LONGEST_MESSAGE, { onLine, onTooLong: () => {} });
  pipe.on('data', (chunk: Buffer) => splitter.push(chunk));
  pipe.on('end', () => splitter.end());
}

/** Resolves when a child that has ended has been read to its end, or soon: somebody may hold its output open. */
export function pipesRead({ stdin, stdout, stderr }: Child): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
      resolve();
    };
    const check = () => {
      if (stdout.closed && stderr.closed) finish();
    };
    const timer = setTimeout(finish, GRACE);
    for (const pipe of [stdout, stderr]) pipe.once('close', check);
    check();
  });
}
