// What becomes of a session as backends come and go: reads the table of state.ts and carries its effects out.
import type { Backend } from '../backend/backend.js';
import type { CallFailure } from '../errors.js';
import type { ResponseLine } from '../protocol/jsonrpc.js';
import type { SessionRecord } from '../store/store.js';
import { ENDED, gaveUp, noPlace, notRun } from './failures.js';
import type { Held } from './hold.js';
import type { Sent } from './inflight.js';
import { makeParts, type Parts } from './parts.js';
import type { Seeker } from './places.js';
import type { SessionPlan, TakenUp } from './plan.js';
import { settleStreams } from './settle.js';
import { withListChanged } from './snapshot.js';
import {
  DORMANT,
  INITIALIZING,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  sessionStep,
} from './state.js';

export class Life {
  readonly parts: Parts;
  readonly #plan: SessionPlan;
  readonly #id: string;
  /** Who asks for a place. */
  readonly #seeker: Seeker;
  #state: SessionState;
  /** What calls are told while the newest code is broken. */
  #refusal: CallFailure = ENDED;
  #onTakenUp: ((outcome: TakenUp) => void) | undefined;

  constructor(plan: SessionPlan, record: SessionRecord, seeker: Seeker) {
    this.#plan = plan;
    this.#id = record.id;
    this.#seeker = seeker;
    const isNew = record.revision === undefined;
    this.#state = isNew ? INITIALIZING : DORMANT;
    this.parts = makeParts(plan, record, {
      onStarted: (backend) => this.#introduce(backend),
      onReady: (backend) => this.#onReady(backend),
      onLost: () => {
        this.meet({ kind: 'lost' });
        this.#endDrained();
      },
      onNextLost: (backend) => this.#takenUp({ kind: 'failed', exit: backend.exit }),
      onNextLate: (ms) => this.#takenUp({ kind: 'late', ms }),
      onSilent: (backend) => this.#onSilent(backend),
      onGaveUp: (exit) => {
        this.#takenUp(exit ? { kind: 'failed', exit } : { kind: 'not-needed' });
        this.meet({ kind: 'gave-up' }, undefined, gaveUp(exit, plan.options.isolation));
      },
      onOpened: (backend, sent, answer) => this.#onOpened(backend, sent, answer),
      onOpenedEarly: () => this.#onOpenedEarly(),
      isFar: () => this.#isFar(),
      waitingFor: () => {
        const { places, standing } = plan;
        return places.isWaiting(seeker) ? noPlace(places.most) : standing().waitingFor;
      },
    });
    if (!isNew) this.#recall();
  }

  get state(): SessionState['name'] {
    return this.#state.name;
  }

  /** `subject`: the message that the input is about; `failure`: what those are told whose answer this ends. */
  meet(input: SessionInput, subject?: Held, failure: CallFailure = ENDED): void {
    const before = this.#state;
    const { state, effects } = sessionStep(before, input);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect, subject, failure);
    if (input.kind === 'idle' && state !== before) this.#plan.report({ kind: 'session.dormant' });
  }

  /** The first event of a change: calls wait for the new code. */
  holdBegins(): void {
    this.meet({ kind: 'hold-begins', reason: 'changed' });
  }

  /** Nothing has changed, or old code may be served: what was held goes on. */
  holdEnds(): void {
    this.parts.supervisor.reopen();
    this.meet({ kind: 'hold-ends', reason: 'changed' });
    if (this.state === 'holding') this.want();
  }

  /** The newest code is broken: calls are told so until the next change. */
  refuseCalls(failure: CallFailure): void {
    this.#refusal = failure;
    this.meet({ kind: 'refused' }, undefined, failure);
    this.parts.supervisor.reopen();
  }

  /** Takes up the new generation, of this number. What was held for the change is for the caller to release. */
  takeUp(how: 'start-first' | 'stop-first', generation: number): Promise<TakenUp> {
    const { supervisor, early } = this.parts;
    this.#takenUp({ kind: 'not-needed' });
    return new Promise((resolve) => {
      this.#onTakenUp = resolve;
      early.onChange();
      // Who shares its backend may have been given the next one with the others.
      const isSeated = supervisor.generation === generation;
      if (!isSeated) supervisor.replace(how);
      this.#endDrained();
      if (this.state === 'holding' || this.state === 'initializing') this.want();
      if (isSeated && supervisor.serving) this.#takenUp({ kind: 'serves' });
      if (!supervisor.isWanted) this.#takenUp({ kind: 'not-needed' });
    });
  }

  /** A backend is needed, if there is a place for it. */
  want(): void {
    if (this.#plan.places.ask(this.#seeker)) this.parts.supervisor.want();
    else this.meet({ kind: 'hold-begins', reason: 'no-place' });
  }

  /** There is a place, for which it has waited. */
  onPlace(): void {
    this.meet({ kind: 'hold-ends', reason: 'no-place' });
    this.parts.supervisor.want();
  }

  #carryOut(effect: SessionEffect, subject: Held | undefined, failure: CallFailure): void {
    const { dispatch, traffic, supervisor, early } = this.parts;
    switch (effect) {
      case 'forward':
        return subject && dispatch.forward(subject);
      case 'hold':
        return subject && dispatch.hold.add(subject);
      case 'drop':
        return subject && dispatch.refuse(subject, notRun(failure));
      case 'flush':
        return dispatch.flush();
      case 'answer-all':
        dispatch.refuseHeld(notRun(failure));
        return traffic.failAll(failure);
      case 'answer-held':
        return dispatch.refuseHeld(failure);
      case 'want':
        return this.want();
      case 'release':
        supervisor.release();
        this.#takenUp({ kind: 'not-needed' });
        return this.#plan.places.leave(this.#seeker, supervisor.emptied());
      case 'refuse':
        return subject && dispatch.refuse(subject, this.#refusal);
      case 'open':
        return early.openNow();
      case 'save':
        return this.#save();
      case 'forget':
        return this.#forget();
    }
  }

  /** An earlier bridge had it: what that left open is settled, and what its client was shown may be old. */
  #recall(): void {
    settleStreams(this.#plan.store, this.#id);
    this.parts.early.onChange();
    const { changing, refusal } = this.#plan.standing();
    if (changing) this.holdBegins();
    if (refusal) this.refuseCalls(refusal);
  }

  #save(): void {
    this.parts.handshake.save(this.parts.presence.lastUse);
  }

  #forget(): void {
    this.parts.outbox.close();
    this.parts.early.close();
    this.#takenUp({ kind: 'not-needed' });
    // One that was never opened is nothing to come back to.
    if (this.parts.handshake.revision === undefined) this.#plan.store.forget(this.#id);
    this.#plan.report({ kind: 'session.closed' });
    this.#plan.onClosed();
  }

  /** The client's own `initialize` opens its first backend; the ones after it are told what it was told. */
  #introduce(backend: Backend): void {
    const { handshake, traffic } = this.parts;
    const { opening } = handshake;
    if (opening) traffic.forward(opening, backend);
    else void handshake.repeat(backend);
  }

  #onOpened(backend: Backend, { stream, line }: Sent, answer: ResponseLine): void {
    const { handshake, catalog, outbox } = this.parts;
    const revision = handshake.opened(backend, line, answer);
    const text = withListChanged(answer.text);
    if (revision !== undefined) {
      catalog.seen(line, { ...answer, text }, true);
      // The record is kept before the client has the answer; a backend that has ended meanwhile is followed by another.
      if (backend.state === 'starting') backend.handshaken();
      else this.meet({ kind: 'opened' });
      this.#plan.report({ kind: 'session.opened', revision });
    }
    outbox.answer(stream, text);
    if (revision === undefined) this.meet({ kind: 'ended' });
  }

  /** The client's `initialize` is answered, and no backend has answered it yet. */
  #onOpenedEarly(): void {
    if (this.state === 'initializing') this.meet({ kind: 'opened' });
    else this.#save();
    const { revision = '' } = this.parts.handshake;
    this.#plan.report({ kind: 'session.opened', revision });
  }

  /** No backend is coming in a moment. */
  #isFar(): boolean {
    const { changing, refusal } = this.#plan.standing();
    return changing || refusal !== undefined || this.state === 'broken';
  }

  #onReady(backend: Backend): void {
    this.meet({ kind: 'ready' });
    this.#takenUp({ kind: 'serves' });
    this.#endDrained();
    void this.parts.early.putRight(backend).then((lists) => {
      if (lists.length > 0) this.#plan.report({ kind: 'session.changed', lists });
    });
  }

  /** An old backend without a call ends at once. */
  #endDrained(): void {
    for (const backend of this.parts.supervisor.backends) this.parts.traffic.endIfDrained(backend);
  }

  #takenUp(outcome: TakenUp): void {
    const resolve = this.#onTakenUp;
    this.#onTakenUp = undefined;
    resolve?.(outcome);
  }

  /** What a lost backend had, and what is safe to send again, goes to the next one before all that came later. */
  #onSilent(backend: Backend): void {
    const { handshake, dispatch } = this.parts;
    handshake.drop(backend);
    const isAlive = this.state === 'active' || this.state === 'holding';
    const again = dispatch.salvage(backend, isAlive && this.#plan.options.retry === 'safe');
    for (const { line } of again)
      this.#plan.report({ kind: 'request.repeated', method: line.message.method });
    if (this.state === 'active') for (const held of again) dispatch.forward(held);
    else dispatch.hold.addFirst(again);
  }
}
