// Which backend serves a session, which one comes next, and which ones are on their way out.

import type { Line } from '../protocol/jsonrpc.js';
import { type Backend, type BackendDoors, type BackendReport, isLeaving } from './backend.js';
import { Living } from './living.js';
import { OFF, type RestartEffect, type RestartInput, type RestartState, restartStep } from './restart.js';
import type { Exit, Starts } from './starts.js';

export interface SupervisorDoors {
  /** What the client says in its `initialize` while no revision is agreed on; undefined once it is. */
  arrival(): string | undefined;
  /** A new process is there: introduce the client to it, then call its `handshaken` or `refuse`. */
  onStarted(backend: Backend): void;
  /** It serves from now on. What another one was serving drains. */
  onReady(backend: Backend): void;
  /** The one that was serving or starting is gone, or takes no more calls. */
  onLost(backend: Backend): void;
  /** A newcomer ended before it could take over; what served goes on serving. */
  onNextLost(backend: Backend): void;
  /** A newcomer is not ready after `ms`, while the old one serves. */
  onNextLate(ms: number): void;
  /** Nothing more will come from this one, whichever it was. */
  onSilent(backend: Backend): void;
  /** No other one will be started until somebody wants one again. */
  onGaveUp(exit: Exit | undefined): void;
  onLine(backend: Backend, line: Line): void;
  report(report: SupervisorReport): void;
}

export type SupervisorReport =
  | BackendReport
  | { readonly kind: 'restart.waiting'; readonly ms: number }
  | { readonly kind: 'restart.halted'; readonly exit: Exit | undefined };

/** Starts a process of the server's current generation. */
export type StartBackend = (doors: BackendDoors) => Backend;

/** Ready for so long, and earlier losses are forgotten (ms). */
const SETTLED_AFTER = 10_000;

export class Supervisor {
  readonly #startBackend: StartBackend;
  readonly #starts: Starts;
  readonly #doors: SupervisorDoors;
  readonly #living = new Living();
  #policy: RestartState = OFF;
  #current: Backend | undefined;
  #next: Backend | undefined;
  #lateness: NodeJS.Timeout | undefined;
  /** The newcomer that was stopped last; it may hold by now what the next one needs for itself. */
  #givenUp: Backend | undefined;
  #backoff: NodeJS.Timeout | undefined;
  #settling: NodeJS.Timeout | undefined;
  /** When the last start began (ms, monotonic), unless one has succeeded since. */
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(startBackend: StartBackend, starts: Starts, doors: SupervisorDoors) {
    this.#startBackend = startBackend;
    this.#starts = starts;
    this.#doors = doors;
  }

  /** The backend that calls go to, if one is ready. */
  get serving(): Backend | undefined {
    return this.#current?.state === 'ready' ? this.#current : undefined;
  }

  /** The generation of the backend that serves or is to serve. */
  get generation(): number | undefined {
    return this.#current?.generation;
  }

  /** Every process that is not gone yet: serving, starting, draining, stopping. */
  get backends(): ReadonlySet<Backend> {
    return this.#living.all;
  }

  want(): void {
    const { closed } = this.#starts;
    const halted = this.#starts.isResting(performance.now(), this.#triedAt, this.#doors.arrival());
    this.#input({ kind: 'want', halted, closed });
  }

  /** Nobody needs a backend any more: what there is, is stopped, what still drains too. */
  release(): void {
    this.#input({ kind: 'release' });
    for (const backend of this.#living.all) backend.stop();
  }

  /** A new generation is there to be taken up. */
  replace(how: 'start-first' | 'stop-first'): void {
    this.#input({ kind: 'changed', how, serving: this.serving !== undefined });
  }

  /** Starts may go on, and there is no new generation. */
  reopen(): void {
    this.#input({ kind: 'opened' });
  }

  /** A backend is there, is starting, or is to be started when that is allowed. */
  get isWanted(): boolean {
    return this.#policy.name !== 'off' && this.#policy.name !== 'halted';
  }

  /** Ends every wait for a process to end by itself. */
  hasten(): void {
    for (const backend of this.#living.all) if (isLeaving(backend)) backend.hasten();
  }

  /** Kills every process at once; for the last moment of the bridge. */
  kill(): void {
    for (const backend of this.#living.all) backend.kill();
  }

  /** Resolves when none is left of the processes that there are now. */
  emptied(): Promise<void> {
    return this.#living.emptied();
  }

  #input(input: RestartInput): void {
    const { state, effects } = restartStep(this.#policy, input);
    this.#policy = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: RestartEffect): void {
    switch (effect.kind) {
      case 'start':
        this.#current = this.#start();
        return this.#doors.onStarted(this.#current);
      case 'stop':
        return this.#retire('stop');
      case 'start-next':
        return this.#startNext();
      case 'stop-next':
        this.#next?.stop();
        this.#givenUp = this.#next;
        return this.#expect(undefined);
      case 'swap':
        this.#retire('drain');
        return this.#adopt();
      case 'adopt-next':
        return this.#adopt();
      case 'drain':
        clearTimeout(this.#settling);
        return this.#current?.drain(true);
      case 'arm':
        this.#doors.report({ kind: 'restart.waiting', ms: effect.delay });
        this.#backoff = setTimeout(
          () => this.#input({ kind: 'elapsed', closed: this.#starts.closed }),
          effect.delay,
        );
        return;
      case 'disarm':
        return clearTimeout(this.#backoff);
      case 'give-up':
        this.#doors.report({ kind: 'restart.halted', exit: this.#starts.lastExit });
        return this.#doors.onGaveUp(this.#starts.lastExit);
    }
  }

  /** The current one is no longer ours to restart: its end is its own affair. */
  #retire(how: 'stop' | 'drain'): void {
    const old = this.#current;
    this.#current = undefined;
    clearTimeout(this.#settling);
    if (how === 'stop') old?.stop();
    // Calls in flight finish on the old one, however long they take: nothing waits for its end.
    else old?.drain(false);
  }

  #adopt(): void {
    this.#current = this.#next;
    this.#expect(undefined);
    if (this.#current?.state === 'ready') this.#serve(this.#current);
  }

  #startNext(): void {
    const next = this.#start();
    this.#expect(next);
    this.#doors.onStarted(next);
  }

  /** Who takes over next, if somebody does; one that waits for what the old one holds would wait for ever. */
  #expect(next: Backend | undefined): void {
    this.#next = next;
    clearTimeout(this.#lateness);
    const { patience } = this.#starts;
    if (next) this.#lateness = setTimeout(() => this.#doors.onNextLate(patience), patience);
  }

  #serve(backend: Backend): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#input({ kind: 'settled' }), SETTLED_AFTER).unref();
    this.#doors.onReady(backend);
  }

  #start(): Backend {
    const startedAt = performance.now();
    const backend = this.#startBackend({
      onLine: (from, line) => this.#doors.onLine(from, line),
      onState: (from) => this.#onState(from, startedAt),
      onSilent: (from) => this.#onSilent(from),
      report: (report) => this.#doors.report(report),
    });
    this.#living.add(backend);
    const isInstead = this.#policy.name === 'on' && this.#policy.losses > 0;
    this.#starts.began(isInstead, backend.pid);
    this.#triedAt = startedAt;
    const arrival = this.#doors.arrival();
    if (arrival !== undefined) this.#starts.tookTurn(startedAt, arrival);
    return backend;
  }

  #onState(backend: Backend, startedAt: number): void {
    if (backend.state === 'ready') {
      this.#starts.becameReady(performance.now() - startedAt);
      this.#triedAt = Number.NEGATIVE_INFINITY;
      if (backend === this.#current) this.#serve(backend);
      else if (backend === this.#next) this.#input({ kind: 'next-ready' });
    }
    const isOver = backend.state === 'crashed' || backend.state === 'draining';
    if (!isOver || backend !== this.#current) return;
    clearTimeout(this.#settling);
    this.#doors.onLost(backend);
    if (backend.state !== 'crashed') this.#input({ kind: 'yields' });
  }

  #onSilent(backend: Backend): void {
    this.#living.remove(backend);
    if (backend.state === 'crashed') this.#starts.wasLost(backend.exit);
    this.#doors.onSilent(backend);
    if (backend === this.#current) {
      this.#current = undefined;
      this.#lost(backend);
    } else if (backend === this.#givenUp) {
      this.#givenUp = undefined;
      if (this.#isYielding && !this.#current) this.#lost(backend);
    } else if (backend === this.#next) {
      this.#expect(undefined);
      this.#input({ kind: 'next-lost' });
      this.#doors.onNextLost(backend);
    }
    this.#living.tellGone(backend);
  }

  get #isYielding(): boolean {
    return this.#policy.name === 'yielding';
  }

  #lost({ exit }: Backend): void {
    if (this.#isYielding && this.#givenUp) return;
    const { closed, halted } = this.#starts;
    // What breaks the starts of others does not take a backend that served its one restart.
    this.#input({ kind: 'lost', halted: halted && exit.whileStarting, closed, chance: Math.random() });
  }
}
