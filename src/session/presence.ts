// Whether anybody is there: what makes a session idle, and what a machine that slept does to that.
import type { Stream } from './stream.js';

/** A client that left before `initialize` was answered, and did not come back for so long, has given up (ms). */
const RESUME_BUDGET = 10_000;

export class Presence {
  #activeAt = performance.now();

  /** When a message last came, or somebody was last seen to listen (ms, monotonic). */
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

  /** Who listens uses it too: on an open connection until now, else until it was left. To be looked at often. */
  look(now: number, streams: readonly Stream[]): void {
    for (const { connection, leftAt } of streams) {
      this.touch(Math.max(this.#activeAt, connection ? now : (leftAt ?? 0)));
    }
  }

  /** For `limit` ms nothing has come, and nobody was seen to listen. */
  isIdle(now: number, limit: number): boolean {
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
