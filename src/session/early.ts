// Answers that do not wait for a backend: a client must not give up because the server is being built or starts slowly.
// What was told so, or by an earlier generation, is put right when a backend is there.
import { type Backend, hasEnded } from '../backend/backend.js';
import type { RequestId, RequestLine } from '../protocol/jsonrpc.js';
import { INITIALIZE } from '../protocol/mcp.js';
import type { Catalog } from './catalog.js';
import type { Handshake } from './handshake.js';
import type { HeldRequest, Hold } from './hold.js';
import type { Outbox } from './outbox.js';
import { emptyResult, provisional, resultText } from './snapshot.js';
import type { Traffic } from './traffic.js';

export interface EarlyParts {
  readonly catalog: Catalog;
  readonly handshake: Handshake;
  readonly traffic: Traffic;
  readonly outbox: Outbox;
  readonly hold: Hold;
  /** What clients are told the server is called before it says so itself. */
  readonly serverName: string;
}

export interface EarlyDoors {
  /** A build is under way, or the newest code does not run: no backend is coming in a moment. */
  isFar(): boolean;
  /** The client's `initialize` is being answered without a backend; the record is to be kept first. */
  onOpened(): void;
}

/** A start that takes longer than this is not waited for, if the answer is known (ms). */
const SLOW_START = 500;
/** An `initialize` is not kept waiting longer than this (ms). */
const PATIENCE = 5_000;

export class Early {
  readonly #parts: EarlyParts;
  readonly #doors: EarlyDoors;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** The client was told of a server that nobody has met yet. */
  #isProvisional = false;
  /** The client may know lists that the next backend does not have. */
  #isStale = false;

  constructor(parts: EarlyParts, doors: EarlyDoors) {
    this.#parts = parts;
    this.#doors = doors;
  }

  /** The client's `initialize` waits. */
  onOpening(): void {
    if (this.#doors.isFar()) this.#open(false);
    this.#later(SLOW_START, () => this.#open(false));
    this.#later(PATIENCE, () => this.#open(true));
  }

  /** The client's `initialize` is to be answered now, whatever is known. */
  openNow(): void {
    this.#open(true);
  }

  /** Answers a quick request at once if no backend comes in a moment; whether it did. */
  answerNow(held: HeldRequest): boolean {
    return this.#doors.isFar() && this.#answer(held);
  }

  /** A quick request waits. */
  onHeld(id: RequestId): void {
    const { hold } = this.#parts;
    this.#later(SLOW_START, () => {
      const held = hold.find(id);
      if (held && this.#answer(held)) hold.take(id);
    });
  }

  /** A new generation is about to be taken up. */
  onChange(): void {
    this.#isStale = true;
  }

  /** A backend is there: tells the client which of the lists it has been shown are others now. */
  async putRight(backend: Backend): Promise<readonly string[]> {
    this.#isProvisional = false;
    if (!this.#isStale) return [];
    this.#isStale = false;
    const { catalog, handshake, outbox } = this.#parts;
    const due = await catalog.compare((text) => handshake.ask(backend, text));
    // The next one is asked for what this one did not live to tell.
    if (hasEnded(backend)) this.#isStale = true;
    for (const method of due) outbox.announce(method);
    return [...due];
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #answer({ line, stream }: HeldRequest): boolean {
    const result = this.#known(line);
    if (result === undefined) return false;
    this.#isStale = true;
    this.#parts.catalog.note(line, result);
    this.#parts.outbox.answer(stream, resultText(line.message.id, result));
    return true;
  }

  #known({ message }: RequestLine): string | undefined {
    return (
      this.#parts.catalog.known(message.method) ??
      (this.#isProvisional ? emptyResult(message.method) : undefined)
    );
  }

  #open(evenProvisionally: boolean): void {
    const { catalog, handshake, traffic, outbox, serverName } = this.#parts;
    const known = catalog.known(INITIALIZE);
    if (known === undefined && !evenProvisionally) return;
    // A client that has left may have given up; it is answered if it comes back.
    if (!handshake.opening?.stream.connection) return;
    const opening = handshake.takeOpening();
    if (!opening) return;
    this.#isProvisional = known === undefined;
    this.#isStale = true;
    const result = known ?? provisional(opening.line, serverName);
    traffic.withdraw(opening.line.message.id);
    handshake.openedEarly(opening, result);
    this.#doors.onOpened();
    outbox.answer(opening.stream, resultText(opening.line.message.id, result));
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}
