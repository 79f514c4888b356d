// Opens the store of a state folder, for this process alone.
import path from 'node:path';
import { BridgeError } from '../errors.js';
import { type DiskDoors, DiskStore } from './disk.js';
import { codeOf } from './error-code.js';
import { makeFolder } from './folder.js';
import { takeLock } from './lock.js';
import { LOCK } from './names.js';

export interface OpenPlan extends DiskDoors {
  readonly folder: string;
  /** The project folder, to be named to those who find the state folder in use. */
  readonly project: string;
}

export interface OpenStore {
  readonly store: DiskStore;
  readonly folder: string;
  /** Who had the folder before did not close it: it was killed. */
  readonly wasKilled: boolean;
  /** Closes the store and lets the folder go. May be called in an `exit` handler, and twice. */
  close(): void;
}

/**
 * Makes the folder if need be, takes it for this process, and reads what is in it.
 *
 * Throws a BridgeError where another bridge has the folder, and one with a `cause` where the folder cannot be used.
 */
export function openStore(plan: OpenPlan): OpenStore {
  const { folder, project } = plan;
  const { lock, isTakenOver } = lockOf(folder, project);
  const store = new DiskStore(plan);
  const close = () => {
    store.close();
    lock.release();
  };
  return { store, folder, wasKilled: isTakenOver, close };
}

function lockOf(folder: string, project: string) {
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
