// All sessions of one server: opened, found by id, taken from their records, swept by time, ended.
import { randomUUID } from 'node:crypto';
import type { Starts } from '../backend/starts.js';
import type { StartBackend } from '../backend/supervisor.js';
import type { Options } from '../options.js';
import { param, type RequestLine, requestLineOf } from '../protocol/jsonrpc.js';
import type { SessionRecord, Store } from '../store/store.js';
import { Labels } from './labels.js';
import { Places } from './places.js';
import type { SessionReport, Standing } from './plan.js';
import { newRecord, sizeOf, strangerRecord } from './record.js';
import { Session } from './session.js';
import { Snapshots } from './snapshot.js';

export interface RegistryPlan {
  readonly store: Store;
  readonly options: Pick<
    Options,
    'holdTimeout' | 'idleTimeout' | 'sessionTtl' | 'retry' | 'isolation' | 'maxBackends' | 'unknownSession'
  >;
  /** What the ids of this folder and this server begin with; and what people call it. */
  readonly tag: string;
  readonly project: string;
  readonly startBackend: StartBackend;
  readonly starts: Starts;
  readonly serverName: string;
  readonly standing: () => Standing;
  /** `label` names the session by its client: `claude-code`, `claude-code-2`. */
  readonly report: (label: string, report: SessionReport) => void;
}

/** What an id is looked up for: requests, its standalone stream, other messages alone, or its end. */
export type Purpose = 'request' | 'stream' | 'message' | 'end';

/**
 * Why there is no session: its client has ended it, it is another project's, nobody knows it, there is nobody who could be
 * told, or there are too many.
 */
export type NoSession = 'ended' | 'foreign' | 'unknown' | 'unheard' | 'full';

/** How often sessions are looked at, and records (ms); and the gap in the clock that says that the machine slept (ms). */
const SWEEP_EVERY = 5_000;
const EXPIRE_EVERY = 60_000;
const SLEPT = 30_000;
/** A dormant session that nobody uses stays in memory for so long (ms); after that it is made anew from its record. */
const REST = 60_000;
/** Sessions in memory, and that wait for a backend: beyond that none is taken. And what is kept of records, the newest. */
const MOST = { sessions: 2_000, waiting: 1_000, records: 10_000, characters: 64 * 1024 * 1024 };
/** A client comes back to its streams so long after a stop (ms): the official clients try twice. */
const COME_BACK_AFTER = 5_000;

const TAGGED = /^mcpb-[\da-f]{8}-/;

export class Registry {
  readonly places: Places;
  readonly #plan: RegistryPlan;
  readonly #sessions = new Map<string, Session>();
  readonly #labels = new Labels();
  readonly #snapshots: Snapshots;
  /** Ended, but their processes are not gone yet. */
  readonly #ending = new Set<Session>();
  readonly #sweeper: NodeJS.Timeout;
  #sweptAt = performance.now();
  #sweptOn = Date.now();
  #expiredOn = 0;
  /** The machine slept until then (ms since 1970): no record is older than that. */
  #awakeSince = 0;
  #isClosing = false;

  constructor(plan: RegistryPlan) {
    this.#plan = plan;
    const { isolation, maxBackends } = plan.options;
    // One server for all needs no place for each.
    this.places = new Places(isolation === 'shared' ? Number.POSITIVE_INFINITY : maxBackends);
    this.#snapshots = new Snapshots(plan.store);
    const every = Math.min(SWEEP_EVERY, Math.max((plan.options.idleTimeout || SWEEP_EVERY) / 4, 50));
    this.#sweeper = setInterval(() => this.#sweep(performance.now(), Date.now()), every).unref();
  }

  /** What people call it: the folder, and the server's command. */
  get project(): string {
    return this.#plan.project;
  }

  /** Those in memory; the others are dormant. */
  sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** How many there are: in memory, or on record only. One whose opening an earlier bridge did not live to answer is none. */
  get size(): number {
    let known = this.#sessions.size;
    for (const { id, revision } of this.#plan.store.records())
      if (revision !== undefined && !this.#sessions.has(id)) known += 1;
    return known;
  }

  /** Who has processes, or may have: of every session, those that have just ended included. */
  supervisors(): Session['supervisor'][] {
    return [...this.#sessions.values(), ...this.#ending].map(({ supervisor }) => supervisor);
  }

  /**
   * The session of an id that a client has sent, in memory or made from its record. One that nobody knows is made for a
   * request or a stream: its client had it from an earlier bridge. `revision`: what such a client is taken to speak.
   */
  find(id: string, purpose: Purpose, revision: string): Session | NoSession {
    const session = this.#sessions.get(id);
    if (session) return session;
    const { store, options } = this.#plan;
    if (store.hasEnded(id)) return 'ended';
    const record = store.record(id);
    if (record?.revision !== undefined) return this.#take(record);
    if (TAGGED.test(id) && !id.startsWith(this.#plan.tag)) return 'foreign';
    if (options.unknownSession === 'reject' || purpose === 'end') return 'unknown';
    if (purpose === 'message') return 'unheard';
    // One whose opening an earlier bridge did not live to answer is told so on its stream.
    if (store.lastPost(id) === 0) store.countFrom(id, Date.now());
    return this.#take(strangerRecord(id, revision));
  }

  /** A new session for a client's `initialize`. */
  open(line: RequestLine): Session | 'full' {
    if (this.places.waiting >= MOST.waiting) return 'full';
    return this.#take(newRecord(`${this.#plan.tag}${randomUUID()}`, line));
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
    this.places.close();
    for (const session of [...this.#sessions.values()]) session.shutdown(COME_BACK_AFTER);
  }

  #take(record: SessionRecord): Session | 'full' {
    if (this.#sessions.size >= MOST.sessions && !this.#dropOne()) return 'full';
    const label = this.#labels.take(param(requestLineOf(record.initialize).message, 'clientInfo'));
    const session: Session = new Session(
      {
        ...this.#plan,
        places: this.places,
        snapshots: this.#snapshots,
        report: (report) => this.#plan.report(label, report),
        onClosed: () => {
          this.#sessions.delete(session.id);
          this.#labels.free(label);
          this.#ending.add(session);
          void session.supervisor.emptied().then(() => this.#ending.delete(session));
        },
      },
      record,
    );
    this.#sessions.set(session.id, session);
    return session;
  }

  #sweep(now: number, today: number): void {
    const slept = now - this.#sweptAt > SLEPT || today - this.#sweptOn > SLEPT;
    this.#sweptAt = now;
    this.#sweptOn = today;
    if (slept) this.#awakeSince = today;
    for (const session of [...this.#sessions.values()]) {
      if (slept) session.wakeUp(now);
      else session.sweep(now);
      if (session.isAsleep && now - session.usedAt > REST) session.drop();
    }
    this.places.offer();
    if (today - this.#expiredOn >= EXPIRE_EVERY) this.#expire(today);
  }

  /** Forgets the records that are too old, or too many; of these the oldest. */
  #expire(today: number): void {
    this.#expiredOn = today;
    const { store, options } = this.#plan;
    const records = [...store.records()].toSorted((a, b) => b.usedAt - a.usedAt);
    let size = 0;
    for (const [i, record] of records.entries()) {
      const { id, usedAt } = record;
      size += sizeOf(record);
      const session = this.#sessions.get(id);
      const isOld = today - Math.max(usedAt, this.#awakeSince) >= options.sessionTtl;
      const isKept = !isOld && i < MOST.records && size < MOST.characters;
      if (isKept || (session && !session.isAsleep)) continue;
      if (session) session.forget();
      else store.forget(id);
    }
  }

  /** Drops the one from memory that was used least lately; whether there was one that can be made again. */
  #dropOne(): boolean {
    const asleep = [...this.#sessions.values()].filter(({ isAsleep }) => isAsleep);
    const [oldest] = asleep.toSorted((a, b) => a.usedAt - b.usedAt);
    oldest?.drop();
    return oldest !== undefined;
  }
}
