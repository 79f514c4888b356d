// What waits for a backend, in the order in which it came, each for a bounded time.
import type { CallFailure } from '../errors.js';
import {
  type NotificationLine,
  notificationText,
  progressToken,
  type RequestId,
  type RequestLine,
} from '../protocol/jsonrpc.js';
import { PROGRESS } from '../protocol/mcp.js';
import { heldTooLong, OVERLOADED, type WaitingFor } from './failures.js';
import type { Stream } from './stream.js';

/** A request or notification that waits. */
export type Held = HeldRequest | HeldNotification;

export interface HeldRequest {
  readonly line: RequestLine;
  readonly stream: Stream;
  /** It was sent to a backend before, which was lost. */
  readonly again: boolean;
}

export interface HeldNotification {
  readonly line: NotificationLine;
}

export interface HoldDoors {
  /** What is waited for, in words, if more is known than that there is no backend. */
  waitingFor(): WaitingFor | undefined;
  /** Tells the client of a request with a progress token that it waits. */
  tell(stream: Stream, progressText: string): void;
  /** The client of this stream is kept waiting from now on. */
  begin(stream: Stream): void;
  /** Answers a request with an error; drops a notification. */
  refuse(held: Held, failure: CallFailure): void;
}

/** Beyond these a session holds nothing more (entries; characters). */
const MOST_ENTRIES = 1_000;
const MOST_CHARACTERS = 64 * 1024 * 1024;

interface Entry {
  readonly held: Held;
  readonly since: number;
  readonly timer: NodeJS.Timeout;
}

export class Hold {
  readonly #timeout: number;
  readonly #doors: HoldDoors;
  #entries: Entry[] = [];
  #characters = 0;

  /** `timeout`: how long one is held (ms); then it is refused. */
  constructor(timeout: number, doors: HoldDoors) {
    this.#timeout = timeout;
    this.#doors = doors;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** When the oldest came (ms, monotonic). */
  get since(): number | undefined {
    return this.#entries[0]?.since;
  }

  /** Holds one more, or refuses it if too much is held. */
  add(held: Held): void {
    if (this.#entries.length >= MOST_ENTRIES || this.#characters >= MOST_CHARACTERS) {
      return this.#doors.refuse(held, OVERLOADED);
    }
    this.#entries.push(this.#entry(held));
  }

  /** What was sent before comes before what was not. */
  addFirst(held: readonly Held[]): void {
    this.#entries.unshift(...held.map((each) => this.#entry(each)));
  }

  refuseAll(failure: CallFailure): void {
    for (const held of this.takeAll()) this.#doors.refuse(held, failure);
  }

  has(id: RequestId): boolean {
    return this.#entries.some(({ held }) => isRequest(held, id));
  }

  /** A request in the line, if it is there. */
  find(id: RequestId): HeldRequest | undefined {
    const held = this.#entries.find((entry) => isRequest(entry.held, id))?.held;
    return held && 'stream' in held ? held : undefined;
  }

  /** Takes one request out of the line, if it is there. */
  take(id: RequestId): HeldRequest | undefined {
    const held = this.find(id);
    if (held) this.#remove(held);
    return held;
  }

  /** Takes all, in order. */
  takeAll(): Held[] {
    const taken = this.#entries.map(({ held }) => held);
    for (const { timer } of this.#entries) clearTimeout(timer);
    this.#entries = [];
    this.#characters = 0;
    return taken;
  }

  /** The streams of what is held. */
  streams(): Stream[] {
    return this.#entries.flatMap(({ held }) => ('stream' in held ? held.stream : []));
  }

  /**
   * Below zero: what the server reports later must be more (2025-11-25, progress). It may have reported of a request that is
   * sent again, so nothing is told of that one.
   */
  #begin({ line, stream, again }: HeldRequest): void {
    this.#doors.begin(stream);
    const token = progressToken(line.message);
    if (token === undefined || again) return;
    const waitingFor = this.#doors.waitingFor();
    const message = waitingFor
      ? `Waiting: ${waitingFor.what} (${waitingFor.why}).`
      : 'Waiting: the server is starting.';
    this.#doors.tell(stream, notificationText(PROGRESS, { progressToken: token, progress: -1, message }));
  }

  #entry(held: Held): Entry {
    this.#characters += held.line.text.length;
    if ('stream' in held) this.#begin(held);
    const expire = () => {
      this.#remove(held);
      this.#doors.refuse(
        held,
        heldTooLong(this.#timeout, 'stream' in held && held.again, this.#doors.waitingFor()),
      );
    };
    return { held, since: performance.now(), timer: setTimeout(expire, this.#timeout) };
  }

  #remove(held: Held): void {
    const at = this.#entries.findIndex((entry) => entry.held === held);
    const [removed] = at < 0 ? [] : this.#entries.splice(at, 1);
    if (!removed) return;
    clearTimeout(removed.timer);
    this.#characters -= held.line.text.length;
  }
}

function isRequest(held: Held, id: RequestId): boolean {
  return 'stream' in held && held.line.message.id === id;
}
