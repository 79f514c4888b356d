// One backend that several sessions share: the bridge introduces itself to it, and ends it when nobody sits there.
import { errorOf, type Line, notificationText, type ResponseLine } from '../protocol/jsonrpc.js';
import { INITIALIZE, INITIALIZED, LATEST_REVISION } from '../protocol/mcp.js';
import { type Backend, type BackendReport, hasEnded, isLeaving } from './backend.js';
import type { Host, Seat } from './seat.js';
import type { Exit } from './starts.js';
import type { StartBackend } from './supervisor.js';
import { Switchboard } from './switchboard.js';

export interface SharedDoors {
  /** It gives way: from now on it and the next one do not live beside each other. */
  onYield(): void;
  /** Its process is gone. Called before its seats are told. */
  onGone(shared: SharedBackend): void;
  report(report: BackendReport): void;
}

export interface SharedPlan {
  readonly startBackend: StartBackend;
  /** The bridge's own, which the server is told. */
  readonly version: string;
}

export class SharedBackend implements Host {
  readonly #doors: SharedDoors;
  readonly #backend: Backend;
  readonly #seats = new Set<Seat>();
  readonly #switchboard: Switchboard<Seat>;
  #answer: ResponseLine | undefined;
  #exit: Exit | undefined;
  #isYielding = false;

  /** Starts the process, and introduces the bridge to it. */
  constructor({ startBackend, version }: SharedPlan, doors: SharedDoors) {
    this.#doors = doors;
    this.#backend = startBackend({
      onLine: (_, line) => this.#switchboard.onLine(line),
      onState: () => this.#onState(),
      onSilent: () => this.#onSilent(),
      report: (report) => doors.report(report),
    });
    this.#switchboard = new Switchboard((text) => this.#backend.send(text), this.#seats);
    const clientInfo = { name: 'mcp-bridge', version };
    const params = { protocolVersion: LATEST_REVISION, capabilities: {}, clientInfo };
    this.#switchboard.ask(INITIALIZE, params, (answer) => this.#onAnswer(answer));
  }

  get generation(): number {
    return this.#backend.generation;
  }

  get pid(): number | undefined {
    return this.#backend.pid;
  }

  get answer(): ResponseLine | undefined {
    return this.#answer;
  }

  /** One object for all its seats once it is gone: its end is one end. */
  get exit(): Exit {
    return this.#exit ?? this.#backend.exit;
  }

  /** Whether further sessions can sit down. */
  get isOpen(): boolean {
    return !this.#isYielding && !this.isEnding;
  }

  get isEnding(): boolean {
    return isLeaving(this.#backend) || hasEnded(this.#backend);
  }

  add(seat: Seat): void {
    this.#seats.add(seat);
    seat.sit(this);
  }

  send(seat: Seat, line: Line): ReturnType<Backend['send']> {
    return this.#switchboard.send(seat, line);
  }

  leave(seat: Seat): void {
    this.#switchboard.drop(seat, this.#isEmpty);
    if (this.#isEmpty) return this.#end();
    // While it gives way, the end of a seat is its end, so that nobody starts another one before.
    if (this.#isYielding) return;
    this.#seats.delete(seat);
    seat.endAlone();
  }

  yield(): void {
    if (!this.isOpen) return;
    this.#isYielding = true;
    this.#doors.onYield();
    for (const seat of this.#seats) seat.yielded();
    this.#backend.drain(true);
    if (this.#isEmpty) this.#end();
  }

  /** All who wait for its end say so; it is hastened once. */
  hasten(seat: Seat): void {
    const [first] = this.#seats;
    if (seat === first) this.#backend.hasten();
  }

  kill(): void {
    this.#backend.kill();
  }

  get #isEmpty(): boolean {
    return [...this.#seats].every((seat) => !seat.isTaken);
  }

  #end(): void {
    if (this.#isYielding) this.#backend.drained();
    else this.#backend.stop();
  }

  #onState(): void {
    const { state } = this.#backend;
    if (state === 'stopping') this.#follow('ending');
    if (state === 'crashed') this.#follow('lost');
    if (state === 'stopped') this.#follow('gone');
  }

  #follow(input: 'ending' | 'lost' | 'gone'): void {
    for (const seat of [...this.#seats]) seat.follow(input);
  }

  #onSilent(): void {
    this.#exit = this.#backend.exit;
    this.#doors.onGone(this);
    for (const seat of [...this.#seats]) seat.silence();
  }

  /** The server has answered the bridge's `initialize`. What it said is what every client is told. */
  #onAnswer(answer: ResponseLine): void {
    this.#answer = answer;
    for (const seat of this.#seats) seat.introduce();
    const { message } = answer;
    const error = errorOf(message);
    if (error) {
      const reason = `it refused initialize: ${error.message}`;
      // Its clients are told in its own words first.
      return queueMicrotask(() => this.#backend.refuse(reason));
    }
    this.#backend.send(notificationText(INITIALIZED));
    this.#backend.handshaken();
  }
}
