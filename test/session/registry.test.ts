// All sessions of one server: each with a backend of its own, found by its id for as long as it lives.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ChildBackend } from '../../src/backend/child.js';
import { Starts } from '../../src/backend/starts.js';
import { asLine, requestText } from '../../src/protocol/jsonrpc.js';
import { type NoSession, Registry } from '../../src/session/registry.js';
import type { Session } from '../../src/session/session.js';
import { MemoryStore } from '../../src/store/memory.js';
import { FakeChildren, mcpServer } from '../helpers/fake-child.js';
import { FakeConnection, settle, UNCHANGED } from '../helpers/session.js';

const LIMIT = 60_000;
const spec = { command: ['server'], cwd: '/', env: {}, shell: false } as const;
const timeouts = { startTimeout: 120_000, drainTimeout: 30_000, killTimeout: 3_000 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** The session that there must be. */
function the(found: Session | NoSession): Session {
  if (typeof found === 'string') throw new Error(`No session: ${found}.`);
  return found;
}

class Town implements AsyncDisposable {
  readonly children = new FakeChildren(mcpServer());
  readonly labels: string[] = [];
  readonly registry = new Registry({
    store: new MemoryStore(),
    options: {
      holdTimeout: 55_000,
      idleTimeout: LIMIT,
      retry: 'safe',
      isolation: 'session',
      sessionTtl: 604_800_000,
      maxBackends: 32,
      unknownSession: 'recreate',
    },
    tag: 'mcpb-00000000-',
    project: 'project',
    startBackend: (doors) =>
      new ChildBackend({ spec, spawn: this.children.spawn, number: 1, timeouts }, doors),
    starts: new Starts(),
    serverName: 'server',
    standing: () => UNCHANGED,
    report: (label, { kind }) => {
      if (kind === 'session.opened') this.labels.push(label);
    },
  });

  async open(client?: object): Promise<Session> {
    const session = the(
      this.registry.open(this.#line('initialize', { protocolVersion: '2025-11-25', clientInfo: client })),
    );
    const connection = new FakeConnection();
    session.open(this.#line('initialize'), session.openStream(connection, [0], false));
    await settle();
    expect(connection.only.result).toBeDefined();
    return session;
  }

  call(session: Session, method: string, params: object = {}): FakeConnection {
    const connection = new FakeConnection();
    session.call(this.#line(method, params), session.openStream(connection, [0], false));
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.registry.shutdown();
    for (const session of [...this.registry.sessions()]) session.end();
    for (let i = 0; i < 20; i += 1) {
      vi.advanceTimersByTime(1_000);
      await settle();
    }
    expect(this.registry.supervisors()).toEqual([]);
  }

  #line(method: string, params?: object) {
    const text = requestText(1, method, params);
    const line = asLine(JSON.parse(text), text);
    if (line?.kind !== 'request') throw new Error(text);
    return line;
  }
}

describe('sessions', () => {
  test('have an id each, of visible characters, and are found by it until they end [session.same-id]', async () => {
    await using town = new Town();
    const [one, other] = [await town.open(), await town.open()];
    expect(one.id).not.toBe(other.id);
    expect(one.id).toMatch(/^[\x21-\x7e]{16,128}$/);
    expect(town.registry.find(one.id, 'message', '2025-11-25')).toBe(one);
    one.end();
    expect(town.registry.find(one.id, 'request', '2025-11-25')).toBe('ended');
    expect(town.registry.find(other.id, 'message', '2025-11-25')).toBe(other);
    expect([...town.registry.sessions()]).toEqual([other]);
  });

  test('have a backend each: neither hears what the other says, nor notices its loss [session.dedicated]', async () => {
    await using town = new Town();
    const [one, other] = [await town.open(), await town.open()];
    expect(town.children.all).toHaveLength(2);
    town.call(one, 'logging/setLevel', { level: 'debug' });
    const call = town.call(other, 'tools/call', { name: 'export' });
    await settle();
    expect(town.children.all[1]?.methods).toEqual(['initialize', 'tools/call']);
    town.children.all[0]?.end(1);
    await settle();
    expect(town.children.all).toHaveLength(3);
    expect([one.state, other.state]).toEqual(['active', 'active']);
    expect(town.children.all[2]?.methods).toEqual(['initialize', 'logging/setLevel']);
    expect(call.got).toEqual([]);
    expect(other.jobs.running).toBe(1);
  });

  test('are labelled by their clients, each label for one session at a time', async () => {
    await using town = new Town();
    const first = await town.open({ name: 'claude-code' });
    await town.open({ name: 'claude-code' });
    await town.open({ name: 'My Editor! (beta)' });
    await town.open({ name: '' });
    await town.open({ name: 7 });
    await town.open();
    first.end();
    await town.open({ name: 'claude-code' });
    expect(town.labels).toEqual([
      'claude-code',
      'claude-code-2',
      'My-Editor-beta-',
      'client',
      'client-2',
      'client-3',
      'claude-code',
    ]);
  });

  test('stay on the books, when they have ended, until their processes are gone [supervise.tree]', async () => {
    await using town = new Town();
    const session = await town.open();
    session.end();
    expect([...town.registry.sessions()]).toEqual([]);
    expect(town.registry.supervisors()).toEqual([session.supervisor]);
    vi.advanceTimersByTime(1_000);
    await settle();
    expect(town.registry.supervisors()).toEqual([]);
  });
});

describe('time', () => {
  test('sends each idle session to sleep [session.idle]', async () => {
    await using town = new Town();
    const [one, other] = [await town.open(), await town.open()];
    vi.advanceTimersByTime(LIMIT - 5_000);
    town.call(other, 'ping');
    await settle();
    vi.advanceTimersByTime(10_000);
    expect([one.state, other.state]).toEqual(['dormant', 'active']);
    vi.advanceTimersByTime(LIMIT);
    expect(other.state).toBe('dormant');
  });

  test('that the machine slept does not count [session.idle]', async () => {
    await using town = new Town();
    const session = await town.open();
    const clock = vi.spyOn(performance, 'now');
    clock.mockReturnValue(performance.now() + 10 * LIMIT);
    vi.advanceTimersByTime(5_000);
    expect(session.state).toBe('active');
    clock.mockRestore();
  });
});

describe('the stop of the bridge', () => {
  test('stops every backend, keeps every session, and looks at none of them any more', async () => {
    await using town = new Town();
    const sessions = [await town.open(), await town.open()];
    town.registry.shutdown();
    vi.advanceTimersByTime(1_000);
    await settle();
    expect(sessions.map(({ state }) => state)).toEqual(['dormant', 'dormant']);
    expect(sessions.map(({ id }) => town.registry.find(id, 'message', '2025-11-25'))).toEqual(sessions);
    expect(town.children.all.every(({ hasEnded }) => hasEnded)).toBe(true);
  });
});
