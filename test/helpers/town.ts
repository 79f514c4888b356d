// All sessions of one server on a stage: the real registry, between servers and clients that the test plays. Time stands
// still until the test lets it pass.
import { expect, vi } from 'vitest';
import { ChildBackend } from '../../src/backend/child.js';
import { Generations } from '../../src/backend/generations.js';
import { Starts } from '../../src/backend/starts.js';
import { asLine, notificationText, type RequestId, requestText } from '../../src/protocol/jsonrpc.js';
import { type NoSession, type Purpose, Registry, type RegistryPlan } from '../../src/session/registry.js';
import type { Session } from '../../src/session/session.js';
import { MemoryStore } from '../../src/store/memory.js';
import { type FakeChild, FakeChildren, mcpServer } from './fake-child.js';
import { FakeConnection, settle, UNCHANGED } from './session.js';

// Taken before a town puts fake timers in their place.
const { setImmediate } = globalThis;

const FAKED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] as const;
const SPEC = { command: ['server'], cwd: '/', env: {}, shell: false } as const;
const TIMEOUTS = { startTimeout: 120_000, drainTimeout: 30_000, killTimeout: 3_000 };

/** What every id of a town begins with. */
export const TAG = 'mcpb-00000000-';
export const NEWEST = '2025-11-25';
export const IDLE = 60_000;
export const TTL = 7 * 86_400_000;

export interface TownPlan {
  readonly options?: Partial<RegistryPlan['options']>;
  /** Sets up the n-th child; without it each one is an MCP server. */
  readonly play?: (child: FakeChild, nth: number) => void;
  /** What an earlier bridge has kept. */
  readonly store?: MemoryStore;
  /** How the newest code stands; without it nothing ever changes. */
  readonly standing?: RegistryPlan['standing'];
}

/** A request of a client, and the connection that it came on. */
export interface Visit {
  readonly id: RequestId;
  readonly session: Session;
  readonly connection: FakeConnection;
  /** The client closes the connection before it has its answer. */
  leave(): void;
}

export class Town implements AsyncDisposable {
  readonly children: FakeChildren;
  readonly starts = new Starts();
  readonly generations = new Generations(SPEC);
  readonly store: MemoryStore;
  readonly registry: Registry;
  #lastId = 0;

  constructor(plan: TownPlan = {}) {
    const { options, play = mcpServer(), store = new MemoryStore(), standing = () => UNCHANGED } = plan;
    vi.useFakeTimers({ toFake: [...FAKED] });
    this.children = new FakeChildren(play);
    this.store = store;
    const { spawn } = this.children;
    this.registry = new Registry({
      store,
      options: {
        holdTimeout: 55_000,
        idleTimeout: IDLE,
        sessionTtl: TTL,
        retry: 'safe',
        isolation: 'session',
        maxBackends: 32,
        unknownSession: 'recreate',
        ...options,
      },
      tag: TAG,
      project: 'node server.js in /project',
      startBackend: (doors) =>
        new ChildBackend({ ...this.generations.current, spawn, timeouts: TIMEOUTS }, doors),
      starts: this.starts,
      serverName: 'server',
      standing,
      report: () => {},
    });
  }

  /** The servers that run. */
  get running(): FakeChild[] {
    return this.children.all.filter(({ hasEnded }) => !hasEnded);
  }

  find(id: string, purpose: Purpose = 'request', revision = NEWEST): Session | NoSession {
    return this.registry.find(id, purpose, revision);
  }

  /** The session that there must be. */
  the(id: string, purpose: Purpose = 'request'): Session {
    return sessionIn(this.find(id, purpose));
  }

  /** A client of this name comes with its `initialize`. */
  arrive(name = 'client'): Visit {
    const clientInfo = { name, version: '1' };
    const params = { protocolVersion: NEWEST, capabilities: {}, clientInfo };
    const line = requestLine(this.#nextId(), 'initialize', params);
    const session = sessionIn(this.registry.open(line));
    return visit(session, line.message.id, (stream) => session.open(line, stream));
  }

  /** A client comes and is answered; it says `initialized`, and its id. */
  async open(): Promise<string> {
    const { session, connection } = this.arrive();
    await settle();
    if (connection.got.length === 0) await this.handOver();
    expect(connection.only.result).toBeDefined();
    const text = notificationText('notifications/initialized');
    const line = asLine(JSON.parse(text), text);
    if (line?.kind === 'notification') session.receive(line);
    return session.id;
  }

  /** A call of a tool: `echo` is answered, any other waits for the test. */
  call(id: string, name = 'echo'): Visit {
    return this.ask(id, 'tools/call', { name, arguments: { text: 'hello' } });
  }

  /** A request of a client. */
  ask(id: string, method: string, params: object = {}): Visit {
    const line = requestLine(this.#nextId(), method, params);
    const session = this.the(id);
    return visit(session, line.message.id, (stream) => session.call(line, stream));
  }

  /** The standalone stream of a session. */
  listen(id: string): Omit<Visit, 'id'> {
    const session = this.the(id, 'stream');
    const connection = new FakeConnection();
    const stream = session.attach(connection, undefined);
    const leave = () => {
      if (typeof stream === 'object') session.detach(stream, connection);
    };
    return { session, connection, leave };
  }

  /** A place changes hands: a server ends, that is seen a moment later, and the one that waited has another. */
  handOver(): Promise<void> {
    return this.pass(20, 5);
  }

  /** Time passes in steps, each with all that follows from it. */
  async pass(ms: number, step = 5_000): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      vi.advanceTimersByTime(Math.min(step, left));
      await settle();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.registry.shutdown();
      for (const session of [...this.registry.sessions()]) session.end();
      for (const child of this.children.all) child.end(0);
      await this.pass(20_000);
      expect(this.registry.supervisors()).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

function sessionIn(found: Session | NoSession): Session {
  if (typeof found === 'string') throw new Error(`No session: ${found}.`);
  return found;
}

/** As HTTP hands a request on: the connection closes when it is answered. */
function visit(
  session: Session,
  id: RequestId,
  begin: (stream: ReturnType<Session['openStream']>) => void,
): Visit {
  const connection = new ClosingConnection();
  const stream = session.openStream(connection, [id], false);
  connection.onEnd = () => session.detach(stream, connection);
  begin(stream);
  const leave = () => {
    session.detach(stream, connection);
    connection.isCut = true;
  };
  return { id, session, connection, leave };
}

class ClosingConnection extends FakeConnection {
  onEnd = () => {};

  override body(json: string): void {
    super.body(json);
    setImmediate(this.onEnd);
  }

  override end(): void {
    super.end();
    setImmediate(this.onEnd);
  }
}

function requestLine(id: number, method: string, params: object) {
  const text = requestText(id, method, params);
  const line = asLine(JSON.parse(text), text);
  if (line?.kind !== 'request') throw new Error(text);
  return line;
}
