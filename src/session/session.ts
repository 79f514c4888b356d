// One conversation with one client, and a backend of its own. Reads the table of state.ts, carries its effects out, and
// passes messages between the client's streams and the backend.
import type { Backend } from '../backend/backend.js';
import type { Exit, Starts } from '../backend/starts.js';
import { type StartBackend, Supervisor, type SupervisorReport } from '../backend/supervisor.js';
import { type CallFailure, failureText } from '../errors.js';
import type { Options } from '../options.js';
import {
  errorText,
  INVALID_REQUEST,
  isObject,
  type Line,
  type NotificationLine,
  notificationText,
  param,
  type RequestId,
  type RequestLine,
  type ResponseLine,
} from '../protocol/jsonrpc.js';
import {
  CANCELLED,
  DEFAULT_REVISION,
  INITIALIZED,
  isListChanged,
  isSafeToRepeat,
  PROGRESS,
  understandsPriming,
} from '../protocol/mcp.js';
import type { SessionRecord, Store } from '../store/store.js';
import { ENDED, gaveUp, heldTooLong, lostWith, notRun, OVERLOADED, STOPPED } from './failures.js';
import { afterNotification, afterRequest, Questions, repeatHandshake } from './handshake.js';
import { type Held, type HeldRequest, Hold } from './hold.js';
import { InFlight, type Sent } from './inflight.js';
import { type Connection, type NoStream, Outbox, type Stream } from './outbox.js';
import { routeOf } from './route.js';
import {
  INITIALIZING,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  sessionStep,
} from './state.js';

export type SessionReport =
  | SupervisorReport
  | { readonly kind: 'session.opened'; readonly revision: string }
  | { readonly kind: 'session.closed' }
  | { readonly kind: 'session.dormant' }
  | { readonly kind: 'request.repeated'; readonly method: string }
  | { readonly kind: 'request.failed'; readonly method: string; readonly failure: CallFailure }
  | { readonly kind: 'message.dropped'; readonly text: string };

export interface SessionPlan {
  readonly id: string;
  readonly store: Store;
  readonly options: Pick<Options, 'holdTimeout' | 'idleTimeout' | 'retry'>;
  readonly startBackend: StartBackend;
  readonly starts: Starts;
  readonly report: (report: SessionReport) => void;
  /** It is over: its id is not known any more. */
  readonly onClosed: () => void;
}

/** How long a client waits before it comes back to a stream (ms); the official clients try twice. */
const RETRY = 2_000;
/** A client that left before `initialize` was answered, and did not come back for so long, has given up (ms). */
const RESUME_BUDGET = 5 * RETRY;

const CALL: SessionInput = { kind: 'call' };

export class Session {
  readonly id: string;
  readonly #plan: SessionPlan;
  readonly #supervisor: Supervisor;
  readonly #outbox: Outbox;
  readonly #hold: Hold;
  readonly #inFlight = new InFlight();
  readonly #questions = new Questions();
  #state: SessionState = INITIALIZING;
  #record: SessionRecord;
  /** The client's `initialize`, until it is answered. */
  #opening: HeldRequest | undefined;
  #activeAt = performance.now();

  /** `initialize` is the client's; `openStream` makes the stream that it is answered on. */
  constructor(plan: SessionPlan, initialize: RequestLine) {
    this.id = plan.id;
    this.#plan = plan;
    this.#record = { id: plan.id, initialize: initialize.text, subscriptions: new Map() };
    const requested = param(initialize.message, 'protocolVersion');
    const primes = () => understandsPriming(this.#record.revision ?? String(requested));
    this.#outbox = new Outbox({ store: plan.store, session: plan.id, retry: RETRY, primes });
    this.#hold = new Hold(plan.options.holdTimeout, (held) => this.#onExpired(held));
    this.#supervisor = new Supervisor(plan.startBackend, plan.starts, {
      onStarted: (backend) => this.#introduce(backend),
      onReady: () => this.#onReady(),
      onLost: () => this.#meet({ kind: 'lost' }),
      onSilent: (backend) => this.#onSilent(backend),
      onGaveUp: (exit) => this.#onGaveUp(exit),
      onLine: (backend, line) => this.#onLine(backend, line),
      report: plan.report,
    });
  }

  get state(): SessionState['name'] {
    return this.#state.name;
  }

  /** The revision agreed on, or what a client that did not agree on one is taken to speak. */
  get revision(): string {
    return this.#record.revision ?? DEFAULT_REVISION;
  }

  /** Whether a client is connected: a stream of its own, or an answer that it waits for. */
  get isConnected(): boolean {
    return this.#streams().some((stream) => stream.connection !== undefined);
  }

  /** Requests held, requests in flight. */
  get jobs(): { pending: number; running: number } {
    return { pending: this.#hold.size, running: this.#inFlight.size };
  }

  get supervisor(): Pick<Supervisor, 'backends' | 'isHalted' | 'hasten' | 'kill' | 'emptied'> {
    return this.#supervisor;
  }

  /** The stream of one POST. */
  openStream(connection: Connection, requests: number, batch: boolean): Stream {
    return this.#outbox.open(connection, requests, batch);
  }

  /** The headers of a stream, now: its answer takes longer than a moment. */
  beginStream(stream: Stream): void {
    this.#outbox.begin(stream);
  }

  /** The stream of a GET: the standalone one, or the one that `lastEventId` names. */
  attach(connection: Connection, lastEventId: string | undefined): Stream | NoStream {
    this.#activeAt = performance.now();
    return this.#outbox.attach(connection, lastEventId, this.#activeAt);
  }

  /** The client closed a connection. */
  detach(stream: Stream, connection: Connection): void {
    this.#outbox.detach(stream, connection, performance.now());
  }

  /** The request that opens the session. */
  open(line: RequestLine, stream: Stream): void {
    this.#opening = { line, stream, again: false };
    this.#supervisor.want();
  }

  /** A further request of the client, with the stream that it is answered on. */
  call(line: RequestLine, stream: Stream): void {
    this.#activeAt = performance.now();
    const { id } = line.message;
    if (this.#inFlight.has(id) || this.#hold.has(id)) {
      const message = `Request id ${JSON.stringify(id)} is in use: a request with it has not been answered yet.`;
      return this.#outbox.answer(stream, errorText(id, INVALID_REQUEST, message));
    }
    this.#meet(CALL, { line, stream, again: false });
  }

  /** A notification or a response of the client. */
  receive(line: NotificationLine | ResponseLine): void {
    this.#activeAt = performance.now();
    if (line.kind === 'notification') return this.#onClientNotification(line);
    const answered = this.#inFlight.answered(line);
    if (answered) answered.backend.send(answered.text);
    else this.#dropped(line);
  }

  /** Ends the session for good. */
  end(): void {
    this.#meet({ kind: 'ended' }, undefined, ENDED);
  }

  /** Answers all and stops the backend; the record stays. */
  shutdown(): void {
    this.#meet({ kind: 'shutdown' }, undefined, STOPPED);
    this.#outbox.close();
  }

  /** What time does to a session: its client may have left it, or given it up. */
  sweep(now: number): void {
    const leftAt = this.#opening?.stream.leftAt;
    if (leftAt !== undefined && now - leftAt > RESUME_BUDGET) this.end();
    const limit = this.#plan.options.idleTimeout;
    if (limit > 0 && this.#isIdle(now, limit)) this.#meet({ kind: 'idle' });
  }

  /** The machine slept: every wait begins anew. */
  wakeUp(now: number): void {
    this.#activeAt = now;
    for (const stream of this.#streams()) if (stream.leftAt !== undefined) stream.leftAt = now;
  }

  #isIdle(now: number, limit: number): boolean {
    const isThere = (stream: Stream) =>
      stream.connection !== undefined || (stream.leftAt !== undefined && now - stream.leftAt < limit);
    return now - this.#activeAt >= limit && !this.#streams().some(isThere);
  }

  /** The standalone stream, and those that requests wait on, oldest request first. */
  #streams(): Stream[] {
    const sent = [...this.#inFlight.sent()].map(({ stream }) => stream);
    const opening = this.#opening && !this.#inFlight.has(this.#opening.line.message.id) ? [this.#opening.stream] : [];
    return [this.#outbox.standalone, ...opening, ...sent, ...this.#hold.streams()];
  }

  #meet(input: SessionInput, subject?: Held, failure: CallFailure = ENDED): void {
    const { state, effects } = sessionStep(this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect, subject, failure);
  }

  #carryOut(effect: SessionEffect, subject: Held | undefined, failure: CallFailure): void {
    switch (effect) {
      case 'forward':
        if (subject) this.#forward(subject);
        return;
      case 'hold':
        if (subject) this.#holdBack(subject);
        return;
      case 'drop':
        if (subject) this.#refuse(subject, notRun(failure));
        return;
      case 'flush':
        for (const held of this.#hold.takeAll()) this.#forward(held);
        return;
      case 'answer-all':
        for (const sent of [...this.#inFlight.sent()]) this.#fail(sent, failure);
        return this.#answerHeld(notRun(failure));
      case 'answer-held':
        return this.#answerHeld(failure);
      case 'want':
        return this.#supervisor.want();
      case 'release':
        return this.#supervisor.release();
      case 'save':
        return this.#plan.store.save(this.#record);
      case 'forget':
        return this.#forget();
    }
  }

  #forward(held: Held): void {
    const backend = this.#supervisor.serving;
    const outcome = backend?.send(held.line.text) ?? 'gone';
    if (outcome === 'full') return this.#refuse(held, OVERLOADED);
    // Its end was not told yet; when it is, this waits for the next one.
    if (outcome === 'gone' || !backend) return this.#holdBack(held);
    if ('stream' in held) {
      this.#inFlight.add({ line: held.line, stream: held.stream, backend, again: held.again });
    }
  }

  #holdBack(held: Held): void {
    if (this.#hold.isFull) return this.#refuse(held, OVERLOADED);
    this.#hold.add(held);
    if ('stream' in held) this.#outbox.begin(held.stream);
  }

  #onExpired(held: Held): void {
    const again = 'stream' in held && held.again;
    this.#refuse(held, heldTooLong(this.#plan.options.holdTimeout, again));
  }

  #answerHeld(failure: CallFailure): void {
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening) this.#fail(opening, failure);
    for (const held of this.#hold.takeAll()) this.#refuse(held, failure);
  }

  #refuse(held: Held, failure: CallFailure): void {
    if ('stream' in held) this.#fail(held, failure);
    else this.#dropped(held.line);
  }

  #fail({ line, stream }: Pick<HeldRequest, 'line' | 'stream'>, failure: CallFailure): void {
    this.#inFlight.take(line.message.id);
    this.#plan.report({ kind: 'request.failed', method: line.message.method, failure });
    this.#outbox.answer(stream, failureText(line.message.id, failure));
  }

  #dropped(line: Line): void {
    this.#plan.report({ kind: 'message.dropped', text: line.text });
  }

  #forget(): void {
    this.#plan.store.forget(this.id);
    this.#outbox.close();
    this.#plan.report({ kind: 'session.closed' });
    this.#plan.onClosed();
  }

  #remember(record: SessionRecord): void {
    if (record === this.#record) return;
    this.#record = record;
    this.#plan.store.save(record);
  }

  #onClientNotification(line: NotificationLine): void {
    switch (line.message.method) {
      case CANCELLED:
        return this.#cancel(line);
      case PROGRESS: {
        const progressed = this.#inFlight.progressed(line);
        if (progressed) progressed.backend.send(progressed.text);
        else this.#dropped(line);
        return;
      }
      case INITIALIZED:
        // A backend that does not serve yet is told in its handshake.
        this.#remember(afterNotification(this.#record, line));
        this.#supervisor.serving?.send(line.text);
        return;
      default:
        this.#meet({ kind: 'notification' }, { line });
    }
  }

  /** A cancelled request leaves at once; a late answer finds nobody waiting. */
  #cancel(line: NotificationLine): void {
    const id = param(line.message, 'requestId') as RequestId;
    const held = this.#hold.take(id);
    if (held) return this.#outbox.skip(held.stream);
    if (id === this.#opening?.line.message.id) return this.#dropped(line);
    const sent = this.#inFlight.take(id);
    if (!sent) return this.#dropped(line);
    sent.backend.send(line.text);
    this.#outbox.skip(sent.stream);
    this.#endIfDrained(sent.backend);
  }

  #introduce(backend: Backend): void {
    const { line, stream } = this.#opening ?? {};
    if (line && stream) {
      this.#inFlight.add({ line, stream, backend, again: false });
      backend.send(line.text);
      return;
    }
    const introduced = repeatHandshake(backend, this.#questions, () => this.#record);
    void introduced.then((problem) => {
      if (problem === undefined) backend.handshaken();
      else backend.refuse(problem);
    });
  }

  #onReady(): void {
    this.#meet({ kind: 'ready' });
    for (const backend of this.#supervisor.backends) this.#endIfDrained(backend);
  }

  #onGaveUp(exit: Exit | undefined): void {
    this.#meet({ kind: 'gave-up' }, undefined, gaveUp(exit));
  }

  /** What the lost backend had is sent again where that is safe, else its client is told. */
  #onSilent(backend: Backend): void {
    this.#questions.drop(backend);
    for (const { id, stream } of this.#inFlight.takeAllAsked(backend)) {
      const text = notificationText(CANCELLED, { requestId: id, reason: 'The server that asked has ended.' });
      this.#outbox.say(stream.connection?.events ? stream : this.#outbox.standalone, text);
    }
    const lost = this.#inFlight.takeAll(backend).filter(({ line }) => line !== this.#opening?.line);
    const again = lost.filter((sent) => this.#mayRepeat(sent));
    for (const sent of lost) if (!again.includes(sent)) this.#fail(sent, lostWith(sent.line, backend.exit));
    this.#repeat(again);
  }

  #mayRepeat({ line, again }: Sent): boolean {
    const isAlive = this.state === 'active' || this.state === 'holding';
    return isAlive && !again && this.#plan.options.retry === 'safe' && isSafeToRepeat(line.message.method);
  }

  #repeat(lost: readonly Sent[]): void {
    const again = lost.map(({ line, stream }): HeldRequest => ({ line, stream, again: true }));
    for (const { line, stream } of again) {
      this.#plan.report({ kind: 'request.repeated', method: line.message.method });
      this.#outbox.begin(stream);
    }
    if (this.state === 'active') for (const held of again) this.#forward(held);
    else this.#hold.addFirst(again);
  }

  #onLine(backend: Backend, line: Line): void {
    switch (line.kind) {
      case 'response':
        return this.#onAnswer(backend, line);
      case 'request': {
        const stream = this.#route(line);
        return this.#outbox.say(stream, this.#inFlight.ask(backend, line, stream));
      }
      case 'notification':
        return this.#onServerNotification(backend, line);
    }
  }

  #onAnswer(backend: Backend, line: ResponseLine): void {
    const { id } = line.message;
    const sent = id === undefined ? undefined : this.#inFlight.take(id, backend);
    if (!sent) {
      if (!this.#questions.answer(line)) this.#dropped(line);
      return;
    }
    this.#activeAt = performance.now();
    if (sent.line === this.#opening?.line) return this.#onOpened(backend, sent, line);
    if (!('error' in line.message)) this.#remember(afterRequest(this.#record, sent.line));
    this.#outbox.answer(sent.stream, line.text);
    this.#endIfDrained(backend);
  }

  /** The server's answer to the client's own `initialize`: kept before the client has it. */
  #onOpened(backend: Backend, { stream, line: request }: Sent, { message, text }: ResponseLine): void {
    this.#opening = undefined;
    if ('error' in message) {
      this.#outbox.answer(stream, text);
      return this.end();
    }
    const agreed = isObject(message.result) ? message.result.protocolVersion : undefined;
    const revision = typeof agreed === 'string' ? agreed : String(param(request.message, 'protocolVersion'));
    this.#record = { ...this.#record, revision };
    backend.handshaken();
    this.#plan.report({ kind: 'session.opened', revision });
    this.#outbox.answer(stream, text);
  }

  #onServerNotification(backend: Backend, line: NotificationLine): void {
    switch (line.message.method) {
      case PROGRESS:
        return this.#outbox.say(this.#streamOfProgress(line), line.text);
      case CANCELLED: {
        const withdrawn = this.#inFlight.withdrawn(backend, line);
        if (withdrawn) this.#outbox.say(withdrawn.stream, withdrawn.text);
        else this.#dropped(line);
        return;
      }
      default:
        // What a server announces while it starts again is no news to a client that has not seen it restart.
        if (isListChanged(line.message.method) && backend.state === 'starting' && !this.#opening) return;
        return this.#outbox.say(this.#route(line), line.text);
    }
  }

  #streamOfProgress(line: NotificationLine): Stream {
    const stream = this.#inFlight.ofProgress(line)?.stream;
    return stream && stream.connection?.events !== false ? stream : this.#outbox.standalone;
  }

  #route(line: Line): Stream {
    const inFlight = [...this.#inFlight.sent()].map(({ stream }) => stream);
    return routeOf(line, { inFlight, standalone: this.#outbox.standalone });
  }

  #endIfDrained(backend: Backend): void {
    if (backend.state === 'draining' && !this.#inFlight.hasAnyOf(backend)) backend.drained();
  }
}
