// Opens the store of a state folder, for this process alone.
import path from 'node:path';
import { BridgeError } from '../errors.js';
import { type DiskDoors, DiskStore } from './disk.js';
import { codeOf } from './error-code.js';
import { makeFolder } from './folder.js';
import { type Lock, takeLock } from './lock.js';
import { LOCK } from './names.js';

/** So often it is looked whether the files still have what they were given (ms). */
const MEND = 5_000;

export interface OpenPlan extends DiskDoors {
  readonly folder: string;
  /** The project folder, to be named to those who find the state folder in use. */
  readonly project: string;
}

/**
 * Makes the folder if need be, takes it for this process, and reads what is in it.
 *
 * Throws a BridgeError where another bridge has the folder, and one with a `cause` where the folder cannot be used.
 */
export function openStore(plan: OpenPlan): OpenStore {
  return new OpenStore(plan);
}

/** A store in a state folder that nobody else writes in. */
export class OpenStore {
  readonly store: DiskStore;
  /** Who had the folder before did not close it: it was killed. */
  readonly wasKilled: boolean;
  readonly #plan: OpenPlan;
  #lock: Lock;
  #isClosed = false;
  readonly #mending: NodeJS.Timeout;

  constructor(plan: OpenPlan) {
    this.#plan = plan;
    const { lock, isTakenOver } = lockOf(plan);
    this.#lock = lock;
    this.wasKilled = isTakenOver;
    this.store = new DiskStore(plan);
    this.#mending = setInterval(() => this.#mend(), MEND).unref();
  }

  get folder(): string {
    return this.#plan.folder;
  }

  /** Closes the store and lets the folder go. May be called in an `exit` handler, and twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#mending);
    if (this.#hold()) this.store.mend();
    this.store.close();
    this.#lock.release();
  }

  #mend(): void {
    if (this.#hold()) return this.store.mend();
    clearInterval(this.#mending);
    this.store.close();
    this.#plan.onFault(this.folder, new Error('another bridge has it now'));
  }

  /** Takes the folder again if somebody has taken it away; false if another bridge has made it its own meanwhile. */
  #hold(): boolean {
    try {
      if (!this.#lock.isHeld()) this.#lock = lockOf(this.#plan).lock;
      return true;
    } catch (error) {
      // Of a folder that cannot be made the store says that it cannot be written.
      return error instanceof BridgeError && error.cause !== undefined;
    }
  }
}

function lockOf({ folder, project }: OpenPlan) {
  const result = tryLock(folder, project);
  if (result.ok) return result;
  throw new BridgeError(
    `State folder ${folder} is in use by mcp-bridge (process ${result.holder.pid}). ` +
      'Stop it, or choose another with --state-dir.',
    1,
  );
}

function tryLock(folder: string, project: string) {
  try {
    makeFolder(folder);
    return takeLock(path.join(folder, LOCK), project);
  } catch (cause) {
    throw unusable(folder, cause);
  }
}

function unusable(folder: string, cause: unknown): BridgeError {
  const why = codeOf(cause) ?? (cause instanceof Error ? cause.message : String(cause));
  const error = new BridgeError(
    `State folder ${folder} cannot be used (${why}). ` +
      'Choose another with --state-dir, or keep sessions in memory with --no-persist.',
    1,
  );
  error.cause = cause;
  return error;
}
