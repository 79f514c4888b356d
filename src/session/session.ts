// One conversation with one client, as its client, time and the bridge see it. What becomes of it is in life.ts.
import type { Supervisor } from '../backend/supervisor.js';
import type { CallFailure } from '../errors.js';
import type { NotificationLine, RequestId, RequestLine, ResponseLine } from '../protocol/jsonrpc.js';
import { CANCELLED, DEFAULT_REVISION, INITIALIZED, PROGRESS } from '../protocol/mcp.js';
import type { SessionRecord } from '../store/store.js';
import { idInUse, STOPPED } from './failures.js';
import type { HeldRequest } from './hold.js';
import { Life } from './life.js';
import type { Parts } from './parts.js';
import type { Seeker } from './places.js';
import type { SessionPlan, TakenUp } from './plan.js';
import { isQuick } from './snapshot.js';
import type { SessionInput, SessionState } from './state.js';
import type { Connection, NoStream, Stream } from './stream.js';

/** A use of the session is on record after so long at the latest (ms). */
const KEEP_USE_EVERY = 60_000;
const CALL: SessionInput = { kind: 'call' };
const REFUSED_CALL: SessionInput = { kind: 'call', refused: true };

export class Session implements Seeker {
  readonly id: string;
  readonly #plan: SessionPlan;
  readonly #life: Life;
  readonly #parts: Parts;

  /**
   * `record`: what is known of it. Without a revision agreed on it is new, and `open` sends the client's `initialize`; with
   * one it is dormant: an earlier bridge had it, or none.
   */
  constructor(plan: SessionPlan, record: SessionRecord) {
    this.id = record.id;
    this.#plan = plan;
    this.#life = new Life(plan, record, this);
    this.#parts = this.#life.parts;
  }

  get state(): SessionState['name'] {
    return this.#life.state;
  }

  /** The revision agreed on, or what a client that has not agreed on one is taken to speak. */
  get revision(): string {
    return this.#parts.handshake.revision ?? DEFAULT_REVISION;
  }

  /** Whether a client is connected: a stream of its own, or an answer that it waits for. */
  get isConnected(): boolean {
    return this.#streams().some((stream) => stream.connection !== undefined);
  }

  /** Requests held, requests in flight. */
  get jobs(): { pending: number; running: number } {
    return { pending: this.#parts.dispatch.hold.size, running: this.#parts.traffic.size };
  }

  get supervisor(): Pick<Supervisor, 'backends' | 'hasten' | 'kill' | 'emptied'> {
    return this.#parts.supervisor;
  }

  /** When a client last used it (ms, monotonic). */
  get usedAt(): number {
    return this.#parts.presence.activeAt;
  }

  /** When the oldest held call came, if one is held. */
  get heldSince(): number | undefined {
    return this.#parts.dispatch.hold.since;
  }

  /** The stream of a POST with these requests. */
  openStream(connection: Connection, requests: readonly RequestId[], batch: boolean): Stream {
    return this.#parts.outbox.open(connection, requests, batch);
  }

  /** The headers of a stream, now: its answer takes longer than a moment. */
  beginStream(stream: Stream): void {
    this.#parts.outbox.begin(stream);
  }

  /** The stream of a GET: the standalone one, or the one that `lastEventId` names. */
  attach(connection: Connection, lastEventId: string | undefined): Stream | NoStream {
    this.#parts.presence.touch();
    return this.#parts.outbox.attach(connection, lastEventId, performance.now());
  }

  /** The client closed a connection. */
  detach(stream: Stream, connection: Connection): void {
    this.#parts.outbox.detach(stream, connection, performance.now());
    this.#plan.places.offer();
  }

  /** The request that opens the session. */
  open(line: RequestLine, stream: Stream): void {
    const { handshake, presence } = this.#parts;
    handshake.open({ line, stream, again: false });
    handshake.save(presence.lastUse);
    const { changing, refusal } = this.#plan.standing();
    if (changing) this.holdBegins();
    if (refusal) return this.refuseCalls(refusal);
    this.#life.want();
    this.#parts.early.onOpening();
  }

  /** A further request of the client, with the stream that it is answered on. */
  call(line: RequestLine, stream: Stream): void {
    const { presence, dispatch, traffic } = this.#parts;
    presence.touch();
    const { id } = line.message;
    if (dispatch.has(id)) return traffic.fail({ line, stream }, idInUse(id));
    const held = { line, stream, again: false };
    if (this.state !== 'active' && isQuick(line)) this.#onQuick(held);
    else this.#life.meet(this.#isRefused ? REFUSED_CALL : CALL, held);
  }

  /** A notification or a response of the client. */
  receive(line: NotificationLine | ResponseLine): void {
    const { presence, traffic, dispatch, handshake, supervisor } = this.#parts;
    presence.touch();
    if (line.kind === 'response') return traffic.answer(line);
    switch (line.message.method) {
      case CANCELLED:
        return dispatch.cancel(line);
      case PROGRESS:
        return traffic.progress(line);
      case INITIALIZED:
        // A backend that does not serve yet is told in its handshake.
        handshake.initialized(line);
        supervisor.serving?.send(line.text);
        return;
      default:
        this.#life.meet({ kind: 'notification' }, { line });
    }
  }

  /** The first event of a change: calls wait for the new code. */
  holdBegins(): void {
    this.#life.holdBegins();
  }

  /** Nothing has changed, or old code may be served: what was held goes on. */
  holdEnds(): void {
    this.#life.holdEnds();
  }

  /** Starts may go on; its calls wait as before. */
  mayStart(): void {
    this.#parts.supervisor.reopen();
  }

  /** The newest code is broken: calls are told so until the next change. */
  refuseCalls(failure: CallFailure): void {
    this.#life.refuseCalls(failure);
  }

  /** Takes up the new generation, of this number. What was held for the change is for the caller to release. */
  takeUp(how: 'start-first' | 'stop-first', generation: number): Promise<TakenUp> {
    return this.#life.takeUp(how, generation);
  }

  /** Its client ends it: its id is refused from now on. */
  end(): void {
    this.#life.meet({ kind: 'ended' });
    this.#plan.store.end(this.id);
  }

  /** Ends it as if it had never been. */
  forget(): void {
    this.#life.meet({ kind: 'ended' });
    this.#plan.store.forget(this.id);
  }

  /** Leaves the memory: it is made again from its record when it is needed, or as a stranger's. */
  drop(): void {
    this.#parts.early.close();
    this.#parts.outbox.close();
    if (!this.#isOnRecord) this.#plan.store.forget(this.id);
    this.#plan.onClosed();
  }

  /** Answers all and stops the backend; the record stays. Its client is to come back after so many ms. */
  shutdown(comeBackAfter: number): void {
    this.#parts.early.close();
    this.#life.meet({ kind: 'shutdown' }, undefined, STOPPED);
    this.#parts.supervisor.release();
    this.#parts.outbox.close(comeBackAfter);
  }

  /** What time does to a session: its client may have given it up, or left it. */
  sweep(now: number): void {
    const { presence, handshake } = this.#parts;
    if (presence.isAbandoned(now, handshake.opening?.stream)) return this.forget();
    presence.look(now, this.#streams());
    const limit = this.#plan.options.idleTimeout;
    if (limit > 0 && presence.isIdle(now, limit)) this.sleep();
    if (this.#waitsForNobody) this.sleep();
    if (this.#isOnRecord && presence.lastUse - handshake.keptUse > KEEP_USE_EVERY)
      handshake.save(presence.lastUse);
  }

  /** The machine slept: every wait begins anew. */
  wakeUp(now: number): void {
    this.#parts.presence.wakeUp(now, this.#streams());
  }

  /** Nobody listens to it, and it has nothing to answer: its backend may be stopped until the next call. */
  get canSleep(): boolean {
    const rests = this.state === 'active' || this.state === 'broken' || this.state === 'refusing';
    return rests && !this.isConnected && this.#parts.traffic.size === 0;
  }

  /** All that is known of it is on record, and nobody is there. */
  get isAsleep(): boolean {
    return this.state === 'dormant' && !this.isConnected && this.supervisor.backends.size === 0;
  }

  /** Gives its backend up until the next call. */
  sleep(): void {
    this.#life.meet({ kind: 'idle' });
  }

  /** There is a place for a backend of its own, for which it has waited. */
  onPlace(): void {
    this.#life.onPlace();
  }

  /** It waits for a place that nobody needs any more. */
  get #waitsForNobody(): boolean {
    const { handshake, dispatch } = this.#parts;
    const isAskedFor = handshake.opening || dispatch.hold.size > 0 || this.isConnected;
    return !isAskedFor && this.#plan.places.isWaiting(this);
  }

  /** It sleeps, and the newest code does not run. */
  get #isRefused(): boolean {
    return this.state === 'dormant' && this.#plan.standing().refusal !== undefined;
  }

  get #isOnRecord(): boolean {
    return this.#plan.store.record(this.id) !== undefined;
  }

  /** The standalone stream, and those that requests wait on. */
  #streams(): Stream[] {
    const { handshake, outbox, traffic, dispatch } = this.#parts;
    const { opening } = handshake;
    return [
      outbox.standalone,
      ...(opening ? [opening.stream] : []),
      ...traffic.streams(),
      ...dispatch.hold.streams(),
    ];
  }

  /** `ping` and lists: the backend of whatever generation answers, else what is known does. */
  #onQuick(held: HeldRequest): void {
    const { supervisor, dispatch, early } = this.#parts;
    if (supervisor.serving) return dispatch.forward(held);
    if (early.answerNow(held)) return;
    this.#life.meet(this.#isRefused ? REFUSED_CALL : CALL, held);
    early.onHeld(held.line.message.id);
  }
}
