// Where git keeps its index, and whether it is writing files right now.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { dateOf, isThere } from './sample.js';

/** A lock that is older was left behind, or waits for a person (ms). */
const LONGEST_LOCK = 30_000;

/** The folder at or above `from` that git takes care of. */
export function findGitTop(from: string): string | undefined {
  if (isThere(path.join(from, '.git'))) return from;
  const parent = path.dirname(from);
  return parent === from ? undefined : findGitTop(parent);
}

/** The file whose presence means that git is at work in the working tree at `top`. */
export function gitLockOf(top: string): string {
  const entry = path.join(top, '.git');
  return path.join(linkedFolder(entry) ?? entry, 'index.lock');
}

/** In a linked working tree `.git` is a file that names the real folder (gitrepository-layout(5)). */
function linkedFolder(entry: string): string | undefined {
  try {
    const [, folder] = /^gitdir: (.+)$/m.exec(readFileSync(entry, 'utf8')) ?? [];
    return folder && path.resolve(path.dirname(entry), folder);
  } catch {
    return undefined;
  }
}

/** `now` in ms since the epoch, as files are dated. */
export function isGitBusy(locks: readonly string[], now: number): boolean {
  return locks.some((lock) => {
    const date = dateOf(lock);
    return date !== undefined && now - date < LONGEST_LOCK;
  });
}
