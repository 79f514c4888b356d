// Several sessions at one backend: who sits where, and when a process is started and ended.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Backend, BackendReport } from '../../src/backend/backend.js';
import { ChildBackend } from '../../src/backend/child.js';
import { Pool } from '../../src/backend/pool.js';
import { Starts } from '../../src/backend/starts.js';
import { Supervisor } from '../../src/backend/supervisor.js';
import { isObject, notificationText, parseJson, requestText } from '../../src/protocol/jsonrpc.js';
import { FakeChildren, mcpServer, type Script, silent } from '../helpers/fake-child.js';

const SPEC = { command: ['fake'], cwd: '/', env: {}, shell: false } as const;
const TIMEOUTS = { startTimeout: 60_000, drainTimeout: 30_000, killTimeout: 100 };
// Taken before a test puts fake timers in their place.
const { setImmediate } = globalThis;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A session, reduced to its supervisor: it introduces its client, and knows what it has in flight. */
class Guest {
  readonly told: string[] = [];
  readonly lines: string[] = [];
  readonly supervisor: Supervisor;
  revision = '2025-06-18';
  isBusy = false;

  constructor(room: Room) {
    const tell = (word: string) => (backend: Backend) => {
      this.told.push(`${word} ${backend.generation}`);
    };
    this.supervisor = new Supervisor(room.pool.seat, room.starts, {
      arrival: () => undefined,
      onStarted: (backend) => {
        tell('started')(backend);
        backend.send(requestText('init', 'initialize', { protocolVersion: this.revision }));
      },
      onReady: tell('ready'),
      onLost: (backend) => {
        tell('lost')(backend);
        if (backend.state === 'draining' && !this.isBusy) backend.drained();
      },
      onNextLost: tell('next lost'),
      onNextLate: () => {},
      onSilent: (backend) => {
        this.told.push(`${backend.state} ${backend.generation}`);
      },
      onGaveUp: () => {
        this.told.push('gave up');
      },
      onLine: (backend, { text, message }) => {
        this.lines.push(text);
        if (!('id' in message) || message.id !== 'init') return;
        if ('error' in message) backend.refuse('no');
        else backend.handshaken();
      },
      report: () => {},
    });
  }

  /** The call that it had in flight is answered. */
  finish(): void {
    this.isBusy = false;
    for (const backend of this.supervisor.backends) if (backend.state === 'draining') backend.drained();
  }
}

class Room {
  readonly children: FakeChildren;
  readonly starts = new Starts();
  readonly reports: BackendReport['kind'][] = [];
  readonly pool: Pool;
  readonly backends: ChildBackend[] = [];
  generation = 1;

  constructor(script: Script = {}, isExclusive = false) {
    this.children = new FakeChildren(mcpServer(script));
    const { spawn } = this.children;
    this.pool = new Pool({
      startBackend: (doors) => {
        const backend = new ChildBackend(
          { spec: SPEC, spawn, number: this.generation, timeouts: TIMEOUTS },
          doors,
        );
        this.backends.push(backend);
        return backend;
      },
      newest: () => this.generation,
      isExclusive,
      version: '1',
      report: ({ kind }) => this.reports.push(kind),
    });
  }

  /** So many sessions, all of them served. */
  async guests(n: number): Promise<Guest[]> {
    const guests = Array.from({ length: n }, () => new Guest(this));
    for (const { supervisor } of guests) supervisor.want();
    await settle();
    return guests;
  }

  get living(): number {
    return this.children.all.filter(({ hasEnded }) => !hasEnded).length;
  }
}

/** All that can happen without time passing has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** In steps: what follows from one of them has the time of the others. */
async function pass(ms: number): Promise<void> {
  for (let n = 0; n < 10; n += 1) {
    vi.advanceTimersByTime(ms / 10);
    await settle();
  }
}

/** The n-th of what a test knows to be there, from 0. */
function at<T>(items: readonly T[], n: number): T {
  const item = items[n];
  if (item === undefined) throw new Error(`There is no number ${n}.`);
  return item;
}

describe('the first who sits down', () => {
  test('starts the backend; the others join it, and each is introduced by the bridge [session.dedicated]', async () => {
    const room = new Room();
    const guests = await room.guests(2);
    const late = new Guest(room);
    late.revision = 'of-the-future';
    late.supervisor.want();
    await settle();
    const { methods, lines } = at(room.children.all, 0);
    expect(room.children.all).toHaveLength(1);
    expect(methods).toEqual(['initialize', 'notifications/initialized']);
    expect(parseJson(lines[0] ?? '')).toMatchObject({
      params: {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'mcp-bridge', version: '1' },
      },
    });
    expect([...guests, late].map(({ told }) => told)).toEqual(Array(3).fill(['started 1', 'ready 1']));
    const revisions = [...guests, late].map(({ lines: [text = ''] }) => parseJson(text));
    expect(revisions.map((answer) => isObject(answer) && answer)).toMatchObject(
      ['2025-06-18', '2025-06-18', '2025-11-25'].map((protocolVersion) => ({
        id: 'init',
        result: { protocolVersion },
      })),
    );
    expect(room.reports).toEqual(['backend.started', 'backend.ready']);
  });

  test('waits with the others where the server is slow, and nobody hears of what is not theirs', async () => {
    const room = new Room({ initialize: silent });
    const guests = await room.guests(2);
    const child = at(room.children.all, 0);
    child.reply(notificationText('notifications/tools/list_changed'));
    await settle();
    expect(guests.map(({ told, lines }) => [...told, ...lines])).toEqual([['started 1'], ['started 1']]);
    child.answer(await child.received('initialize'), { protocolVersion: '2024-11-05' });
    await settle();
    expect(guests.map(({ told }) => told.at(-1))).toEqual(['ready 1', 'ready 1']);
  });

  test('keeps to itself what the server must not hear twice', async () => {
    const room = new Room();
    const [one] = await room.guests(2);
    const seat = one?.supervisor.serving;
    seat?.send(notificationText('notifications/initialized'));
    seat?.send(notificationText('notifications/roots/list_changed'));
    seat?.send(notificationText('notifications/progress', { progressToken: 1, progress: 1 }));
    seat?.send('{"jsonrpc":"2.0","id":1,"result":{}}');
    seat?.send(notificationText('notifications/vendor'));
    await settle();
    expect(at(room.children.all, 0).methods.slice(2)).toEqual(['notifications/vendor']);
  });

  test('is told in the words of a server that refuses, which is one failed start [supervise.crash]', async () => {
    const room = new Room({ initialize: () => ({ error: { code: -32000, message: 'no licence' } }) });
    const [one, two] = await room.guests(2);
    await pass(50);
    for (const guest of [one, two]) {
      expect(guest?.lines[0]).toContain('"id":"init","error":{"code":-32000,"message":"no licence"}');
      expect(guest?.told.slice(0, 3)).toEqual(['started 1', 'lost 1', 'crashed 1']);
    }
    expect(room.starts.lastExit?.reason).toBe('it refused initialize: no licence');
  });
});

describe('who gets up', () => {
  test('leaves the backend to the others, at once; the last ends it and waits for its end [session.dedicated supervise.tree]', async () => {
    const room = new Room();
    const [one, two] = await room.guests(2);
    const child = at(room.children.all, 0);
    child.isStubborn = true;
    one?.supervisor.release();
    expect(one?.told.at(-1)).toBe('ready 1');
    await settle();
    expect(one?.told.at(-1)).toBe('stopped 1');
    expect([room.living, two?.supervisor.serving?.state]).toEqual([1, 'ready']);

    two?.supervisor.release();
    await pass(100);
    expect([two?.told.at(-1), two?.supervisor.backends.size]).toEqual(['ready 1', 1]);
    child.end(0);
    await pass(200);
    expect([two?.told.at(-1), two?.supervisor.backends.size]).toEqual(['stopped 1', 0]);
    expect([room.reports.at(-1), room.starts.lastExit]).toEqual(['backend.stopped', undefined]);
  });

  test('is followed by a backend that waits for the end of the last one', async () => {
    const room = new Room();
    const [one] = await room.guests(1);
    at(room.children.all, 0).isStubborn = true;
    one?.supervisor.release();
    const [two, three] = await room.guests(2);
    three?.supervisor.release();
    await settle();
    expect([room.children.all.length, two?.told, three?.told]).toEqual([
      1,
      ['started 1'],
      ['started 1', 'stopped 1'],
    ]);
    at(room.children.all, 0).end(0);
    await pass(200);
    expect([room.children.all.length, two?.told.at(-1)]).toEqual([2, 'ready 1']);
  });

  test('before there was a backend for it needs none', async () => {
    const room = new Room();
    const [one] = await room.guests(1);
    one?.supervisor.release();
    const [two] = await room.guests(1);
    two?.supervisor.release();
    await pass(1_000);
    expect([two?.told, room.children.all.length]).toEqual([['started 1', 'stopped 1'], 1]);
  });

  test('hastens the end of the backend once, however many wait for it [cli.stop]', async () => {
    const room = new Room({}, true);
    const guests = await room.guests(3);
    const seats = guests.map(({ supervisor }) => supervisor.serving);
    const hasten = vi.spyOn(at(room.backends, 0), 'hasten');
    seats[0]?.drain(true);
    expect(seats.map((seat) => seat?.state)).toEqual(Array(3).fill('stopping'));
    for (const seat of seats) seat?.hasten();
    expect(hasten).toHaveBeenCalledTimes(1);
  });
});

describe('a crash', () => {
  test('is everybody’s, with one exit, and one backend follows [session.dedicated supervise.crash]', async () => {
    const room = new Room();
    const guests = await room.guests(3);
    const seats = guests.map(({ supervisor }) => supervisor.serving);
    at(room.children.all, 0).complain('last words');
    at(room.children.all, 0).end(9);
    await settle();
    expect(new Set(seats.map((seat) => seat?.exit)).size).toBe(1);
    expect(seats[0]?.exit).toMatchObject({ code: 9, tail: ['last words'] });
    const told = ['started 1', 'ready 1', 'lost 1', 'crashed 1', 'started 1', 'ready 1'];
    expect(guests.map((guest) => guest.told)).toEqual(Array(3).fill(told));
    expect(room.children.all).toHaveLength(2);
    expect(room.reports.filter((kind) => kind === 'backend.crashed')).toHaveLength(1);
  });

  test('while it starts is one failed start for all: the third in a row halts the server [supervise.crash]', async () => {
    const room = new Room({ initialize: silent });
    const guests = await room.guests(3);
    for (const n of [0, 1]) {
      at(room.children.all, n).end(7);
      await settle();
      expect(room.starts.halted).toBe(false);
      await pass(300);
    }
    expect(room.children.all).toHaveLength(3);
    at(room.children.all, 2).end(7);
    await settle();
    expect(room.starts.halted).toBe(true);
    expect(guests.map(({ told }) => told.at(-1))).toEqual(Array(3).fill('gave up'));
  });
});

describe('a new generation, start-first', () => {
  test('is one backend beside the old one, which ends when the last has gone over [call.drain session.dedicated]', async () => {
    const room = new Room();
    const [one, two] = await room.guests(2);
    if (one) one.isBusy = true;
    room.generation = 2;
    one?.supervisor.replace('start-first');
    await settle();
    two?.supervisor.replace('start-first');
    await settle();
    expect(room.children.all).toHaveLength(2);
    expect([one, two].map((guest) => guest?.supervisor.generation)).toEqual([2, 2]);
    expect(room.living).toBe(2);
    for (const guest of [two, one]) guest?.finish();
    await pass(100);
    expect(room.living).toBe(1);
    expect([one, two].map((guest) => guest?.told.at(-1))).toEqual(['stopped 1', 'stopped 1']);
  });
});

describe('a new generation, stop-first', () => {
  test('waits until the calls of all have finished, and the old one is gone [rollout.exclusive]', async () => {
    const room = new Room();
    const guests = await room.guests(3);
    const [one, two] = guests;
    if (two) two.isBusy = true;
    room.generation = 2;
    one?.supervisor.replace('stop-first');
    await pass(10_000);
    expect(guests.map(({ told }) => told.at(-1))).toEqual(Array(3).fill('lost 1'));
    expect(guests.map(({ supervisor }) => supervisor.serving)).toEqual(Array(3).fill(undefined));
    expect([room.living, room.children.all.length]).toEqual([1, 1]);

    two?.finish();
    await pass(100);
    const told = ['started 1', 'ready 1', 'lost 1', 'stopped 1', 'started 2', 'ready 2'];
    expect(guests.map((guest) => guest.told)).toEqual(Array(3).fill(told));
    expect([room.living, room.children.all.length]).toEqual([1, 2]);
    expect([room.starts.lastExit, room.starts.restarts]).toEqual([undefined, 0]);
    expect(room.reports).not.toContain('backend.crashed');
  });

  test('waits no longer than the drain timeout [rollout.exclusive]', async () => {
    const room = new Room();
    const guests = await room.guests(2);
    for (const guest of guests) guest.isBusy = true;
    room.generation = 2;
    guests[0]?.supervisor.replace('stop-first');
    await pass(TIMEOUTS.drainTimeout - 100);
    expect(room.children.all).toHaveLength(1);
    await pass(1_000);
    expect(guests.map(({ told }) => told.slice(-3))).toEqual(
      Array(2).fill(['stopped 1', 'started 2', 'ready 2']),
    );
  });

  test('moves who was just being introduced, without a loss [rollout.exclusive]', async () => {
    const room = new Room({ initialize: silent }, true);
    const guests = await room.guests(2);
    // Their clients' initialize is in flight.
    for (const guest of guests) guest.isBusy = true;
    room.generation = 2;
    const third = new Guest(room);
    third.supervisor.want();
    await pass(100);
    expect(guests.map(({ told }) => told)).toEqual(
      Array(2).fill(['started 1', 'lost 1', 'stopped 1', 'started 2']),
    );
    expect(third.told).toEqual(['started 2']);
    expect([room.living, room.children.all.length, room.starts.lastExit]).toEqual([1, 2, undefined]);
  });

  test('does not wait for the introduction of who has just sat down [rollout.exclusive]', async () => {
    const room = new Room();
    const [one] = await room.guests(1);
    const late = new Guest(room);
    late.isBusy = true;
    late.supervisor.want();
    room.generation = 2;
    one?.supervisor.replace('stop-first');
    await pass(100);
    expect(late.told).toEqual(['started 1', 'lost 1', 'stopped 1', 'started 2', 'ready 2']);
  });

  test('known of the server, makes way for whoever comes new, too [rollout.exclusive]', async () => {
    const room = new Room();
    const [one] = await room.guests(1);
    room.generation = 2;
    one?.supervisor.replace('stop-first');
    await pass(100);
    room.generation = 3;
    const [two] = await room.guests(1);
    await pass(100);
    expect(two?.told).toEqual(['started 3', 'ready 3']);
    expect(one?.told.slice(-4)).toEqual(['lost 2', 'stopped 2', 'started 3', 'ready 3']);
    expect([room.living, room.children.all.length]).toEqual([1, 3]);
  });
});
