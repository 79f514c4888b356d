// One generation on its way to the sessions: proven in one of them, then taken up by the others.
import { setTimeout as pause } from 'node:timers/promises';
import { isExclusive } from '../backend/exclusive.js';
import type { Exit } from '../backend/starts.js';
import type { CallFailure } from '../errors.js';
import type { TakenUp } from '../session/plan.js';
import type { Session } from '../session/session.js';

/** Which one comes first where a new server replaces an old one. */
export type Replace = 'start-first' | 'stop-first';

export interface RollDoors {
  readonly generation: number;
  replace(): Replace;
  /** The server cannot run beside itself: from now on the old one stops first. `late`: it did not say so, but was not ready after so many ms. */
  runsOnce(late: number | undefined): void;
  /** Another change has begun, which holds the calls. */
  isHolding(): boolean;
  /** Resolves when it is over, whatever came of it; at once if there is none. */
  whenCalm(): Promise<void>;
  /** What the calls of a session are told that alone could not take it up; undefined: nothing, the old server goes on. */
  refusalOf(exit: Exit): CallFailure | undefined;
}

export type RollEnd =
  /** So many sessions have it. */
  | { readonly kind: 'rolled'; readonly sessions: number }
  /** The first session that tried it could not, so no other did. */
  | { readonly kind: 'failed'; readonly exit: Exit }
  | { readonly kind: 'cancelled' };

type Failed = Extract<TakenUp, { kind: 'failed' }>;

/** After the first session has proven a generation, so many others take it up at once. */
const AT_ONCE = 2;

/** A program that is being written is tried again: so often, for so long (ms). */
const BUSY = { every: 500, most: 30_000 };

export class Roll {
  readonly #doors: RollDoors;
  readonly #beganAt = performance.now();
  readonly #refused = new WeakMap<Session, CallFailure>();
  /** It has not reached these yet. */
  readonly #ahead = new Set<Session>();
  #isCancelled = false;
  #count = 0;

  constructor(doors: RollDoors) {
    this.#doors = doors;
  }

  /** What has begun to start goes on, and nobody is told of it. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** Takes the generation to `sessions`: who has waited longest first. Never rejects. */
  async run(sessions: Iterable<Session>): Promise<RollEnd> {
    const order = inOrder(sessions);
    for (const session of order) this.#ahead.add(session);
    const exit = await this.#prove(order);
    if (exit) return { kind: 'failed', exit };
    await eachOf(order, AT_ONCE, (session) => this.#follow(session));
    return this.#isCancelled ? { kind: 'cancelled' } : { kind: 'rolled', sessions: this.#count };
  }

  /** What held it up was no change: calls go on in the sessions that it has reached, and starts in the others. */
  resume(sessions: Iterable<Session>): void {
    for (const session of sessions) {
      if (this.#ahead.has(session)) session.mayStart();
      else this.letGo(session);
    }
  }

  /** Its calls go on; what a session was told of itself alone still stands. */
  letGo(session: Session): void {
    const refusal = this.#refused.get(session);
    if (refusal) session.refuseCalls(refusal);
    else session.holdEnds();
  }

  /** Until one session has a backend of the generation that serves, or one that could not: the latter is told. */
  async #prove(order: Session[]): Promise<Exit | undefined> {
    for (let session = order.shift(); session; session = order.shift()) {
      const outcome = await this.#reach(session);
      if (this.#isCancelled) return undefined;
      if (outcome.kind === 'failed') return outcome.exit;
      if (outcome.kind === 'serves') return undefined;
    }
    return undefined;
  }

  async #follow(session: Session): Promise<void> {
    const outcome = await this.#reach(session);
    if (this.#isCancelled || outcome.kind !== 'failed') return;
    const refusal = this.#doors.refusalOf(outcome.exit);
    if (refusal) this.#refused.set(session, refusal);
    if (!this.#doors.isHolding()) this.letGo(session);
  }

  /** Nothing is started while files change: it would be old in a moment, or half written. */
  async #reach(session: Session): Promise<TakenUp> {
    await this.#doors.whenCalm();
    const isNeeded = !this.#isCancelled && session.state !== 'closed';
    const outcome = isNeeded ? await this.#takeUp(session) : { kind: 'not-needed' as const };
    this.#ahead.delete(session);
    return outcome;
  }

  async #takeUp(session: Session): Promise<TakenUp> {
    const outcome = await session.takeUp(this.#doors.replace(), this.#doors.generation);
    if (this.#isCancelled) return outcome;
    if (outcome.kind === 'late') return this.#stopFirst(session, outcome.ms);
    if (outcome.kind === 'failed') return this.#retry(session, outcome);
    if (outcome.kind === 'serves') this.#count += 1;
    // A change that has begun meanwhile holds on.
    if (!this.#doors.isHolding()) session.holdEnds();
    return outcome;
  }

  /** What failed for a reason that passes, or that can be removed, is tried again. */
  async #retry(session: Session, failed: Failed): Promise<TakenUp> {
    const { exit } = failed;
    if (this.#doors.replace() === 'start-first' && isExclusive(exit))
      return this.#stopFirst(session, undefined);
    if (!exit.isBusy || performance.now() - this.#beganAt > BUSY.most) return failed;
    await pause(BUSY.every, undefined, { ref: false });
    return this.#isCancelled ? failed : this.#takeUp(session);
  }

  #stopFirst(session: Session, late: number | undefined): Promise<TakenUp> {
    this.#doors.runsOnce(late);
    return this.#takeUp(session);
  }
}

/** Whoever has waited longest first, then who was used last. */
function inOrder(sessions: Iterable<Session>): Session[] {
  return [...sessions].toSorted((a, b) => {
    const waited = (a.heldSince ?? Number.POSITIVE_INFINITY) - (b.heldSince ?? Number.POSITIVE_INFINITY);
    return waited || b.usedAt - a.usedAt;
  });
}

/** Runs `act` on each, so many at a time, in order. */
async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of { [Symbol.iterator]: () => left }) await act(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
