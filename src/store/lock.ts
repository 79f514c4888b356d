// One bridge per state folder: a file that names the process that has it, and that nobody else takes while it runs.
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isObject, parseJson } from '../protocol/jsonrpc.js';
import { isRunningSince, startOf } from '../system/started.js';
import { codeOf } from './error-code.js';
import { PRIVATE_FILE } from './file-lines.js';

/** Who has a lock. */
export interface Holder {
  readonly pid: number;
  /** When the process started, in the platform's words; undefined where it does not tell. */
  readonly started?: string | undefined;
  /** The project folder that its bridge was started for. */
  readonly project?: string | undefined;
}

/** A lock, until it is released or its process is gone. */
export interface Lock {
  /** Whether the file is still this lock's. Never throws. */
  isHeld(): boolean;
  /** Removes the file if it is still this lock's. Never throws; may be called in an `exit` handler, and twice. */
  release(): void;
}

/** `isTakenOver`: who had it before ended without releasing it. */
export type LockResult =
  | { readonly ok: true; readonly lock: Lock; readonly isTakenOver: boolean }
  | { readonly ok: false; readonly holder: Holder };

const TRIES = 100;
/** A file that names nobody may be about to: it is given so long (ms). */
const WRITTEN_WITHIN = 1_000;
const PAUSE = 20;

/**
 * Takes the lock that a file stands for, or tells who has it. What is left of a process that is gone is taken over.
 *
 * Throws what the file system throws where no such file can be made.
 */
export function takeLock(file: string, project: string): LockResult {
  const own = { pid: process.pid, started: startOf(process.pid), project, key: randomUUID() };
  const text = `${JSON.stringify(own)}\n`;
  let isTakenOver = false;
  for (let i = 0; i < TRIES; i += 1) {
    if (make(file, text, own.key)) return { ok: true, lock: makeLock(file, text), isTakenOver };
    const found = readText(file);
    if (found === undefined) continue;
    const holder = holderIn(found);
    if (holder && isRunningSince(holder.pid, holder.started)) return { ok: false, holder };
    if (!holder && isYoung(file)) pause();
    else {
      removeStale(file, found, own.key);
      isTakenOver = true;
    }
  }
  throw new Error(`${file} could not be taken, and nobody has it.`);
}

/** Who has the lock now, if somebody has. */
export function holderOf(file: string): Holder | undefined {
  const holder = holderIn(readText(file) ?? '');
  return holder && isRunningSince(holder.pid, holder.started) ? holder : undefined;
}

/** Makes the file with its text, both at once; false if there is one. */
function make(file: string, text: string, key: string): boolean {
  const own = `${file}.${key}`;
  try {
    writeFileSync(own, text, { mode: PRIVATE_FILE, flag: 'wx' });
    linkSync(own, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // Not every file system has links.
    return makeInTwoSteps(file, text);
  } finally {
    rmSync(own, { force: true });
  }
}

function makeInTwoSteps(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { mode: PRIVATE_FILE, flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Takes a stale lock away. Another newcomer may have done so just before, and put its own in its place: what was taken
 * away is looked at, and put back if it is not the stale one.
 */
function removeStale(file: string, stale: string, key: string): void {
  const aside = `${file}.${key}.stale`;
  try {
    if (readText(file) !== stale) return;
    renameSync(file, aside);
    if (readText(aside) !== stale) putBack(aside, file);
    rmSync(aside, { force: true });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function putBack(aside: string, file: string): void {
  try {
    linkSync(aside, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') renameSync(aside, file);
  }
}

function makeLock(file: string, text: string): Lock {
  const isHeld = () => {
    try {
      return readText(file) === text;
    } catch {
      // Who cannot look, for want of descriptors perhaps, has not lost it.
      return true;
    }
  };
  return { isHeld, release: () => isHeld() && release(file) };
}

function release(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // The next one sees that this process is gone.
  }
}

function holderIn(text: string): Holder | undefined {
  const value = parseJson(text);
  if (!isObject(value)) return undefined;
  const { pid, started, project } = value;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, started: textOrNone(started), project: textOrNone(project) };
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isYoung(file: string): boolean {
  const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return age >= 0 && age < WRITTEN_WITHIN;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
}
