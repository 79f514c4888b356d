// Many sessions and few servers, much time and little memory: who sleeps, who waits, who is forgotten, and who is made again.
import { describe, expect, test, vi } from 'vitest';
import { requestLineOf, requestText } from '../../src/protocol/jsonrpc.js';
import { newRecord } from '../../src/session/record.js';
import { MemoryStore } from '../../src/store/memory.js';
import { mcpServer, silent } from '../helpers/fake-child.js';
import { settle } from '../helpers/session.js';
import { IDLE, NEWEST, TAG, Town, TTL } from '../helpers/town.js';

const HOUR = 3_600_000;
const REST = 60_000;
const NAP = 5_000;

describe('more sessions than servers may run', () => {
  const two = { options: { maxBackends: 2 } };

  test('the one that was used least lately sleeps for the newcomer, and wakes with its next call [session.idle]', async () => {
    await using town = new Town(two);
    const [one, other] = [await town.open(), await town.open()];
    await town.pass(1);
    town.call(one);
    await settle();
    const third = await town.open();
    await town.pass(NAP);
    expect([one, other, third].map((id) => town.the(id).state)).toEqual(['active', 'dormant', 'active']);
    expect(town.running).toHaveLength(2);
    const back = town.call(other);
    await town.handOver();
    expect(back.connection.only.result).toBeDefined();
    expect(town.the(one).state).toBe('dormant');
  });

  test('the one that was used least lately is the same after a new generation was taken up [session.idle]', async () => {
    await using town = new Town(two);
    const [one, other] = [await town.open(), await town.open()];
    await town.pass(NAP);
    town.call(one);
    await settle();
    // As a rollout does: who was used last comes first.
    for (const id of [one, other]) {
      await town.pass(NAP);
      expect(await town.the(id).takeUp('start-first', 2)).toEqual({ kind: 'serves' });
    }
    await town.open();
    expect([one, other].map((id) => town.the(id).state)).toEqual(['active', 'dormant']);
  });

  test('with all of them in use, the newcomer is held until one is not [session.idle] [call.hold]', async () => {
    await using town = new Town(two);
    const [one, other] = [await town.open(), await town.open()];
    const calls = [one, other].map((id) => town.call(id, 'export'));
    await settle();
    const third = town.arrive();
    await settle();
    expect(third.connection.got).toEqual([]);
    expect(town.children.all).toHaveLength(2);
    const [busy] = calls;
    town.children.all[0]?.answer({ id: busy?.id ?? '' });
    await town.handOver();
    expect(busy?.connection.only.result).toBeDefined();
    expect(third.connection.only.result).toBeDefined();
    expect(town.the(one).state).toBe('dormant');
    expect(town.the(other).state).toBe('active');
  });

  test('a session with a stream open is never put to sleep for another one [session.idle]', async () => {
    await using town = new Town(two);
    const ids = [await town.open(), await town.open()];
    const streams = ids.map((id) => town.listen(id));
    const third = town.arrive();
    await town.pass(3_000, 1_000);
    expect(ids.map((id) => town.the(id).state)).toEqual(['active', 'active']);
    streams[1]?.leave();
    await town.handOver();
    expect(third.connection.answers(third.id)).toHaveLength(1);
    expect(ids.map((id) => town.the(id).state)).toEqual(['active', 'dormant']);
  });

  test('a call that has waited for as long as it may is told what for [call.words] [call.hold]', async () => {
    await using town = new Town(two);
    const ids = [await town.open(), await town.open()];
    const third = await town.open();
    for (const id of ids) town.listen(id);
    await town.pass(NAP);
    for (const id of ids) town.call(id, 'export');
    await settle();
    const call = town.call(third);
    await town.pass(60_000);
    expect(call.connection.only.error?.message).toMatch(
      /^Not run: still waiting for a place after 55 s \(2 servers run already, and --max-backends allows no more\)\./,
    );
  });

  test('a newcomer has no server before the one is gone whose place it gets [session.idle]', async () => {
    await using town = new Town({ options: { maxBackends: 1 } });
    const first = await town.open();
    const [stubborn] = town.children.all;
    if (stubborn) stubborn.isStubborn = true;
    const second = town.arrive();
    await settle();
    expect(town.the(first).state).toBe('dormant');
    await town.pass(200, 50);
    // It is wanted back meanwhile: it waits for its turn, behind the newcomer.
    const back = town.call(first);
    await settle();
    expect(town.children.all).toHaveLength(1);
    stubborn?.end(0);
    await town.handOver();
    expect(second.connection.only.result).toBeDefined();
    await town.handOver();
    expect(back.connection.only.result).toBeDefined();
    expect(town.children.all).toHaveLength(3);
    expect(town.running).toHaveLength(1);
  });

  test('a session that is ended keeps its place until its server is gone', async () => {
    await using town = new Town({ options: { maxBackends: 1 } });
    for (let n = 0; n < 20; n += 1) {
      const { session } = town.arrive();
      await settle();
      if (town.running[0]) town.running[0].isStubborn = true;
      session.end();
    }
    expect(town.children.all).toHaveLength(1);
    const late = town.arrive();
    await settle();
    town.children.last.end(0);
    await town.handOver();
    expect(late.connection.only.result).toBeDefined();
    expect(town.children.all).toHaveLength(2);
  });

  test('those that wait are served in the order in which they came', async () => {
    await using town = new Town({ options: { maxBackends: 1 } });
    const first = await town.open();
    const call = town.call(first, 'export');
    await settle();
    const waiting = [town.arrive(), town.arrive(), town.arrive()];
    town.children.all[0]?.answer(call);
    await settle();
    expect(call.connection.only.result).toBeDefined();
    for (let i = 0; i < 10; i += 1) await town.handOver();
    expect(waiting.map(({ connection }) => connection.only.result !== undefined)).toEqual([true, true, true]);
    expect(town.children.all).toHaveLength(4);
  });

  test('no more servers run than may, whatever comes', async () => {
    await using town = new Town(two);
    const ids = [await town.open(), await town.open()];
    for (let i = 0; i < 20; i += 1) ids.push(await town.open());
    for (const id of ids) town.call(id);
    for (let i = 0; i < 60; i += 1) {
      await town.pass(5, 5);
      expect(town.running.length).toBeLessThanOrEqual(2);
    }
  });

  test('a thousand that wait are enough: the next one is refused at once, and there is room when they are gone', async () => {
    await using town = new Town({ options: { maxBackends: 1 }, play: mcpServer({ initialize: silent }) });
    for (let i = 0; i < 1_001; i += 1) town.arrive();
    expect(town.registry.places.waiting).toBe(1_000);
    expect(town.registry.open(requestOf())).toBe('full');
    for (const session of [...town.registry.sessions()].slice(500)) session.end();
    expect(town.registry.places.waiting).toBe(499);
    expect(typeof town.registry.open(requestOf())).toBe('object');
  });
});

describe('who waits for a server', () => {
  const one = { options: { maxBackends: 1 } };

  test('waits no longer when its client has left and its call was given up [session.idle]', async () => {
    await using town = new Town(one);
    const first = await town.open();
    const second = await town.open();
    town.listen(second);
    town.call(second, 'export');
    await settle();
    town.call(first).leave();
    expect(town.registry.places.waiting).toBe(1);
    await town.pass(2 * 60_000);
    expect(town.registry.places.waiting).toBe(0);
    expect(town.the(first).state).toBe('dormant');
  });

  test('waits no longer when it was answered without a server, and asks for nothing [session.fast] [session.idle]', async () => {
    await using town = new Town(one);
    const first = await town.open();
    town.listen(first);
    const second = town.arrive();
    await town.pass(1_000, 100);
    expect(second.connection.only.result).toBeDefined();
    await town.pass(2 * NAP);
    expect(town.registry.places.waiting).toBe(0);
    expect(second.session.state).toBe('dormant');
  });

  test('has the place of one whose client left before its answer, as soon as that has come [call.hold]', async () => {
    await using town = new Town(one);
    const first = await town.open();
    const left = town.call(first, 'export');
    await settle();
    left.leave();
    const second = town.arrive();
    await settle();
    expect(second.connection.got).toEqual([]);
    town.children.all[0]?.answer(left);
    await town.handOver();
    // Not only when the sessions are looked at the next time.
    expect(second.connection.only.result).toBeDefined();
  });

  test('is served in a moment even behind many that have left [call.hold]', async () => {
    await using town = new Town(one);
    const first = await town.open();
    const busy = town.call(first, 'export');
    await settle();
    for (let i = 0; i < 20; i += 1) town.call(`stranger-${i}`).leave();
    const id = await openLater(town);
    town.children.all[0]?.answer(busy);
    await settle();
    expect(busy.connection.only.result).toBeDefined();
    const call = town.call(id);
    await town.pass(1_000, 10);
    expect(call.connection.only.result).toBeDefined();
  });
});

describe('the stop of the bridge', () => {
  test('starts no server for those that have waited for one [cli.stop]', async () => {
    await using town = new Town({ options: { maxBackends: 2 } });
    const ids = [await town.open(), await town.open()];
    for (const id of ids) town.listen(id);
    const waiting = Array.from({ length: 20 }, () => town.arrive());
    await settle();
    expect(town.children.all).toHaveLength(2);
    town.registry.shutdown();
    await settle();
    expect(town.children.all).toHaveLength(2);
    for (const { connection } of waiting) {
      expect(connection.only.error?.message).toBe(
        'Not run: the bridge was stopped before the answer came. Start it again, and call again.',
      );
    }
  });
});

describe('the news that the code is broken', () => {
  test('starts no server for those that have waited for one', async () => {
    await using town = new Town({ options: { maxBackends: 2 }, play: mcpServer({ initialize: silent }) });
    for (let i = 0; i < 20; i += 1) town.arrive();
    await settle();
    expect(town.children.all).toHaveLength(2);
    const failure = { verdict: 'Not run', cause: 'cargo build failed.', hint: 'Fix it.' } as const;
    // As long as a build runs, nothing is started.
    town.starts.close();
    for (const session of [...town.registry.sessions()]) session.refuseCalls(failure);
    town.starts.open(false);
    await settle();
    expect(town.children.all).toHaveLength(2);
  });
});

test('one whose opening an earlier bridge did not live to answer is not counted [http.health]', async () => {
  const store = new MemoryStore();
  const line = requestLineOf(requestText(0, 'initialize', { protocolVersion: NEWEST, capabilities: {} }));
  store.save(newRecord(`${TAG}half`, line));
  store.save({ ...newRecord(`${TAG}whole`, line), revision: NEWEST });
  await using town = new Town({ store });
  expect(town.registry.size).toBe(1);
});

describe('time', () => {
  test('forgets a session that nobody has used for its ttl: its id is a stranger’s then [session.same-id]', async () => {
    await using town = new Town({ options: { sessionTtl: HOUR } });
    const id = await town.open();
    await town.pass(HOUR - 60_000, 10_000);
    expect(town.store.record(id)?.initialize).not.toContain('mcp-bridge');
    expect(town.registry.size).toBe(1);
    await town.pass(4 * 60_000, 10_000);
    expect(town.registry.size).toBe(0);
    expect(town.store.hasEnded(id)).toBe(false);
    const call = town.call(id);
    await settle();
    expect(call.connection.only.result).toBeDefined();
    expect(town.store.record(id)?.initialize).toContain('mcp-bridge');
  });

  test('does not forget one that is used, listened to or at work [session.same-id]', async () => {
    await using town = new Town({ options: { sessionTtl: HOUR } });
    const ids = [await town.open(), await town.open(), await town.open()];
    const [used = '', listened = '', busy = ''] = ids;
    town.listen(listened);
    const work = town.call(busy, 'export');
    for (let i = 0; i < 6; i += 1) {
      await town.pass(HOUR / 2, 10_000);
      town.call(used);
      await settle();
    }
    expect(ids.map((id) => town.store.record(id)?.initialize.includes('mcp-bridge'))).toEqual([
      false,
      false,
      false,
    ]);
    expect(work.connection.got).toEqual([]);
    expect(town.the(busy).jobs.running).toBe(1);
  });

  test('never makes an ended session a stranger [session.same-id]', async () => {
    await using town = new Town({ options: { sessionTtl: HOUR } });
    const id = await town.open();
    town.the(id).end();
    await town.pass(3 * HOUR, 10_000);
    for (const purpose of ['request', 'stream', 'message', 'end'] as const)
      expect(town.find(id, purpose)).toBe('ended');
  });

  test.each([
    ['the wall clock alone', true, false],
    ['both clocks', true, true],
  ])(
    'that the machine slept, by %s, makes nobody idle or old [session.idle] [session.same-id]',
    async (_, wall, both) => {
      await using town = new Town();
      const asleep = await town.open();
      town.the(asleep).sleep();
      await town.pass(REST + 2 * NAP);
      const awake = await town.open();
      expect([...town.registry.sessions()].map(({ id }) => id)).toEqual([awake]);
      const clock = vi.spyOn(performance, 'now');
      if (wall) vi.setSystemTime(Date.now() + 10 * TTL);
      if (both) clock.mockReturnValue(performance.now() + 10 * TTL);
      await town.pass(NAP);
      clock.mockRestore();
      expect(town.the(awake).state).toBe('active');
      await town.pass(3 * 60_000);
      expect(town.registry.size).toBe(2);
      expect(town.store.record(asleep)).toBeDefined();
      expect(town.store.record(awake)).toBeDefined();
    },
  );

  test('of a machine that slept often is not too old, either: the ttl begins with each waking [session.same-id]', async () => {
    await using town = new Town();
    const id = await town.open();
    town.the(id).sleep();
    for (let nights = 0; nights < 5; nights += 1) {
      vi.setSystemTime(Date.now() + 0.9 * TTL);
      await town.pass(3 * 60_000);
    }
    expect(town.store.record(id)).toBeDefined();
    await town.pass(2 * NAP);
    expect(town.registry.size).toBe(1);
  });

  test('that goes backwards does no harm [session.same-id]', async () => {
    await using town = new Town();
    const id = await town.open();
    vi.setSystemTime(Date.now() - 400 * 24 * HOUR);
    await town.pass(10 * 60_000);
    expect(town.store.record(id)).toBeDefined();
    const call = town.call(id);
    await settle();
    expect(call.connection.only.result).toBeDefined();
  });
});

describe('memory', () => {
  test('has no session that nobody has used for a minute: it is made again, the same to its client [session.same-id]', async () => {
    await using town = new Town();
    const id = await town.open();
    const before = town.the(id);
    await town.pass(IDLE + REST + 2 * NAP);
    expect([...town.registry.sessions()]).toEqual([]);
    expect(town.registry.size).toBe(1);
    const call = town.call(id);
    await settle();
    expect(call.connection.only.result).toBeDefined();
    expect(town.children.last.methods).toEqual(['initialize', 'notifications/initialized', 'tools/call']);
    expect(town.the(id)).not.toBe(before);
  });

  test('has no stranger that only listened once, either, and nothing of it is on record [session.recreate]', async () => {
    await using town = new Town();
    const get = town.listen('stranger');
    await town.pass(10 * REST);
    expect(get.connection.hasEnded).toBe(false);
    expect([...town.registry.sessions()]).toHaveLength(1);
    get.leave();
    await town.pass(REST + 2 * NAP);
    expect([...town.registry.sessions()]).toEqual([]);
    expect(town.registry.size).toBe(0);
  });

  test('has 2000 sessions: for one more the one that was used least lately is left to its record [session.same-id]', async () => {
    await using town = new Town();
    const first = await town.open();
    town.the(first).sleep();
    await settle();
    await town.pass(NAP);
    for (let i = 1; i < 2_000; i += 1) town.the(`stranger-${i}`, 'stream');
    expect([...town.registry.sessions()]).toHaveLength(2_000);
    town.the('one-more', 'stream');
    expect([...town.registry.sessions()].map(({ id }) => id)).not.toContain(first);
    expect([...town.registry.sessions()]).toHaveLength(2_000);
    const call = town.call(first);
    await settle();
    expect(call.connection.only.result).toBeDefined();
  });

  test('has no room for one more while 2000 are connected, and says so; none of these is dropped', async () => {
    await using town = new Town();
    const streams = Array.from({ length: 2_000 }, (_, i) => town.listen(`stranger-${i}`));
    expect(town.find('one-more', 'stream')).toBe('full');
    expect(town.find('one-more')).toBe('full');
    expect(town.registry.open(requestOf())).toBe('full');
    expect(streams.every(({ connection }) => !connection.hasEnded)).toBe(true);
    streams[7]?.leave();
    expect(typeof town.find('one-more')).toBe('object');
    expect(typeof town.find('stranger-3')).toBe('object');
  });

  test('is not taken by strangers while the code is broken, so that nobody can come any more [session.recreate]', async () => {
    await using town = new Town();
    for (let i = 0; i < 2_000; i += 1) {
      const session = town.the(`stranger-${i}`, 'stream');
      session.refuseCalls({ verdict: 'Not run', cause: 'cargo build failed.', hint: 'Fix it.' });
    }
    await town.pass(2 * REST);
    expect(typeof town.registry.open(requestOf())).toBe('object');
  });

  test('of 10,000 records is enough: beyond it the oldest are forgotten, and not those in use [session.same-id]', async () => {
    await using town = new Town();
    const now = Date.now();
    for (let i = 0; i < 10_050; i += 1) {
      town.store.save({
        ...{ id: `${TAG}${i}`, initialize: '{}', revision: NEWEST },
        ...{ subscriptions: new Map(), shown: new Map(), usedAt: now - 20_000 + i },
      });
    }
    const id = await town.open();
    town.listen(id);
    await town.pass(3 * 60_000);
    expect([...town.store.records()]).toHaveLength(10_000);
    expect(town.store.record(`${TAG}50`)).toBeUndefined();
    expect(town.store.record(`${TAG}51`)).toBeDefined();
    expect(town.store.record(id)).toBeDefined();
  });

  test('of 64 MiB of records is enough, whatever it is that makes them large: beyond it the oldest are forgotten', async () => {
    await using town = new Town();
    const now = Date.now();
    const large = 'x'.repeat(1_000_000);
    for (let i = 0; i < 100; i += 1) {
      town.store.save({
        ...{ id: `${TAG}${i}`, initialize: '{}', revision: NEWEST, setLevel: large },
        ...{ subscriptions: new Map([['a:', large]]), shown: new Map(), usedAt: now - 20_000 + i },
      });
    }
    await town.pass(2 * 60_000);
    const kept = [...town.store.records()].map(({ id }) => id);
    expect(kept).toEqual(Array.from({ length: 33 }, (_, i) => `${TAG}${67 + i}`));
  });
});

describe('an id that nobody has on record', () => {
  const PLAIN = '4f2a9c1e-7a3b-4f7e-9d35-6b8f0f3f1b11';
  const OURS = `${TAG}4f2a9c1e-7a3b-4f7e-9d35-6b8f0f3f1b11`;
  const THEIRS = 'mcpb-ffffffff-4f2a9c1e-7a3b-4f7e-9d35-6b8f0f3f1b11';

  test.each([PLAIN, OURS])(
    'is served for a request and a stream, and for nothing else: %s [session.recreate]',
    async (id) => {
      await using town = new Town();
      expect(['message', 'end'].map((purpose) => town.find(id, purpose as 'message'))).toEqual([
        'unheard',
        'unknown',
      ]);
      expect([...town.registry.sessions()]).toEqual([]);
      const session = town.the(id, 'stream');
      expect(session.id).toBe(id);
      expect(session.state).toBe('dormant');
      expect(town.find(id)).toBe(session);
      // Once it is there, it is a session like any other.
      expect(town.find(id, 'message')).toBe(session);
      const call = town.call(id);
      await settle();
      expect(call.connection.only.result).toBeDefined();
      town.the(id, 'end').end();
      expect(town.find(id)).toBe('ended');
    },
  );

  test('is not served where it is another project’s [session.recreate]', async () => {
    await using town = new Town();
    for (const purpose of ['request', 'stream', 'message', 'end'] as const)
      expect(town.find(THEIRS, purpose)).toBe('foreign');
    // What only looks like one is nobody's.
    for (const id of ['mcpb-ffffffff', 'mcpb-FFFFFFFF-x', 'xmcpb-ffffffff-x', 'mcpb-fffffff-x'])
      expect(typeof town.find(id)).toBe('object');
  });

  test('is unknown to a bridge that was told to reject it [session.recreate]', async () => {
    await using town = new Town({ options: { unknownSession: 'reject' } });
    for (const id of [PLAIN, OURS])
      for (const purpose of ['request', 'stream', 'message', 'end'] as const)
        expect(town.find(id, purpose)).toBe('unknown');
    expect(town.find(THEIRS)).toBe('foreign');
    const known = await town.open();
    expect(typeof town.find(known)).toBe('object');
  });

  test('is served at the revision that its client speaks, with each call of its own to the server [session.recreate]', async () => {
    await using town = new Town();
    town.registry.find('a', 'request', '2025-06-18');
    town.registry.find('b', 'request', '2025-03-26');
    for (const id of ['a', 'b']) town.call(id);
    await settle();
    const asked = town.children.all.map(({ lines }) => JSON.parse(lines[0] ?? '').params.protocolVersion);
    expect(asked).toEqual(['2025-06-18', '2025-03-26']);
    expect(['a', 'b'].map((id) => town.the(id).revision)).toEqual(['2025-06-18', '2025-03-26']);
  });
});

function requestOf() {
  const text = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"${NEWEST}"}}`;
  return { kind: 'request', message: JSON.parse(text), text } as Parameters<Town['registry']['open']>[0];
}

/** A client that was here before, and has a record. */
async function openLater(town: Town): Promise<string> {
  const id = `${TAG}regular`;
  town.store.save({
    ...{ id, initialize: requestOf().text, revision: NEWEST },
    ...{ subscriptions: new Map(), shown: new Map(), usedAt: Date.now() },
  });
  await settle();
  return id;
}
