// The sessions that were ended for good, as far back as there is room.
import type { SessionId } from './store.js';

/** Beyond it the oldest are not remembered as ended. */
const MOST = 100_000;

export class Ended {
  readonly #sessions = new Set<SessionId>();
  #characters = 0;

  get size(): number {
    return this.#sessions.size;
  }

  /** Of all ids. */
  get characters(): number {
    return this.#characters;
  }

  add(session: SessionId): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    this.#characters += session.length;
    const [oldest] = this.#sessions;
    if (this.#sessions.size > MOST && oldest !== undefined) this.#drop(oldest);
  }

  has(session: SessionId): boolean {
    return this.#sessions.has(session);
  }

  /** Oldest first. */
  sessions(): Iterable<SessionId> {
    return this.#sessions.values();
  }

  #drop(session: SessionId): void {
    this.#sessions.delete(session);
    this.#characters -= session.length;
  }
}
