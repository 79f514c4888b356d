// Takes away the state of ports that a project has not had for long.
import { readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PRIVATE_FILE } from './file-lines.js';
import { holderOf, type Lock, takeLock } from './lock.js';
import { isOurs, LOCK, TTL } from './names.js';

/** How long a port is kept that does not say so (ms). */
const KEPT = 7 * 24 * 60 * 60 * 1_000;

/** Tells the bridges of other ports how long this one keeps its sessions (ms); where it cannot, it does not. */
export function keepFor(folder: string, ttl: number): void {
  try {
    writeFileSync(path.join(folder, TTL), `${Math.round(ttl)}\n`, { mode: PRIVATE_FILE });
  } catch {
    // Then it is kept as one that does not say so.
  }
}

/**
 * Removes the folders of ports below a project's folder in which nothing was written for as long as each keeps its sessions,
 * and that no bridge has: only those that hold nothing but our files. What cannot be removed stays. Never throws.
 *
 * Returns the folders that are gone.
 */
export function pruneOld(projectFolder: string, now = Date.now()): string[] {
  const ports = namesIn(projectFolder).filter((name) => /^\d{1,5}$/.test(name));
  const folders = ports.map((port) => path.join(projectFolder, port));
  return folders.filter((folder) => isOld(folder, now - ttlOf(folder)) && remove(folder));
}

function ttlOf(folder: string): number {
  try {
    const text = readFileSync(path.join(folder, TTL), 'utf8');
    return /^\d{1,15}\n$/.test(text) ? Number(text) : KEPT;
  } catch {
    return KEPT;
  }
}

function isOld(folder: string, before: number): boolean {
  const names = namesIn(folder);
  if (names.length === 0 || !names.every(isOurs)) return false;
  if (holderOf(path.join(folder, LOCK))) return false;
  return names.every((name) => writtenAt(path.join(folder, name)) < before);
}

/** Under its lock, which goes last: no bridge may begin in a folder that is going. */
function remove(folder: string): boolean {
  try {
    const result = takeLock(path.join(folder, LOCK), folder);
    return result.ok && removeLocked(folder, result.lock);
  } catch {
    return false;
  }
}

function removeLocked(folder: string, lock: Lock): boolean {
  try {
    for (const name of namesIn(folder))
      if (name !== LOCK) rmSync(path.join(folder, name), { recursive: true });
  } finally {
    lock.release();
  }
  rmdirSync(folder);
  return true;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Never, in a way, where that cannot be told: what is not known to be old is not. */
function writtenAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
}
