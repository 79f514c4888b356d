// One conversation with one client, and a backend of its own: reads the table of state.ts and carries its effects out.
import type { Backend } from '../backend/backend.js';
import { Supervisor } from '../backend/supervisor.js';
import { type CallFailure, failureText } from '../errors.js';
import {
  errorText,
  INVALID_REQUEST,
  type NotificationLine,
  type RequestId,
  type RequestLine,
  type ResponseLine,
  requestLineOf,
} from '../protocol/jsonrpc.js';
import { CANCELLED, DEFAULT_REVISION, INITIALIZED, PROGRESS, understandsPriming } from '../protocol/mcp.js';
import type { SessionRecord } from '../store/store.js';
import { Catalog } from './catalog.js';
import { Dispatch } from './dispatch.js';
import { Early } from './early.js';
import { BRIDGE_ENDED, ENDED, gaveUp, noPlace, notRun, STOPPED, type WaitingFor } from './failures.js';
import { Handshake, requestedRevision } from './handshake.js';
import type { Held, HeldRequest } from './hold.js';
import type { Sent } from './inflight.js';
import { type Connection, type NoStream, Outbox, type Stream } from './outbox.js';
import type { SessionPlan, TakenUp } from './plan.js';
import { Presence } from './presence.js';
import { isQuick, withListChanged } from './snapshot.js';
import {
  DORMANT,
  INITIALIZING,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  sessionStep,
} from './state.js';
import { Traffic } from './traffic.js';

/** A use of the session is on record after so long at the latest (ms). */
const KEEP_USE_EVERY = 60_000;
/** How long a client waits before it comes back to a stream (ms); the official clients try twice. */
const RETRY = 2_000;
const CALL: SessionInput = { kind: 'call' };

export class Session {
  readonly id: string;
  readonly #plan: SessionPlan;
  readonly #isNew: boolean;
  readonly #supervisor: Supervisor;
  readonly #outbox: Outbox;
  readonly #traffic: Traffic;
  readonly #dispatch: Dispatch;
  readonly #handshake: Handshake;
  #state: SessionState;
  readonly #presence = new Presence();
  readonly #catalog: Catalog;
  readonly #early: Early;
  /** What calls are told while the newest code is broken. */
  #refusal: CallFailure = ENDED;
  #onTakenUp: ((outcome: TakenUp) => void) | undefined;

  /**
   * `record`: what is known of it. Without a revision agreed on it is new, and `open` sends the client's `initialize`; with
   * one it is dormant: an earlier bridge had it, or none.
   */
  constructor(plan: SessionPlan, record: SessionRecord) {
    this.id = record.id;
    this.#plan = plan;
    this.#isNew = record.revision === undefined;
    this.#state = this.#isNew ? INITIALIZING : DORMANT;
    this.#handshake = new Handshake(plan.store, record);
    const initialize = requestLineOf(record.initialize);
    const requested = requestedRevision(initialize);
    const primes = () => understandsPriming(this.#handshake.revision ?? requested);
    this.#outbox = new Outbox({ store: plan.store, session: record.id, retry: RETRY, primes });
    this.#catalog = new Catalog(plan.snapshots, initialize, record.shown, (lists) =>
      this.#handshake.shown(lists),
    );
    // A client may still answer what an earlier bridge has asked it: no id is used twice.
    const firstAsk = this.#isNew ? 0 : Date.now() * 1_000;
    this.#traffic = new Traffic(this.#outbox, firstAsk, {
      onOpened: (backend, sent, answer) => this.#onOpened(backend, sent, answer),
      onAccepted: (request, answer) => {
        this.#handshake.accepted(request);
        this.#catalog.seen(request, answer, !this.#dispatch.isUsed);
      },
      onStray: (backend, answer) => {
        const isOurs = this.#handshake.answer(answer) || this.#handshake.answerLate(backend, answer);
        if (!isOurs) this.#traffic.dropped(answer);
      },
      report: plan.report,
    });
    const parts = {
      catalog: this.#catalog,
      handshake: this.#handshake,
      traffic: this.#traffic,
      outbox: this.#outbox,
    };
    this.#dispatch = new Dispatch(
      { ...parts, holdTimeout: plan.options.holdTimeout },
      { serving: () => this.#supervisor.serving, waitingFor: () => this.#waitingFor() },
    );
    this.#early = new Early(
      { ...parts, hold: this.#dispatch.hold, serverName: plan.serverName },
      { isFar: () => this.#isFar(), onOpened: () => this.#onOpenedEarly() },
    );
    this.#supervisor = new Supervisor(plan.startBackend, plan.starts, {
      onStarted: (backend) => this.#introduce(backend),
      onReady: (backend) => this.#onReady(backend),
      onLost: () => {
        this.#meet({ kind: 'lost' });
        this.#endDrained();
      },
      onNextLost: (backend) => this.#takenUp({ kind: 'failed', exit: backend.exit }),
      onNextLate: (ms) => this.#takenUp({ kind: 'late', ms }),
      onSilent: (backend) => this.#onSilent(backend),
      onGaveUp: (exit) => {
        this.#meet({ kind: 'gave-up' }, undefined, gaveUp(exit, plan.options.isolation));
        this.#takenUp(exit ? { kind: 'failed', exit } : { kind: 'not-needed' });
      },
      onLine: (backend, line) => {
        if (line.kind !== 'notification') this.#presence.touch();
        this.#traffic.onLine(backend, line);
      },
      report: plan.report,
    });
    if (!this.#isNew) this.#recall();
  }

  /** An earlier bridge had it: what that left open is settled, and what its client was shown may be old. */
  #recall(): void {
    this.#outbox.settle((id) => failureText(id, BRIDGE_ENDED));
    this.#early.onChange();
    const { changing, refusal } = this.#plan.standing();
    if (changing) this.holdBegins();
    if (refusal) this.refuseCalls(refusal);
  }

  get state(): SessionState['name'] {
    return this.#state.name;
  }

  /** The revision agreed on, or what a client that has not agreed on one is taken to speak. */
  get revision(): string {
    return this.#handshake.revision ?? DEFAULT_REVISION;
  }

  /** Whether a client is connected: a stream of its own, or an answer that it waits for. */
  get isConnected(): boolean {
    return this.#streams().some((stream) => stream.connection !== undefined);
  }

  /** Requests held, requests in flight. */
  get jobs(): { pending: number; running: number } {
    return { pending: this.#dispatch.hold.size, running: this.#traffic.size };
  }

  get supervisor(): Pick<Supervisor, 'backends' | 'hasten' | 'kill' | 'emptied'> {
    return this.#supervisor;
  }

  /** The stream of a POST with these requests. */
  openStream(connection: Connection, requests: readonly RequestId[], batch: boolean): Stream {
    return this.#outbox.open(connection, requests, batch);
  }

  /** The headers of a stream, now: its answer takes longer than a moment. */
  beginStream(stream: Stream): void {
    this.#outbox.begin(stream);
  }

  /** The stream of a GET: the standalone one, or the one that `lastEventId` names. */
  attach(connection: Connection, lastEventId: string | undefined): Stream | NoStream {
    this.#presence.touch();
    return this.#outbox.attach(connection, lastEventId, performance.now());
  }

  /** The client closed a connection. */
  detach(stream: Stream, connection: Connection): void {
    this.#outbox.detach(stream, connection, performance.now());
    this.#plan.places.offer();
  }

  /** The request that opens the session. */
  open(line: RequestLine, stream: Stream): void {
    this.#handshake.open({ line, stream, again: false });
    const { changing, refusal } = this.#plan.standing();
    if (changing) this.holdBegins();
    if (refusal) return this.refuseCalls(refusal);
    this.#want();
    this.#early.onOpening();
  }

  /** A further request of the client, with the stream that it is answered on. */
  call(line: RequestLine, stream: Stream): void {
    this.#presence.touch();
    const { id } = line.message;
    if (this.#dispatch.has(id)) {
      const message = `Request id ${JSON.stringify(id)} is in use: a request with it has not been answered yet.`;
      return this.#outbox.answer(stream, errorText(id, INVALID_REQUEST, message));
    }
    const held = { line, stream, again: false };
    if (this.#state.name !== 'active' && isQuick(line)) this.#onQuick(held);
    else this.#meet(CALL, held);
  }

  /** A notification or a response of the client. */
  receive(line: NotificationLine | ResponseLine): void {
    this.#presence.touch();
    if (line.kind === 'response') return this.#traffic.answer(line);
    switch (line.message.method) {
      case CANCELLED:
        return this.#dispatch.cancel(line);
      case PROGRESS:
        return this.#traffic.progress(line);
      case INITIALIZED:
        // A backend that does not serve yet is told in its handshake.
        this.#handshake.initialized(line);
        this.#supervisor.serving?.send(line.text);
        return;
      default:
        this.#meet({ kind: 'notification' }, { line });
    }
  }

  /** When a client last used it (ms, monotonic). */
  get usedAt(): number {
    return this.#presence.activeAt;
  }

  /** When the oldest held call came, if one is held. */
  get heldSince(): number | undefined {
    return this.#dispatch.hold.since;
  }

  /** The first event of a change: calls wait for the new code. */
  holdBegins(): void {
    this.#meet({ kind: 'hold-begins', reason: 'changed' });
  }

  /** Nothing has changed, or old code may be served: what was held goes on. */
  holdEnds(): void {
    this.#supervisor.reopen();
    this.#meet({ kind: 'hold-ends', reason: 'changed' });
    if (this.state === 'holding') this.#want();
  }

  /** The newest code is broken: calls are told so until the next change. */
  refuseCalls(failure: CallFailure): void {
    this.#refusal = failure;
    this.#supervisor.reopen();
    this.#meet({ kind: 'refused' }, undefined, failure);
  }

  /** Takes up the new generation, of this number. What was held for the change is for the caller to release. */
  takeUp(how: 'start-first' | 'stop-first', generation: number): Promise<TakenUp> {
    this.#takenUp({ kind: 'not-needed' });
    return new Promise((resolve) => {
      this.#onTakenUp = resolve;
      this.#early.onChange();
      // Who shares its backend may have been given the next one with the others.
      const isSeated = this.#supervisor.generation === generation;
      if (!isSeated) this.#supervisor.replace(how);
      this.#endDrained();
      if (this.state === 'holding' || this.state === 'initializing') this.#want();
      if (isSeated && this.#supervisor.serving) this.#takenUp({ kind: 'serves' });
      if (!this.#supervisor.isWanted) this.#takenUp({ kind: 'not-needed' });
    });
  }

  /** Its client ends it: its id is refused from now on. */
  end(): void {
    this.#meet({ kind: 'ended' });
    this.#plan.store.end(this.id);
  }

  /** Ends it as if it had never been. */
  forget(): void {
    this.#meet({ kind: 'ended' });
    this.#plan.store.forget(this.id);
  }

  /** Answers all and stops the backend; the record stays. Its client is to come back after so many ms. */
  shutdown(comeBackAfter: number): void {
    this.#early.close();
    this.#meet({ kind: 'shutdown' }, undefined, STOPPED);
    this.#outbox.close(comeBackAfter);
  }

  /** What time does to a session: its client may have given it up, or left it. */
  sweep(now: number): void {
    if (this.#presence.isAbandoned(now, this.#handshake.opening?.stream)) return this.forget();
    const limit = this.#plan.options.idleTimeout;
    if (limit > 0 && this.#presence.isIdle(now, limit, this.#streams())) this.sleep();
    const isKept = this.#handshake.revision !== undefined && this.state !== 'dormant';
    if (isKept && this.#lastUse - this.#handshake.keptUse > KEEP_USE_EVERY)
      this.#handshake.save(this.#lastUse);
  }

  /** Nobody listens to it, and it has nothing to answer: its backend may be stopped until the next call. */
  get canSleep(): boolean {
    const rests = this.state === 'active' || this.state === 'broken' || this.state === 'refusing';
    return rests && !this.isConnected && this.#traffic.size === 0;
  }

  /** All that is known of it is on record, and nobody is there. */
  get isAsleep(): boolean {
    return this.state === 'dormant' && !this.isConnected && this.#supervisor.backends.size === 0;
  }

  /** Leaves the memory: it is made again from its record when it is needed. */
  drop(): void {
    this.#early.close();
    this.#outbox.close();
    this.#plan.onClosed();
  }

  /** Gives its backend up until the next call. */
  sleep(): void {
    this.#meet({ kind: 'idle' });
  }

  /** There is a place for a backend of its own, for which it has waited. */
  onPlace(): void {
    this.#meet({ kind: 'hold-ends', reason: 'no-place' });
    this.#supervisor.want();
  }

  #want(): void {
    if (this.#plan.places.ask(this)) this.#supervisor.want();
    else this.#meet({ kind: 'hold-begins', reason: 'no-place' });
  }

  /** When a client last used it (ms since 1970). */
  get #lastUse(): number {
    return Math.round(Date.now() - (performance.now() - this.#presence.activeAt));
  }

  /** The machine slept: every wait begins anew. */
  wakeUp(now: number): void {
    this.#presence.wakeUp(now, this.#streams());
  }

  /** The standalone stream, and those that requests wait on. */
  #streams(): Stream[] {
    const { opening } = this.#handshake;
    return [
      this.#outbox.standalone,
      ...(opening ? [opening.stream] : []),
      ...this.#traffic.streams(),
      ...this.#dispatch.hold.streams(),
    ];
  }

  #meet(input: SessionInput, subject?: Held, failure: CallFailure = ENDED): void {
    const before = this.#state;
    const { state, effects } = sessionStep(before, input);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect, subject, failure);
    if (input.kind === 'idle' && state !== before) this.#plan.report({ kind: 'session.dormant' });
  }

  #carryOut(effect: SessionEffect, subject: Held | undefined, failure: CallFailure): void {
    switch (effect) {
      case 'forward':
        return subject && this.#dispatch.forward(subject);
      case 'hold':
        return subject && this.#dispatch.hold.add(subject);
      case 'drop':
        return subject && this.#dispatch.refuse(subject, notRun(failure));
      case 'flush':
        return this.#dispatch.flush();
      case 'answer-all':
        this.#dispatch.refuseHeld(notRun(failure));
        return this.#traffic.failAll(failure);
      case 'answer-held':
        return this.#dispatch.refuseHeld(failure);
      case 'want':
        return this.#want();
      case 'release':
        this.#supervisor.release();
        return this.#plan.places.leave(this);
      case 'refuse':
        return subject && this.#dispatch.refuse(subject, this.#refusal);
      case 'open':
        return this.#early.openNow();
      case 'save':
        return this.#handshake.save(this.#lastUse);
      case 'forget':
        return this.#forget();
    }
  }

  #forget(): void {
    this.#outbox.close();
    this.#early.close();
    this.#takenUp({ kind: 'not-needed' });
    // One that was never opened is not on record; its streams may be.
    if (!this.#plan.store.record(this.id)) this.#plan.store.forget(this.id);
    this.#plan.report({ kind: 'session.closed' });
    this.#plan.onClosed();
  }

  /** The client's own `initialize` opens its first backend; the ones after it are told what it was told. */
  #introduce(backend: Backend): void {
    this.#dispatch.onStarted();
    const { opening } = this.#handshake;
    if (opening) this.#traffic.forward(opening, backend);
    else void this.#handshake.repeat(backend);
  }

  #onOpened(backend: Backend, { stream, line }: Sent, answer: ResponseLine): void {
    const revision = this.#handshake.opened(backend, line, answer);
    const text = withListChanged(answer.text);
    if (revision !== undefined) {
      this.#catalog.seen(line, { ...answer, text }, true);
      // The record is kept before the client has the answer; a backend that has ended meanwhile is followed by another.
      if (backend.state === 'starting') backend.handshaken();
      else this.#meet({ kind: 'opened' });
      this.#plan.report({ kind: 'session.opened', revision });
    }
    this.#outbox.answer(stream, text);
    if (revision === undefined) this.forget();
  }

  /** The client's `initialize` is answered, and no backend has answered it yet. */
  #onOpenedEarly(): void {
    if (this.state === 'initializing') this.#meet({ kind: 'opened' });
    else this.#handshake.save(this.#lastUse);
    this.#plan.report({ kind: 'session.opened', revision: this.revision });
  }

  /** `ping` and lists: the backend of whatever generation answers, else what is known does. */
  #onQuick(held: HeldRequest): void {
    if (this.#supervisor.serving) return this.#dispatch.forward(held);
    if (this.#early.answerNow(held)) return;
    this.#meet(CALL, held);
    this.#early.onHeld(held.line.message.id);
  }

  #waitingFor(): WaitingFor | undefined {
    const { places, standing } = this.#plan;
    return places.isWaiting(this) ? noPlace(places.most) : standing().waitingFor;
  }

  /** No backend is coming in a moment. */
  #isFar(): boolean {
    const { changing, refusal } = this.#plan.standing();
    return changing || refusal !== undefined || this.state === 'broken';
  }

  #onReady(backend: Backend): void {
    this.#meet({ kind: 'ready' });
    this.#takenUp({ kind: 'serves' });
    this.#endDrained();
    void this.#early.putRight(backend).then((lists) => {
      if (lists.length > 0) this.#plan.report({ kind: 'session.changed', lists });
    });
  }

  /** An old backend without a call ends at once. */
  #endDrained(): void {
    for (const backend of this.#supervisor.backends) this.#traffic.endIfDrained(backend);
  }

  #takenUp(outcome: TakenUp): void {
    const resolve = this.#onTakenUp;
    this.#onTakenUp = undefined;
    resolve?.(outcome);
  }

  /** What a lost backend had, and what is safe to send again, goes to the next one before all that came later. */
  #onSilent(backend: Backend): void {
    this.#handshake.drop(backend);
    const isAlive = this.state === 'active' || this.state === 'holding';
    const again = this.#dispatch.salvage(backend, isAlive && this.#plan.options.retry === 'safe');
    for (const { line } of again)
      this.#plan.report({ kind: 'request.repeated', method: line.message.method });
    if (this.state === 'active') for (const held of again) this.#dispatch.forward(held);
    else this.#dispatch.hold.addFirst(again);
  }
}
