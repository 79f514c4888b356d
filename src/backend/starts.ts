// How the starts of one server have gone, over all its sessions: what breaks one breaks them all.

/** How one backend ended. */
export interface Exit {
  /** Exit code, or null where a signal ended it or it could not be spawned. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the bridge ended it or could not start it, if it was the bridge. */
  readonly reason?: string | undefined;
  readonly whileStarting: boolean;
  /** The program was being written just then: that is no fault of it. */
  readonly isBusy?: boolean;
  /** The last lines of its stderr. */
  readonly tail: readonly string[];
}

/** So many failed starts in a row, and the server is not started again by itself. */
const HALT_AFTER = 3;

/** A halted server is tried again by a call, at most this often (ms). */
const TRY_EVERY = 5_000;

/** Beside a backend that serves, a newcomer is late after so many times the last start, and not before (ms). */
const LATE_AFTER = { starts: 3, least: 5_000 };

export class Starts {
  #failures = 0;
  #lastTry = Number.NEGATIVE_INFINITY;
  #restarts = 0;
  #lastPid: number | undefined;
  #lastExit: Exit | undefined;
  #closed = false;
  #lastDuration = 0;

  /** A build is under way, what would be started now would be old in a moment; or the bridge has just begun. */
  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  /** Starts may go on. A new generation (`fresh`) begins without the failures of the last one. */
  open(fresh: boolean): void {
    this.#closed = false;
    if (fresh) this.#failures = 0;
  }

  /** Backends that took the place of a lost one, since the bridge started. */
  get restarts(): number {
    return this.#restarts;
  }

  get lastExit(): Exit | undefined {
    return this.#lastExit;
  }

  /** How long a newcomer may take beside a backend that serves (ms): then it is taken to wait for what that one holds. */
  get patience(): number {
    return Math.max(LATE_AFTER.starts * this.#lastDuration, LATE_AFTER.least);
  }

  /** Too many failed starts in a row. */
  get halted(): boolean {
    return this.#failures >= HALT_AFTER;
  }

  /** Halted, and tried so lately (ms, any monotonic clock) that the next try has to wait. */
  isResting(now: number): boolean {
    return this.halted && now - this.#lastTry < TRY_EVERY;
  }

  /** `instead`: in the place of a lost one. A process that several sessions share is begun by each of them, and counts once. */
  began(now: number, instead: boolean, pid: number | undefined): void {
    this.#lastTry = now;
    if (instead && (pid === undefined || pid !== this.#lastPid)) this.#restarts += 1;
    this.#lastPid = pid;
  }

  /** A start has succeeded, `ms` after the process was spawned. */
  becameReady(ms: number): void {
    this.#failures = 0;
    this.#lastDuration = ms;
  }

  /** Sessions that share a backend lose it with the same exit, which is one loss. */
  wasLost(exit: Exit): void {
    if (exit === this.#lastExit) return;
    this.#lastExit = exit;
    if (exit.whileStarting && !exit.isBusy) this.#failures += 1;
  }
}

/** "exit 7", "SIGSEGV", or the bridge's own reason. */
export function describeExit(exit: Exit): string {
  if (exit.reason) return exit.reason;
  return exit.signal ?? `exit ${exit.code}`;
}
