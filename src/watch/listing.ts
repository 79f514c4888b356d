// What is on the disk: the files of a scope, and how each one looks.
import { type BigIntStats, type Dirent, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Scope } from './scope.js';

/** How a file looks from outside. Two equal ones some time apart: nobody is writing it. */
export interface Sample {
  readonly size: number;
  readonly mtime: bigint;
  readonly inode: bigint;
  readonly mode: number;
}

export interface Listing {
  readonly files: ReadonlyMap<string, Sample>;
  /** Each folder that is watched, and which folder it is: another one in its place is watched by nobody. */
  readonly folders: ReadonlyMap<string, string>;
}

/** Asking the disk at once costs a tenth of asking it in the background; others get their turn so often (ms). */
const SLICE = 5;

export async function listFiles(scope: Scope): Promise<Listing> {
  const files = new Map(
    [...samplesOf(scope.files)].flatMap(([file, sample]) => (sample ? [[file, sample]] : [])),
  );
  const folders = new Map<string, string>();
  const ahead: Ahead[] = scope.trees.map((folder) => ({ folder, above: [] }));
  let since = performance.now();
  for (let next = ahead.pop(); next; next = ahead.pop()) {
    if (!folders.has(next.folder)) ahead.push(...readFolder(next, scope, files, folders));
    if (performance.now() - since < SLICE) continue;
    await setImmediate();
    since = performance.now();
  }
  return { files, folders: new Map([...identitiesOf(scope.folders), ...folders]) };
}

interface Ahead {
  readonly folder: string;
  /** The folders on the way there: links can lead in circles. */
  readonly above: readonly string[];
}

/** Adds a folder and its files; the folders in it. */
function readFolder(
  { folder, above }: Ahead,
  scope: Scope,
  files: Map<string, Sample>,
  folders: Map<string, string>,
): Ahead[] {
  const identity = identityOf(folder);
  if (identity === undefined || above.includes(identity)) return [];
  folders.set(folder, identity);
  const ahead: Ahead[] = [];
  for (const entry of entriesOf(folder)) {
    const file = path.join(folder, entry.name);
    const sample = !entry.isDirectory() && scope.isWanted(file) ? sampleOf(file) : undefined;
    if (sample) files.set(file, sample);
    else if (!entry.isFile() && scope.isOpen(file)) ahead.push({ folder: file, above: [...above, identity] });
  }
  return ahead;
}

/** How each of these files looks now. */
export function samplesOf(files: Iterable<string>): Map<string, Sample | undefined> {
  return new Map([...files].map((file) => [file, sampleOf(file)]));
}

/** Undefined if there is no such file, or nothing that can be read like one. */
function sampleOf(file: string): Sample | undefined {
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

function look(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
