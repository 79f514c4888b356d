// A session on a stage: the real session, supervisor and backends between a server and a client that the test plays.
// Time stands still until the test lets it pass.
import { expect, vi } from 'vitest';
import { ChildBackend } from '../../src/backend/child.js';
import { Starts } from '../../src/backend/starts.js';
import {
  asLine,
  isObject,
  notificationText,
  parseJson,
  type RequestId,
  requestText,
} from '../../src/protocol/jsonrpc.js';
import { Places } from '../../src/session/places.js';
import type { SessionPlan, SessionReport, Standing } from '../../src/session/plan.js';
import { newRecord } from '../../src/session/record.js';
import { Session } from '../../src/session/session.js';
import { Snapshots } from '../../src/session/snapshot.js';
import type { Connection, NoStream, Stream } from '../../src/session/stream.js';
import { MemoryStore } from '../../src/store/memory.js';
import type { SessionRecord } from '../../src/store/store.js';
import { type FakeChild, FakeChildren, mcpServer } from './fake-child.js';

// Taken before a scene puts fake timers in their place.
const { setImmediate } = globalThis;

const FAKED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] as const;
const TIMEOUTS = { startTimeout: 120_000, drainTimeout: 30_000, killTimeout: 3_000 };

/** No change is under way. */
export const UNCHANGED: Standing = { changing: false, refusal: undefined, waitingFor: undefined };

export interface ScenePlan {
  /** Sets up the n-th child; without it each one is an MCP server. */
  readonly play?: (child: FakeChild, nth: number) => void;
  readonly options?: Partial<SessionPlan['options']>;
  /** The revision that the client asks for. */
  readonly revision?: string;
  /** What an earlier bridge has kept. */
  readonly store?: MemoryStore;
  /** The session is made from this record; without one it is new. */
  readonly record?: SessionRecord;
  /** How the newest code stands; without it no change is under way. */
  readonly standing?: () => Standing;
  readonly places?: Places;
}

/** A request of the client and what becomes of it. */
export interface Exchange {
  readonly id: RequestId;
  readonly connection: FakeConnection;
  readonly stream: Stream;
}

export class Scene implements AsyncDisposable {
  readonly children: FakeChildren;
  readonly starts = new Starts();
  readonly store: MemoryStore;
  readonly reports: SessionReport[] = [];
  readonly session: Session;
  /** How often the session said that it is over. */
  closed = 0;
  readonly #initialize: string;
  readonly #connections: FakeConnection[] = [];
  #lastId = 0;

  constructor(plan: ScenePlan = {}) {
    vi.useFakeTimers({ toFake: [...FAKED] });
    const { play = mcpServer(), options, revision = '2025-11-25', standing = () => UNCHANGED } = plan;
    this.children = new FakeChildren(play);
    this.store = plan.store ?? new MemoryStore();
    this.#initialize = requestText(0, 'initialize', {
      protocolVersion: revision,
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    const { spawn } = this.children;
    const spec = { command: ['server'], cwd: '/', env: {}, shell: false } as const;
    this.session = new Session(
      {
        store: this.store,
        options: {
          holdTimeout: 55_000,
          idleTimeout: 1_800_000,
          sessionTtl: 604_800_000,
          retry: 'safe',
          isolation: 'session',
          ...options,
        },
        startBackend: (doors) => new ChildBackend({ spec, spawn, number: 1, timeouts: TIMEOUTS }, doors),
        starts: this.starts,
        places: plan.places ?? new Places(32),
        snapshots: new Snapshots(this.store),
        serverName: 'server',
        standing,
        report: (report) => this.reports.push(report),
        onClosed: () => {
          this.closed += 1;
        },
      },
      plan.record ?? newRecord('session', requestLine(this.#initialize)),
    );
  }

  /** A session whose client has said `initialized`. */
  static async open(plan: ScenePlan = {}): Promise<Scene> {
    const scene = new Scene(plan);
    scene.initialize();
    await settle();
    scene.tell('notifications/initialized');
    await settle();
    expect(scene.session.state).toBe('active');
    return scene;
  }

  initialize(kind?: ConnectionKind): Exchange {
    const exchange = this.#expect(0, [0], false, kind);
    this.session.open(requestLine(this.#initialize), exchange.stream);
    return exchange;
  }

  /** A request of the client in a POST of its own. */
  call(method: string, params: object = {}, { id, kind }: { id?: RequestId; kind?: ConnectionKind } = {}) {
    return this.post(requestText(id ?? this.nextId(), method, params), kind);
  }

  /** The text of a request in a POST of its own. */
  post(text: string, kind?: ConnectionKind): Exchange {
    const line = requestLine(text);
    const exchange = this.#expect(line.message.id, [line.message.id], false, kind);
    this.session.call(line, exchange.stream);
    return exchange;
  }

  /** Requests of the client in one POST. */
  batch(texts: readonly string[], kind?: ConnectionKind): Exchange {
    const lines = texts.map(requestLine);
    const exchange = this.#expect(
      'batch',
      lines.map(({ message }) => message.id),
      true,
      kind,
    );
    for (const line of lines) this.session.call(line, exchange.stream);
    return exchange;
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** A notification of the client. */
  tell(method: string, params?: object): void {
    this.send(notificationText(method, params));
  }

  cancel({ id }: Pick<Exchange, 'id'>): void {
    this.tell('notifications/cancelled', { requestId: id });
  }

  /** The text of a notification or response of the client. */
  send(text: string): void {
    const line = asLine(JSON.parse(text), text);
    if (!line || line.kind === 'request') throw new Error(`No notification or response: ${text}`);
    this.session.receive(line);
  }

  /** The answer takes longer than a moment: the headers go out. */
  begin({ stream }: Exchange): void {
    this.session.beginStream(stream);
  }

  /** A GET of the client. */
  get(lastEventId?: string): { connection: FakeConnection; stream: Stream | NoStream } {
    const connection = this.#connect('events');
    return { connection, stream: this.session.attach(connection, lastEventId) };
  }

  /** The client closes a connection. */
  leave({ stream, connection }: { stream: Stream | NoStream; connection: FakeConnection }): void {
    if (typeof stream === 'object') this.session.detach(stream, connection);
    connection.isCut = true;
  }

  /** Time passes, in ten steps: what follows from one of them has the time of the others. */
  async pass(ms: number): Promise<void> {
    const step = Math.ceil(ms / 10);
    for (let left = ms; left > 0; left -= step) {
      vi.advanceTimersByTime(Math.min(step, left));
      await settle();
    }
  }

  said<K extends SessionReport['kind']>(kind: K): Extract<SessionReport, { kind: K }>[] {
    return this.reports.filter(
      (report): report is Extract<SessionReport, { kind: K }> => report.kind === kind,
    );
  }

  /** Ends what still lives; fails where something is left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.session.end();
      for (const child of this.children.all) child.end(0);
      await settle();
      await this.pass(20_000);
      expect(this.session.jobs).toEqual({ pending: 0, running: 0 });
      expect(this.session.supervisor.backends.size).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
      expect(this.#connections.flatMap(({ faults }) => faults)).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  }

  #expect(id: RequestId, requests: readonly RequestId[], batch: boolean, kind?: ConnectionKind): Exchange {
    const connection = this.#connect(kind);
    return { id, connection, stream: this.session.openStream(connection, requests, batch) };
  }

  #connect(kind?: ConnectionKind): FakeConnection {
    const connection = new FakeConnection(kind);
    this.#connections.push(connection);
    return connection;
  }
}

/** All that can happen without time passing has happened: every message takes a turn of the event loop or two. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Whether the client reads events, or only one JSON body. */
export type ConnectionKind = 'events' | 'json';

/** A message as the client got it. */
export interface Got {
  readonly text: string;
  /** The id of the event it came in; none in a JSON body. */
  readonly eventId: string | undefined;
  readonly id?: RequestId;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** An HTTP response that remembers what was written to it. */
export class FakeConnection implements Connection {
  readonly events: boolean;
  begun = false;
  hasEnded = false;
  /** The client has closed it. */
  isCut = false;
  /** The event without data that a stream may begin with. */
  priming = '';
  /** Every message, in order. */
  readonly got: Got[] = [];
  /** The one JSON body, as it was written. */
  json: string | undefined;
  /** What no HTTP response would take. */
  readonly faults: string[] = [];

  constructor(kind: ConnectionKind = 'events') {
    this.events = kind === 'events';
  }

  begin(priming: string): void {
    if (this.begun || this.hasEnded) this.faults.push('begun twice, or after the end');
    if (priming && !this.events) this.faults.push('an event in a JSON body');
    this.begun = true;
    this.priming = priming;
  }

  write(text: string): void {
    if (!this.begun || this.hasEnded || !this.events || this.isCut) this.faults.push(`misplaced: ${text}`);
    if (/^retry: \d+\n\n$/.test(text)) return;
    const match = /^event: message\nid: (\S+)\ndata: (.*)\n\n$/.exec(text);
    if (match?.[1] && match[2])
      this.got.push({ ...readMessage(match[2]), text: match[2], eventId: match[1] });
    else this.faults.push(`no event: ${text}`);
  }

  body(json: string): void {
    if (this.hasEnded || (this.begun && this.events) || this.isCut) this.faults.push(`misplaced: ${json}`);
    this.hasEnded = true;
    this.json = json;
    const value = parseJson(json);
    for (const each of Array.isArray(value) ? value : [value])
      this.got.push({ ...readMessage(JSON.stringify(each)), text: json, eventId: undefined });
  }

  end(): void {
    if (this.hasEnded) this.faults.push('ended twice');
    this.hasEnded = true;
  }

  /** The answers to a request; there must not be two. */
  answers(id: RequestId): Got[] {
    return this.got.filter((each) => each.method === undefined && each.id === id);
  }

  /** The one message that came. */
  get only(): Got {
    expect(this.got).toHaveLength(1);
    return this.got[0] ?? expect.unreachable();
  }

  get texts(): string[] {
    return this.got.map(({ text }) => text);
  }
}

function readMessage(text: string): object {
  const value = parseJson(text);
  return isObject(value) ? value : {};
}

function requestLine(text: string) {
  const line = asLine(JSON.parse(text), text);
  if (line?.kind !== 'request') throw new Error(`No request: ${text}`);
  return line;
}
