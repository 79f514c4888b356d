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

/** A halted server is tried again by a call, for each session at most this often (ms). */
const TRY_EVERY = 5_000;

/**
 * The tries of arrivals, sessions that have agreed on no revision yet. They share one every `TRY_EVERY`: a client that the
 * server does not start for is another session each time it comes. The turns are taken until then (ms), the last of them
 * by a client that said this in its `initialize`.
 */
interface Turns {
  readonly until: number;
  readonly said: string | undefined;
}

const NO_TURNS: Turns = { until: Number.NEGATIVE_INFINITY, said: undefined };

/** Beside a backend that serves, a newcomer is late after so many times the last start, and not before (ms). */
const LATE_AFTER = { starts: 3, least: 5_000 };

export class Starts {
  #failures = 0;
  #turns = NO_TURNS;
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

  /**
   * Halted, and tried so lately (ms, any monotonic clock) that the next try has to wait: by the session itself, at
   * `triedAt`, or if it is an arrival, which says `arrival`, by others of them. One that says something else than the last
   * may have the next turn in advance, so that a client that breaks the server does not take every turn.
   */
  isResting(now: number, triedAt: number, arrival: string | undefined): boolean {
    if (!this.halted) return false;
    if (arrival === undefined) return now - triedAt < TRY_EVERY;
    const { until, said } = this.#turns;
    return until - now > (said === arrival ? 0 : TRY_EVERY);
  }

  /** A start has begun for an arrival that says `said`. Many may have waited for a build: one turn is in advance at most. */
  tookTurn(now: number, said: string): void {
    const from = this.halted ? Math.max(now, this.#turns.until) : now;
    this.#turns = { until: Math.min(from, now + TRY_EVERY) + TRY_EVERY, said };
  }

  /** `instead`: in the place of a lost one. A process that several sessions share is begun by each of them, and counts once. */
  began(instead: boolean, pid: number | undefined): void {
    if (instead && (pid === undefined || pid !== this.#lastPid)) this.#restarts += 1;
    this.#lastPid = pid;
  }

  /** A start has succeeded, `ms` after the process was spawned. */
  becameReady(ms: number): void {
    this.#failures = 0;
    this.#turns = NO_TURNS;
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
