// All sessions of one server: opened, found by id, swept by time, ended.
import { randomUUID } from 'node:crypto';
import type { Starts } from '../backend/starts.js';
import type { StartBackend } from '../backend/supervisor.js';
import type { Options } from '../options.js';
import { isObject, param, type RequestLine } from '../protocol/jsonrpc.js';
import type { Store } from '../store/store.js';
import type { SessionReport, Standing } from './plan.js';
import { Session } from './session.js';
import { Snapshots } from './snapshot.js';

export interface RegistryPlan {
  readonly store: Store;
  readonly options: Pick<Options, 'holdTimeout' | 'idleTimeout' | 'retry' | 'isolation'>;
  readonly startBackend: StartBackend;
  readonly starts: Starts;
  readonly serverName: string;
  readonly standing: () => Standing;
  /** `label` names the session by its client: `claude-code`, `claude-code-2`. */
  readonly report: (label: string, report: SessionReport) => void;
}

/** How often sessions are looked at (ms), and the gap in the clock that says that the machine slept (ms). */
const SWEEP_EVERY = 5_000;
const SLEPT = 30_000;

export class Registry {
  readonly #plan: RegistryPlan;
  readonly #sessions = new Map<string, Session>();
  readonly #labels = new Set<string>();
  readonly #snapshots = new Snapshots();
  /** Ended, but their processes are not gone yet. */
  readonly #ending = new Set<Session>();
  readonly #sweeper: NodeJS.Timeout;
  #sweptAt = performance.now();
  #isClosing = false;

  constructor(plan: RegistryPlan) {
    this.#plan = plan;
    const every = Math.min(SWEEP_EVERY, Math.max((plan.options.idleTimeout || SWEEP_EVERY) / 4, 50));
    this.#sweeper = setInterval(() => this.#sweep(performance.now()), every).unref();
  }

  sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** Who has processes, or may have: of every session, those that have just ended included. */
  supervisors(): Session['supervisor'][] {
    return [...this.#sessions.values(), ...this.#ending].map(({ supervisor }) => supervisor);
  }

  find(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** A new session for a client's `initialize`. */
  open(line: RequestLine): Session {
    const id = randomUUID();
    const label = this.#labelFor(line);
    const session: Session = new Session(
      {
        ...this.#plan,
        id,
        snapshots: this.#snapshots,
        report: (report) => this.#plan.report(label, report),
        onClosed: () => this.#onClosed(session, label),
      },
      line,
    );
    this.#sessions.set(id, session);
    return session;
  }

  /** The bridge stops: calls in flight may finish, and no more are taken. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  beginClosing(): void {
    this.#isClosing = true;
  }

  /** Answers all that waits and stops every backend; the records stay. */
  shutdown(): void {
    clearInterval(this.#sweeper);
    for (const session of [...this.#sessions.values()]) session.shutdown();
  }

  #onClosed(session: Session, label: string): void {
    this.#sessions.delete(session.id);
    this.#labels.delete(label);
    this.#ending.add(session);
    void session.supervisor.emptied().then(() => this.#ending.delete(session));
  }

  #sweep(now: number): void {
    const slept = now - this.#sweptAt > SLEPT;
    this.#sweptAt = now;
    for (const session of [...this.#sessions.values()]) {
      if (slept) session.wakeUp(now);
      else session.sweep(now);
    }
  }

  #labelFor(line: RequestLine): string {
    const info = param(line.message, 'clientInfo');
    const name = isObject(info) && typeof info.name === 'string' ? info.name : '';
    const base = name.replace(/[^\w.-]+/g, '-').slice(0, 40) || 'client';
    let label = base;
    for (let n = 2; this.#labels.has(label); n += 1) label = `${base}-${n}`;
    this.#labels.add(label);
    return label;
  }
}
