// How one file or folder looks from outside, asked of the disk at once; what cannot be looked at is not there.
import { accessSync, type BigIntStats, constants, statSync } from 'node:fs';

/** How a file looks from outside. Two equal ones some time apart: nobody is writing it. */
export interface Sample {
  readonly size: number;
  readonly mtime: bigint;
  readonly inode: bigint;
  readonly mode: number;
}

/** How each of these files looks now. */
export function samplesOf(files: Iterable<string>): Map<string, Sample | undefined> {
  return new Map([...files].map((file) => [file, sampleOf(file)]));
}

/** Undefined if there is no such file, or nothing that can be read like one. */
export function sampleOf(file: string): Sample | undefined {
  const stats = look(file);
  if (!stats?.isFile()) return undefined;
  return { size: Number(stats.size), mtime: stats.mtimeNs, inode: stats.ino, mode: Number(stats.mode) };
}

export function isSame(a: Sample | undefined, b: Sample | undefined): boolean {
  if (!a || !b) return a === b;
  return a.size === b.size && a.mtime === b.mtime && a.inode === b.inode && a.mode === b.mode;
}

/** Which folders these are; without those that are none. */
export function identitiesOf(folders: readonly string[]): Map<string, string> {
  return new Map(
    folders.flatMap((folder) => {
      const identity = identityOf(folder);
      return identity === undefined ? [] : [[folder, identity]];
    }),
  );
}

/** Which folder a path is. One that is made anew often gets the number of the one before. */
export function identityOf(folder: string): string | undefined {
  const stats = look(folder);
  return stats?.isDirectory() ? `${stats.ino}:${stats.birthtimeNs}` : undefined;
}

export function isFolder(file: string): boolean {
  return look(file)?.isDirectory() ?? false;
}

/** When a file was written last, in ms since the epoch. */
export function dateOf(file: string): number | undefined {
  const stats = look(file);
  return stats && Number(stats.mtimeMs);
}

export function isThere(file: string): boolean {
  return look(file) !== undefined;
}

/** Whether it may be executed. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function look(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
