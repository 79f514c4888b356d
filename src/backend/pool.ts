// All seats of one server: at most one backend of a generation, which the sessions share.
import type { BackendReport } from './backend.js';
import { Seat } from './seat.js';
import { SharedBackend } from './shared.js';
import type { StartBackend } from './supervisor.js';

export interface PoolPlan {
  readonly startBackend: StartBackend;
  /** The generation that a backend that is started now runs. */
  readonly newest: () => number;
  /** The server can run only once: the old backend goes before the next one is started. Also found out on the way. */
  readonly isExclusive: boolean;
  readonly version: string;
  readonly report: (report: BackendReport) => void;
}

export class Pool {
  readonly #plan: PoolPlan;
  readonly #alive = new Set<SharedBackend>();
  /** Seats whose backend cannot be started yet. */
  readonly #waiting = new Set<Seat>();
  #isExclusive: boolean;

  constructor(plan: PoolPlan) {
    this.#plan = plan;
    this.#isExclusive = plan.isExclusive;
  }

  /** A seat at the backend of the newest generation; the first one starts it. */
  readonly seat: StartBackend = (doors) => {
    const onLeft = (seat: Seat) => this.#waiting.delete(seat);
    const seat = new Seat({ newest: this.#plan.newest, onLeft }, doors);
    this.#waiting.add(seat);
    this.#place();
    return seat;
  };

  #place(): void {
    if (this.#waiting.size === 0) return;
    const shared = this.#open() ?? this.#start();
    if (!shared) return;
    for (const seat of this.#waiting) shared.add(seat);
    this.#waiting.clear();
  }

  #open(): SharedBackend | undefined {
    const newest = this.#plan.newest();
    return [...this.#alive].find(({ isOpen, generation }) => isOpen && generation === newest);
  }

  /** Undefined: another one must be gone before. */
  #start(): SharedBackend | undefined {
    if (this.#isExclusive) for (const old of this.#alive) old.yield();
    // What is ending may still hold what the server needs for itself, whether that is known or not.
    if ([...this.#alive].some(({ isEnding }) => isEnding)) return undefined;
    const shared = new SharedBackend(this.#plan, {
      onYield: () => {
        this.#isExclusive = true;
      },
      onGone: (gone) => {
        this.#alive.delete(gone);
        this.#place();
      },
      report: this.#plan.report,
    });
    this.#alive.add(shared);
    return shared;
  }
}
