// Whether anybody is there: what makes a session idle, and what a machine that slept does to that.
import type { Stream } from './stream.js';

/** A client that left before `initialize` was answered, and did not come back for so long, has given up (ms). */
const RESUME_BUDGET = 10_000;

export class Presence {
  #activeAt = performance.now();

  /** When a message last came (ms, monotonic). */
  get activeAt(): number {
    return this.#activeAt;
  }

  /** The same (ms since 1970). */
  get lastUse(): number {
    return Math.round(Date.now() - (performance.now() - this.#activeAt));
  }

  /** A message came for the other side, from either one: what the bridge asks for itself is no use. */
  touch(now = performance.now()): void {
    this.#activeAt = now;
  }

  /**
   * Nothing has come for `limit` ms, and for as long nobody has waited on `streams`: no connection was open. To be asked
   * often: that one is open is seen when it is asked.
   */
  isIdle(now: number, limit: number, streams: readonly Stream[]): boolean {
    for (const { connection, leftAt } of streams) {
      this.touch(Math.max(this.#activeAt, connection ? now : (leftAt ?? 0)));
    }
    return now - this.#activeAt >= limit;
  }

  /** The client left before its `initialize` was answered on this stream, and does not come back. */
  isAbandoned(now: number, opening: Stream | undefined): boolean {
    return opening?.leftAt !== undefined && now - opening.leftAt > RESUME_BUDGET;
  }

  /** The machine slept: every wait begins anew. */
  wakeUp(now: number, streams: readonly Stream[]): void {
    this.touch(now);
    for (const stream of streams) if (stream.leftAt !== undefined) stream.leftAt = now;
  }
}
