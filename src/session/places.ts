// How many sessions may have a backend at once. Beyond that, one that nobody uses gives its own up; with none of these, the
// newcomer waits for its turn.

/** A session, as its place sees it. */
export interface Seeker {
  /** Nobody listens to it, and it has no request to answer: its backend may be stopped until its next call. */
  readonly canSleep: boolean;
  /** When it was last used (ms, monotonic). */
  readonly usedAt: number;
  /** Gives its place up: calls `leave`. */
  sleep(): void;
  /** It has a place now, for which it has waited. */
  onPlace(): void;
}

export class Places {
  readonly most: number;
  readonly #taken = new Set<Seeker>();
  readonly #waiting = new Set<Seeker>();
  /** Places that nobody needs any more, and that are not free yet. */
  #leaving = 0;

  /** `most`: how many have a place at once; at least 1. */
  constructor(most: number) {
    this.most = most;
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether it has a place, now or already. If not, it waits, and is told. */
  ask(seeker: Seeker): boolean {
    if (this.#taken.has(seeker)) return true;
    // Where one is free, nobody waits.
    const isFree = this.#taken.size + this.#leaving < this.most;
    (isFree ? this.#taken : this.#waiting).add(seeker);
    this.offer();
    return isFree;
  }

  isWaiting(seeker: Seeker): boolean {
    return this.#waiting.has(seeker);
  }

  /**
   * It needs no place any more, or does not wait for one. Its place is free when its processes are `gone`: what they own,
   * the next server may need. The one that has waited longest gets it, perhaps the same one again.
   */
  leave(seeker: Seeker, gone: Promise<void>): void {
    this.#waiting.delete(seeker);
    if (!this.#taken.delete(seeker)) return;
    this.#leaving += 1;
    void gone.then(() => {
      this.#leaving -= 1;
      this.#give();
    });
  }

  /** Somebody has become one that may sleep: if one waits for whom no place is being left, this is its turn. */
  offer(): void {
    if (this.#waiting.size > this.#leaving) this.#sleeper()?.sleep();
  }

  /** Nobody gets a place any more for which they have waited. */
  close(): void {
    this.#waiting.clear();
  }

  #give(): void {
    const [next] = this.#waiting;
    if (!next) return;
    this.#waiting.delete(next);
    this.#taken.add(next);
    next.onPlace();
  }

  /** The one that was used least lately of those that may sleep. */
  #sleeper(): Seeker | undefined {
    let found: Seeker | undefined;
    for (const seeker of this.#taken)
      if (seeker.canSleep && seeker.usedAt < (found?.usedAt ?? Number.POSITIVE_INFINITY)) found = seeker;
    return found;
  }
}
