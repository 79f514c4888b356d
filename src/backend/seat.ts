// A seat: one session's place at a backend that several share. To its session it is a backend like any other.
import {
  asLine,
  errorOf,
  isObject,
  type Line,
  parseJson,
  type RequestLine,
  type ResponseLine,
} from '../protocol/jsonrpc.js';
import { INITIALIZE, INITIALIZED, isSessionRevision, PROGRESS, ROOTS_CHANGED } from '../protocol/mcp.js';
import { replaceAt, valueAt } from '../protocol/rewrite.js';
import { type Backend, type BackendDoors, hasEnded } from './backend.js';
import { SEATED, type SeatInput, type SeatState, seatStep } from './seat-state.js';
import type { Exit } from './starts.js';

/** What a seat needs of the backend that it is at. */
export interface Host {
  readonly generation: number;
  readonly pid: number | undefined;
  readonly exit: Exit;
  /** What the server answered to the bridge's `initialize`, as a message, once it has. */
  readonly answer: ResponseLine | undefined;
  /** A request or notification of this seat's session. */
  send(seat: Seat, line: Line): 'sent' | 'full' | 'gone';
  /** It has got up: its calls are over. */
  leave(seat: Seat): void;
  /** The whole backend gives way to a new generation. */
  yield(): void;
  /** This seat waits for its end, and will not any longer. */
  hasten(seat: Seat): void;
  kill(): void;
}

export interface SeatPlan {
  /** The generation that a seat without a host waits for. */
  readonly newest: () => number;
  /** It has got up before it had a host. */
  readonly onLeft: (seat: Seat) => void;
}

const NO_EXIT: Exit = { code: null, signal: null, whileStarting: true, tail: [] };

/** The session keeps these to itself: the server knows one client, which is the bridge. */
const OWN_AFFAIRS: ReadonlySet<string> = new Set([INITIALIZED, ROOTS_CHANGED, PROGRESS]);

export class Seat implements Backend {
  readonly #doors: BackendDoors;
  readonly #plan: SeatPlan;
  #host: Host | undefined;
  #state: SeatState = SEATED;
  /** The session's `initialize`, until it is answered. */
  #opening: RequestLine | undefined;
  #isIntroduced = false;
  #isSilent = false;

  constructor(plan: SeatPlan, doors: BackendDoors) {
    this.#plan = plan;
    this.#doors = doors;
  }

  get generation(): number {
    return this.#host?.generation ?? this.#plan.newest();
  }

  get pid(): number | undefined {
    return this.#host?.pid;
  }

  get state(): SeatState['name'] {
    return this.#state.name;
  }

  /** Whether its session needs the backend that it is at. */
  get isTaken(): boolean {
    return !hasEnded(this) && this.state !== 'stopping';
  }

  /** Whether its session is told what the server says to all: the last words of one that crashed, too. */
  get listens(): boolean {
    return this.#isIntroduced && this.state !== 'stopping';
  }

  get exit(): Exit {
    return this.#host?.exit ?? NO_EXIT;
  }

  send(text: string): 'sent' | 'full' | 'gone' {
    if (!this.isTaken) return 'gone';
    const line = asLine(parseJson(text), text);
    // The server asks the bridge and never the session, so that an answer of the session is nobody's.
    if (!line || line.kind === 'response' || OWN_AFFAIRS.has(line.message.method)) return 'sent';
    if (line.kind === 'request' && line.message.method === INITIALIZE) return this.#open(line);
    return this.#host?.send(this, line) ?? 'gone';
  }

  handshaken(): void {
    this.#input('handshaken');
  }

  refuse(): void {
    this.#input('refused');
  }

  drain(isLimited: boolean): void {
    // Only a backend that must go before the next one is started is hurried, and that goes with all its seats.
    if (isLimited) this.#host?.yield();
    this.#input('drain');
  }

  drained(): void {
    this.#input('drained');
  }

  stop(): void {
    this.#input('stop');
  }

  hasten(): void {
    if (this.state === 'draining') this.stop();
    else this.#host?.hasten(this);
  }

  kill(): void {
    this.#host?.kill();
  }

  /** Its backend is there, which may be starting. */
  sit(host: Host): void {
    this.#host = host;
    this.introduce();
  }

  /** Answers the session's `initialize` once the server has answered the bridge's; never before `send` has returned. */
  introduce(): void {
    if (this.#opening && this.#host?.answer) queueMicrotask(() => this.#introduce());
  }

  /** Its backend takes no more calls. One that was not introduced has none that could be waited for. */
  yielded(): void {
    const hasNone = this.state === 'starting';
    this.#input('yielded');
    if (hasNone) this.#input('drained');
  }

  /** The shared backend has gone this far to its end. */
  follow(input: 'ending' | 'lost' | 'gone'): void {
    this.#input(input);
  }

  /** Nobody waits for its end, and it does not end its backend; never before `stop` or `drained` has returned. */
  endAlone(): void {
    queueMicrotask(() => {
      this.#input('gone');
      this.silence();
    });
  }

  /** Nothing more will be heard. */
  silence(): void {
    if (this.#isSilent || !hasEnded(this)) return;
    this.#isSilent = true;
    this.#doors.onSilent(this);
  }

  /** A message for its session. */
  hear(line: Line): void {
    if (!this.#isSilent) this.#doors.onLine(this, line);
  }

  #open(line: RequestLine): 'sent' {
    this.#opening = line;
    this.introduce();
    return 'sent';
  }

  #introduce(): void {
    const [opening, answer] = [this.#opening, this.#host?.answer];
    if (!opening || !answer || this.state !== 'starting') return;
    this.#opening = undefined;
    this.#isIntroduced = !errorOf(answer.message);
    this.hear(answerTo(opening, answer));
  }

  #input(input: SeatInput): void {
    const before = this.#state;
    const { state, leaves } = seatStep(before, input);
    this.#state = state;
    if (leaves) this.#leave();
    if (this.#state.name !== before.name) this.#doors.onState(this);
  }

  #leave(): void {
    if (this.#host) return this.#host.leave(this);
    this.#plan.onLeft(this);
    this.endAlone();
  }
}

/** What the server told the bridge, told to a client: under its id, and in the revision that it speaks. */
function answerTo({ message, text }: RequestLine, answer: ResponseLine): ResponseLine {
  const named = replaceAt(answer.text, ['id'], valueAt(text, ['id']) ?? 'null');
  const asked = isObject(message.params) ? message.params.protocolVersion : undefined;
  const isKnown = typeof asked === 'string' && isSessionRevision(asked);
  const told = isKnown ? replaceAt(named, ['result', 'protocolVersion'], JSON.stringify(asked)) : named;
  const line = asLine(parseJson(told), told);
  return line?.kind === 'response' ? line : answer;
}
