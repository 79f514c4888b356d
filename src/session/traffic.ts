// What passes between the client's streams and the backends, both ways: who waits for an answer, where it goes, and what
// becomes of it when a backend is lost.
import type { Backend } from '../backend/backend.js';
import { type CallFailure, failureText } from '../errors.js';
import {
  errorOf,
  errorText,
  INTERNAL_ERROR,
  type Line,
  type NotificationLine,
  param,
  type RequestId,
  type RequestLine,
  type ResponseLine,
} from '../protocol/jsonrpc.js';
import { CANCELLED, INITIALIZE, isListChanged, PROGRESS } from '../protocol/mcp.js';
import { lostWith, takenBackText } from './failures.js';
import type { HeldRequest } from './hold.js';
import { type Asked, InFlight, type Sent } from './inflight.js';
import type { Outbox } from './outbox.js';
import { routeOf } from './route.js';
import type { Stream } from './stream.js';

const ASKED_TOO_MUCH = 'The client has not answered the last 1,000 requests; no more are passed on.';

export type TrafficReport =
  | { readonly kind: 'request.failed'; readonly method: string; readonly failure: CallFailure }
  | { readonly kind: 'message.dropped'; readonly text: string }
  /** The request is waited for under this id, written as what it is not: a string, or a number. */
  | { readonly kind: 'message.misnamed'; readonly method: string; readonly id: RequestId };

export interface TrafficDoors {
  /** The server answered the client's `initialize`; the answer is not passed on by itself. */
  onOpened(backend: Backend, sent: Sent, answer: ResponseLine): void;
  /** The server accepted a request, before the client hears of it. */
  onAccepted(request: RequestLine, answer: ResponseLine, backend: Backend): void;
  /** The server answers its client, or asks it: the session is in use. */
  onUse(): void;
  /** The server answered what the client did not ask: perhaps the bridge did. */
  onStray(backend: Backend, answer: ResponseLine): void;
  report(report: TrafficReport): void;
}

export class Traffic {
  readonly #outbox: Outbox;
  readonly #doors: TrafficDoors;
  readonly #inFlight: InFlight;

  /** `firstAsk`: the id of the first request of a server to the client; the later ones count on. */
  constructor(outbox: Outbox, firstAsk: number, doors: TrafficDoors) {
    this.#outbox = outbox;
    this.#inFlight = new InFlight(firstAsk);
    this.#doors = doors;
  }

  /** Requests that a backend has and has not answered. */
  get size(): number {
    return this.#inFlight.size;
  }

  has(id: RequestId): boolean {
    return this.#inFlight.has(id);
  }

  /** The streams of the requests in flight, oldest first. */
  streams(): Stream[] {
    return [...this.#inFlight.sent()].map(({ stream }) => stream);
  }

  /** Sends a request of the client; it is in flight if it was sent. */
  forward({ line, stream, again }: HeldRequest, backend: Backend): ReturnType<Backend['send']> {
    if (this.#inFlight.isFull) return 'full';
    const outcome = backend.send(line.text);
    if (outcome === 'sent') this.#inFlight.add({ line, stream, backend, again });
    return outcome;
  }

  /** The request is answered without its backend; what that still says of it is nobody's. */
  withdraw(id: RequestId): void {
    this.#inFlight.take(id);
  }

  /** The client's answer to what a backend asked goes to the backend that asked it, whatever serves by now. */
  answer(line: ResponseLine): void {
    const answered = this.#inFlight.answered(line);
    if (answered) answered.backend.send(answered.text);
    else this.dropped(line);
  }

  /** The client's progress on what a backend asked. */
  progress(line: NotificationLine): void {
    const progressed = this.#inFlight.progressed(line);
    if (progressed) progressed.backend.send(progressed.text);
    else this.dropped(line);
  }

  /** A cancelled request leaves at once; a late answer finds nobody waiting. */
  cancel(line: NotificationLine): void {
    const id = param(line.message, 'requestId') as RequestId;
    const sent = this.#inFlight.find(id);
    // A client must not cancel its initialize (2025-11-25, cancellation).
    if (!sent || sent.line.message.method === INITIALIZE) return this.dropped(line);
    this.#inFlight.take(id);
    sent.backend.send(line.text);
    this.#outbox.skip(sent.stream);
    this.endIfDrained(sent.backend);
  }

  /** A message of a backend. */
  onLine(backend: Backend, line: Line): void {
    switch (line.kind) {
      case 'response':
        return this.#onAnswer(backend, line);
      case 'request':
        return this.#ask(backend, line);
      case 'notification':
        return this.#onNotification(backend, line);
    }
  }

  /**
   * Nothing more will come from this backend. What it asked is taken back; what it was asked comes back, if `mayRepeat`
   * says that it can be sent again, else its client is told.
   */
  settle(backend: Backend, mayRepeat: (sent: Sent) => boolean): Sent[] {
    this.#takeBack(this.#inFlight.takeAllAsked(backend));
    const again: Sent[] = [];
    for (const sent of this.#inFlight.takeAll(backend)) {
      if (mayRepeat(sent)) again.push(sent);
      else this.fail(sent, lostWith(sent.line, backend.exit));
    }
    return again;
  }

  /** Answers everything in flight with this failure, and takes back what the client was asked. */
  failAll(failure: CallFailure): void {
    this.#takeBack(this.#inFlight.takeAllAsked());
    for (const sent of [...this.#inFlight.sent()]) {
      this.#inFlight.take(sent.line.message.id);
      this.fail(sent, failure);
    }
  }

  /** Answers a request that is not in flight (any more) with an error. */
  fail({ line, stream }: Pick<HeldRequest, 'line' | 'stream'>, failure: CallFailure): void {
    this.#doors.report({ kind: 'request.failed', method: line.message.method, failure });
    this.#outbox.answer(stream, failureText(line.message.id, failure));
  }

  dropped(line: Line): void {
    this.#doors.report({ kind: 'message.dropped', text: line.text });
  }

  endIfDrained(backend: Backend): void {
    if (backend.state === 'draining' && !this.#inFlight.hasAnyOf(backend)) backend.drained();
  }

  #ask(backend: Backend, line: RequestLine): void {
    if (this.#inFlight.hasAskedTooMuch) {
      backend.send(errorText(line.message.id, INTERNAL_ERROR, ASKED_TOO_MUCH));
      return;
    }
    this.#doors.onUse();
    const stream = this.#route(line);
    this.#outbox.say(stream, this.#inFlight.ask(backend, line, stream));
  }

  #takeBack(asked: readonly Asked[]): void {
    for (const { id, stream } of asked) this.#outbox.say(this.#open(stream), takenBackText(id));
  }

  #onAnswer(backend: Backend, line: ResponseLine): void {
    const { id } = line.message;
    const sent = id === undefined ? undefined : this.#inFlight.take(id, backend);
    if (!sent) {
      this.#tellMisnamed(id);
      return this.#doors.onStray(backend, line);
    }
    this.#doors.onUse();
    if (sent.line.message.method === INITIALIZE) return this.#doors.onOpened(backend, sent, line);
    if (!errorOf(line.message)) this.#doors.onAccepted(sent.line, line, backend);
    this.#outbox.answer(sent.stream, line.text);
    this.endIfDrained(backend);
  }

  /** A frequent fault of a server that is being written: its client would wait for ever, and nobody know why. */
  #tellMisnamed(id: RequestId | undefined): void {
    const meant = this.#inFlight.find(typeof id === 'string' ? Number(id) : String(id));
    if (id === undefined || !meant) return;
    this.#doors.report({ kind: 'message.misnamed', method: meant.line.message.method, id });
  }

  #onNotification(backend: Backend, line: NotificationLine): void {
    switch (line.message.method) {
      case PROGRESS:
        return this.#onProgress(line);
      case CANCELLED: {
        const withdrawn = this.#inFlight.withdrawn(backend, line);
        if (withdrawn) this.#outbox.say(this.#open(withdrawn.stream), withdrawn.text);
        else this.dropped(line);
        return;
      }
      default:
        // What a server announces while it starts again is no news to a client that has not seen it restart.
        if (
          isListChanged(line.message.method) &&
          backend.state === 'starting' &&
          !this.#inFlight.hasAnyOf(backend)
        )
          return;
        return this.#outbox.say(this.#route(line), line.text);
    }
  }

  /** A task is told of after its request was answered; any other request is over then. */
  #onProgress(line: NotificationLine): void {
    const stream = this.#inFlight.ofProgress(line)?.stream;
    if (stream) this.#outbox.say(this.#open(stream), line.text);
    else if (this.#inFlight.isOfTask(line)) this.#outbox.say(this.#outbox.standalone, line.text);
    else this.dropped(line);
  }

  /** The stream, or the standalone one if it can carry nothing more. */
  #open(stream: Stream): Stream {
    return this.#outbox.canSay(stream) ? stream : this.#outbox.standalone;
  }

  #route(line: Line): Stream {
    return routeOf(line, { inFlight: this.streams(), standalone: this.#outbox.standalone });
  }
}
