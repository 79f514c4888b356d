// What is on the disk: the files of a scope, and the folders they are in.
import { type Dirent, readdirSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { identitiesOf, identityOf, type Sample, sampleOf, samplesOf } from './sample.js';
import type { Scope } from './scope.js';

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

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
