// A session that an earlier bridge had, or none: made from its record, asleep, and the same to its client.
import { describe, expect, test, vi } from 'vitest';
import { takenBackText } from '../../src/session/failures.js';
import type { Standing } from '../../src/session/plan.js';
import { strangerRecord } from '../../src/session/record.js';
import { digestOf } from '../../src/session/snapshot.js';
import { MemoryStore } from '../../src/store/memory.js';
import type { SessionRecord } from '../../src/store/store.js';
import { type FakeChild, mcpServer } from '../helpers/fake-child.js';
import { Scene, type ScenePlan, settle, UNCHANGED } from '../helpers/session.js';

const ID = 'session';
const INITIALIZED = '{ "jsonrpc":"2.0", "method":"notifications/initialized", "x":1.0 }';
const LEVEL =
  '{"jsonrpc":"2.0","id":8,"method":"logging/setLevel","params":{"level":"debug","x":12345678901234567890}}';
const subscribe = (uri: string) =>
  `{"jsonrpc":"2.0","id":"s","method":"resources/subscribe","params":{"uri":"${uri}"}}`;
const log = (data: string | number) =>
  `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${data}"}}`;
const answer = (id: number | string) => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{}}`;
const tools = (...names: string[]) => names.map((name) => ({ name }));

const RECORD: SessionRecord = {
  id: ID,
  initialize:
    '{"params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{}},"clientInfo":{"name":"old","version":"9"}},"id":0,"jsonrpc":"2.0","method":"initialize","x":1e400}',
  revision: '2025-06-18',
  initialized: INITIALIZED,
  setLevel: LEVEL,
  subscriptions: new Map([
    ['b:', subscribe('b:')],
    ['a:', subscribe('a:')],
  ]),
  shown: new Map(),
  usedAt: 0,
};
/** A client that is primed, and has set nothing. */
const PLAIN: SessionRecord = {
  ...RECORD,
  revision: '2025-11-25',
  setLevel: undefined,
  subscriptions: new Map(),
};

interface KeptPlan extends Omit<ScenePlan, 'store' | 'record'> {
  readonly record?: SessionRecord;
  /** What the earlier bridge has left of its streams. */
  readonly left?: (store: MemoryStore) => void;
}

/** A session that an earlier bridge has kept. */
function keep({ record = PLAIN, left, ...plan }: KeptPlan = {}): Scene {
  const store = new MemoryStore();
  store.save(record);
  left?.(store);
  return new Scene({ ...plan, store, record });
}

const echo = (scene: Scene, text = 'hello') =>
  scene.call('tools/call', { name: 'echo', arguments: { text } });

/** As the server read them, with the ids that the bridge gave left out. */
const toldTo = (child: FakeChild) => child.lines.map((text) => text.replace(/"mcp-bridge:\d+"/, 'ID'));

describe('a session made from its record', () => {
  test('is asleep, and no server is started for a stream or a notification [session.same-id]', async () => {
    await using scene = keep({ record: RECORD });
    expect(scene.session.state).toBe('dormant');
    expect(scene.session.revision).toBe('2025-06-18');
    const { stream } = scene.get();
    expect(stream).toMatchObject({ id: 'g' });
    scene.tell('notifications/roots/list_changed');
    scene.cancel({ id: 7 });
    await scene.pass(60_000);
    expect(scene.children.all).toHaveLength(0);
    expect(scene.session.isConnected).toBe(true);
  });

  test('tells its first server what the client told the last one, as it was written and in order; then its call [session.same-id] [session.replay]', async () => {
    await using scene = keep({ record: RECORD });
    const call = echo(scene);
    await settle();
    expect(toldTo(scene.children.last)).toEqual([
      RECORD.initialize.replace('"2025-11-25"', '"2025-06-18"').replace('"id":0', '"id":ID'),
      INITIALIZED,
      LEVEL.replace('8', 'ID'),
      subscribe('b:').replace('"s"', 'ID'),
      subscribe('a:').replace('"s"', 'ID'),
      expect.stringContaining('tools/call'),
    ]);
    expect(call.connection.only).toMatchObject({
      id: call.id,
      result: { content: [{ type: 'text', text: 'hello' }] },
    });
    expect(scene.session.state).toBe('active');
    expect(scene.said('session.opened')).toEqual([]);
  });

  test('says initialized to its server only if the client has said it [session.replay]', async () => {
    await using scene = keep({ record: { ...PLAIN, initialized: undefined } });
    const call = echo(scene);
    await settle();
    expect(scene.children.last.methods).toEqual(['initialize', 'tools/call']);
    expect(call.connection.only.result).toBeDefined();
  });

  test('holds what comes meanwhile, in order [session.same-id] [call.hold]', async () => {
    await using scene = keep();
    const calls = [1, 2, 3].map((n) => echo(scene, String(n)));
    expect(scene.session.jobs).toEqual({ pending: 3, running: 0 });
    await settle();
    expect(scene.children.all).toHaveLength(1);
    expect(scene.children.last.methods.slice(2)).toEqual(Array(3).fill('tools/call'));
    expect(calls.map(({ connection }) => connection.only.result)).toEqual(
      ['1', '2', '3'].map((text) => ({ content: [{ type: 'text', text }] })),
    );
  });

  test('is never asked by its client to come back to what it has never begun [http.resume]', async () => {
    await using scene = keep();
    expect(scene.get('p1.0').stream).toBe('finished');
    expect(scene.get('p99.3').stream).toBe('finished');
  });

  test('that its server does not start for is told so, and tries again with a later call [call.words]', async () => {
    await using scene = keep({
      play: (child, nth) => (nth < 3 ? queueMicrotask(() => child.end(1)) : mcpServer()(child)),
    });
    const call = echo(scene);
    await scene.pass(3_000);
    expect(call.connection.only.error?.message).toMatch(/^Not run: the server does not start/);
    await scene.pass(5_000);
    const again = echo(scene);
    await settle();
    expect(again.connection.only.result).toBeDefined();
  });
});

describe('its streams go on', () => {
  const left = (store: MemoryStore) => {
    store.begin(ID, 'p7', [1]);
    store.append(ID, 'p7', answer(1));
    store.finish(ID, 'p7');
    store.append(ID, 'g', log(1), true);
    store.append(ID, 'g', log(2), true);
    store.append(ID, 'g', log(3));
  };

  test('with ids that no earlier stream had [http.resume]', async () => {
    await using scene = keep({ left });
    const call = scene.call('tools/call', { name: 'export' });
    await settle();
    expect(call.connection.priming).toContain('id: p8.0');
    scene.children.last.reply(log('of the call'));
    scene.children.last.answer(call);
    await settle();
    expect(call.connection.got.map(({ eventId }) => eventId)).toEqual(['p8.1', 'p8.2']);
    expect(scene.get('p7.0').connection.texts).toEqual([answer(1)]);
  });

  test('the standalone one with events that no earlier one had as theirs [http.resume]', async () => {
    await using scene = keep({ left });
    const { connection } = scene.get('g.3');
    echo(scene);
    await settle();
    scene.children.last.reply(log(4));
    await settle();
    expect(connection.got.map(({ eventId, text }) => [eventId, text])).toEqual([['g.4', log(4)]]);
  });

  test('for a client that names its last event, from there [http.resume]', async () => {
    await using scene = keep({ left });
    expect(scene.get('g.1').connection.texts).toEqual([log(2), log(3)]);
  });

  test('for a client that names none, with what was never on its way to it, and that once [http.resume] [http.streams]', async () => {
    await using scene = keep({ left });
    const first = scene.get();
    expect(first.connection.texts).toEqual([log(3)]);
    expect(first.connection.priming).toContain('id: g.2');
    scene.leave(first);
    expect(scene.get().connection.texts).toEqual([]);
    expect(scene.store.lastSent(ID)).toBe(3);
  });
});

describe('what an earlier bridge has left unanswered', () => {
  const MAY_HAVE_RUN =
    'May have run: the bridge ended before the answer came. It is running again; check what was done before calling again.';
  const errors = (scene: Scene, lastEventId: string) =>
    scene.get(lastEventId).connection.got.map(({ id, error, text }) => (error ? [id, error] : text));

  test('is answered with what is known of it, for when its client comes back; then it is over [call.once] [call.words] [http.resume]', async () => {
    await using scene = keep({
      left: (store) => {
        store.begin(ID, 'p3', [5]);
        store.append(ID, 'p3', log('half-way'));
      },
    });
    const told = [5, { code: -32603, message: MAY_HAVE_RUN }];
    expect(errors(scene, 'p3.0')).toEqual([log('half-way'), told]);
    const { connection } = scene.get('p3.1');
    expect(connection.got.map(({ eventId }) => eventId)).toEqual(['p3.2']);
    expect(connection.hasEnded).toBe(true);
    expect(scene.get('p3.2').stream).toBe('finished');
    expect(scene.children.all).toHaveLength(0);
  });

  test('is answered once for each request, and only for those that were not [call.once]', async () => {
    await using scene = keep({
      left: (store) => {
        store.begin(ID, 'p3', [5, '5', 6, 'x']);
        store.append(ID, 'p3', answer('5'));
        // What the server asks under the same number is no answer.
        store.append(ID, 'p3', '{"jsonrpc":"2.0","id":6,"method":"roots/list"}');
        store.append(ID, 'p3', '{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"no"}}');
      },
    });
    const { connection } = scene.get('p3.0');
    expect(connection.got.filter(({ error }) => error?.message === MAY_HAVE_RUN).map(({ id }) => id)).toEqual(
      [5, 6],
    );
    // With what was said, and what was asked being taken back.
    expect(connection.got).toHaveLength(6);
  });

  test('is answered where nothing was said yet, and nothing else is touched', async () => {
    await using scene = keep({
      left: (store) => {
        store.begin(ID, 'p3', [5]);
        store.begin(ID, 'p4', [6]);
        store.append(ID, 'p4', answer(6));
        store.finish(ID, 'p4');
      },
    });
    expect(errors(scene, 'p3.0')).toEqual([[5, { code: -32603, message: MAY_HAVE_RUN }]]);
    expect(errors(scene, 'p4.0')).toEqual([answer(6)]);
    expect(scene.store.unfinished(ID)).toEqual(new Map());
  });

  test('is not answered again by the next bridge [call.once]', async () => {
    const { store } = keep({ left: (before) => before.begin(ID, 'p3', [5]) });
    await using next = new Scene({ store, record: PLAIN });
    expect(next.get('p3.0').connection.got).toHaveLength(1);
  });
});

describe('lists that its client was shown by an earlier bridge', () => {
  const NAMES = mcpServer({ 'tools/list': () => ({ result: { tools: tools('new') } }) });
  const CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
  const shown = (...names: string[]): SessionRecord => ({
    ...PLAIN,
    shown: new Map([
      ['tools/list', digestOf(tools(...names))],
      ['prompts/list', digestOf([])],
    ]),
  });

  test('are announced on the stream that it has open, if they are others now [session.changed]', async () => {
    await using scene = keep({ record: shown('old'), play: NAMES });
    const { connection } = scene.get();
    echo(scene);
    await settle();
    expect(connection.texts).toEqual([CHANGED]);
    expect(scene.said('session.changed')).toHaveLength(1);
  });

  test('are announced on the first stream that it opens after that, once [session.changed]', async () => {
    await using scene = keep({ record: shown('old'), play: NAMES });
    echo(scene);
    await settle();
    const first = scene.get();
    expect(first.connection.texts).toEqual([CHANGED]);
    scene.leave(first);
    expect(scene.get().connection.texts).toEqual([]);
  });

  test('are announced before the next answer that can carry it [session.changed]', async () => {
    await using scene = keep({ record: shown('old'), play: NAMES });
    echo(scene);
    await settle();
    const [next, later] = [echo(scene), echo(scene)];
    await settle();
    expect(next.connection.texts[0]).toBe(CHANGED);
    expect(next.connection.answers(next.id)).toHaveLength(1);
    expect(later.connection.texts).toHaveLength(1);
  });

  test('are not spoken of if they are the same, in whatever order [session.changed]', async () => {
    const play = mcpServer({ 'tools/list': () => ({ result: { tools: tools('b', 'a') } }) });
    await using scene = keep({ record: shown('a', 'b'), play });
    const { connection } = scene.get();
    const call = echo(scene);
    await settle();
    expect(scene.children.last.methods).toContain('tools/list');
    expect(connection.texts).toEqual([]);
    expect(call.connection.got).toHaveLength(1);
    expect(scene.said('session.changed')).toEqual([]);
  });

  test('are not spoken of where there were none [session.changed]', async () => {
    await using scene = keep({ play: NAMES });
    const { connection } = scene.get();
    echo(scene);
    await settle();
    expect(scene.children.last.methods).toEqual(['initialize', 'notifications/initialized', 'tools/call']);
    expect(connection.texts).toEqual([]);
  });

  test('are compared with the next server where the first one ends before it has told them [session.changed]', async () => {
    await using scene = keep({
      record: shown('old'),
      play: (child, nth) =>
        nth === 0
          ? mcpServer({
              'tools/list': (_, dying) => {
                dying.end(1);
                return undefined;
              },
            })(child)
          : NAMES(child),
    });
    const { connection } = scene.get();
    echo(scene);
    await scene.pass(2_000);
    expect(scene.children.all).toHaveLength(2);
    expect(connection.texts).toEqual([CHANGED]);
  });
});

describe('what a server asked in an earlier life', () => {
  const ASK = '{"jsonrpc":"2.0","id":0,"method":"roots/list"}';
  const asks = mcpServer({
    'tools/call': (_, child) => {
      child.reply(ASK);
      return undefined;
    },
  });

  test('has an id that nothing has that is asked later, and its late answer reaches nobody [call.server-requests]', async () => {
    await using scene = keep({ play: asks });
    const { connection } = scene.get();
    const one = scene.call('tools/call', { name: 'ask' });
    await settle();
    scene.call('tools/call', { name: 'ask' });
    await settle();
    const asked = [...one.connection.got, ...connection.got].map(({ id }) => id);
    expect(asked).toHaveLength(2);
    const lines = scene.children.last.lines.length;
    for (const id of [0, 1, 2]) scene.send(answer(id));
    await settle();
    expect(scene.children.last.lines).toHaveLength(lines);
    expect(scene.said('message.dropped')).toHaveLength(3);
    for (const id of asked) expect(Number(id)).toBeGreaterThan(1e12);
    for (const id of asked) expect(Number.isSafeInteger(id)).toBe(true);
    expect(new Set(asked).size).toBe(asked.length);
    scene.send(answer(Number(asked[0])));
    await settle();
    expect(scene.children.last.lines.at(-1)).toBe(answer(0));
  });

  test('on the standalone stream is taken back there, unless it was before; and once [call.server-requests]', async () => {
    const ask = (id: number | string) =>
      `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"elicitation/create"}`;
    const { store } = keep({
      left: (before) => {
        before.append(ID, 'g', ask(1), true);
        before.append(ID, 'g', ask('1'), true);
        before.append(ID, 'g', log('meanwhile'), true);
        before.append(ID, 'g', takenBackText(1));
      },
    });
    await using next = new Scene({ store, record: PLAIN });
    expect(next.get('g.3').connection.texts).toEqual([takenBackText(1), takenBackText('1')]);
  });

  test('has other ids in each life [call.server-requests]', async () => {
    const ids = new Set<unknown>();
    for (let life = 0; life < 3; life += 1) {
      await using scene = keep({ play: asks });
      const { connection } = scene.call('tools/call', { name: 'ask' });
      await settle();
      ids.add(connection.only.id);
    }
    expect(ids.size).toBe(3);
  });
});

describe('a session made while the code changes', () => {
  const broken = {
    verdict: 'Not run',
    cause: 'cargo build failed (exit 101).',
    hint: 'Fix it and call again.',
  } as const;

  test('holds its call until the change is there [call.hold]', async () => {
    const standing: Standing = { ...UNCHANGED, changing: true };
    await using scene = keep({ standing: () => standing });
    scene.starts.close();
    const call = echo(scene);
    await scene.pass(30_000);
    expect(scene.session.state).toBe('holding');
    expect(scene.children.all).toHaveLength(0);
    scene.starts.open(true);
    await scene.session.takeUp('start-first', 2);
    scene.session.holdEnds();
    await settle();
    expect(call.connection.only.result).toBeDefined();
    expect(scene.children.all).toHaveLength(1);
  });

  test('goes on where the change was none [call.hold]', async () => {
    await using scene = keep({ standing: () => ({ ...UNCHANGED, changing: true }) });
    scene.starts.close();
    const call = echo(scene);
    await settle();
    scene.starts.open(false);
    scene.session.holdEnds();
    await settle();
    expect(call.connection.only.result).toBeDefined();
  });

  test('is asleep after the change if nobody called [session.idle]', async () => {
    await using scene = keep({ standing: () => ({ ...UNCHANGED, changing: true }) });
    scene.starts.close();
    scene.get();
    scene.starts.open(true);
    expect(await scene.session.takeUp('start-first', 2)).toEqual({ kind: 'not-needed' });
    scene.session.holdEnds();
    await settle();
    expect(scene.session.state).toBe('dormant');
    expect(scene.children.all).toHaveLength(0);
  });

  test('tells its calls why the newest code does not run, and starts nothing [call.words]', async () => {
    await using scene = keep({ standing: () => ({ ...UNCHANGED, refusal: broken }) });
    const { stream } = scene.get();
    expect(stream).toMatchObject({ id: 'g' });
    const call = echo(scene);
    await settle();
    expect(call.connection.only.error?.message).toBe(`Not run: ${broken.cause} ${broken.hint}`);
    expect(scene.children.all).toHaveLength(0);
  });

  test('runs the code that is mended, with its next call [call.hold]', async () => {
    let standing: Standing = { ...UNCHANGED, refusal: broken };
    await using scene = keep({ standing: () => standing });
    standing = { ...UNCHANGED, changing: true };
    scene.session.holdBegins();
    const call = echo(scene);
    const taken = scene.session.takeUp('start-first', 2);
    await settle();
    expect(await taken).toEqual({ kind: 'serves' });
    scene.session.holdEnds();
    await settle();
    expect(call.connection.only.result).toBeDefined();
  });

  test('starts no server for the code that is mended while nobody calls [session.idle]', async () => {
    await using scene = keep({ standing: () => ({ ...UNCHANGED, refusal: broken }) });
    scene.session.holdBegins();
    const taken = scene.session.takeUp('start-first', 2);
    await settle();
    scene.session.holdEnds();
    await settle();
    expect(scene.children.all).toHaveLength(0);
    expect(await taken).toEqual({ kind: 'not-needed' });
  });

  test('that slept through a broken change starts no server for the mended one, either [session.idle]', async () => {
    await using scene = keep();
    scene.session.holdBegins();
    scene.session.refuseCalls(broken);
    scene.session.holdBegins();
    const taken = scene.session.takeUp('start-first', 2);
    await settle();
    scene.session.holdEnds();
    await settle();
    expect(scene.children.all).toHaveLength(0);
    expect(await taken).toEqual({ kind: 'not-needed' });
  });
});

describe('the record', () => {
  /** What was kept, and when in the order of calls. */
  const watch = (scene: Scene) => vi.spyOn(scene.store, 'save');

  test('is kept before the client has the answer to its initialize [session.same-id]', async () => {
    await using scene = new Scene();
    const save = watch(scene);
    const { connection } = scene.initialize();
    const body = vi.spyOn(connection, 'body');
    await settle();
    expect(save.mock.calls.at(-1)?.[0]).toMatchObject({ id: ID, revision: '2025-11-25' });
    expect(save.mock.invocationCallOrder.at(-1)).toBeLessThan(body.mock.invocationCallOrder[0] ?? 0);
  });

  test.each([
    ['logging/setLevel', { level: 'debug' }],
    ['resources/subscribe', { uri: 'a:' }],
    ['resources/unsubscribe', { uri: 'a:' }],
    ['tools/list', {}],
  ])('is kept before the client hears that %s was accepted [session.same-id]', async (method, params) => {
    await using scene = await Scene.open();
    const save = watch(scene);
    const { connection } = scene.call(method, params);
    const body = vi.spyOn(connection, 'body');
    await settle();
    expect(save).toHaveBeenCalledTimes(1);
    expect(save.mock.invocationCallOrder[0]).toBeLessThan(body.mock.invocationCallOrder[0] ?? 0);
  });

  test('is kept when initialized is said, and not for what changes nothing [session.same-id]', async () => {
    await using scene = new Scene();
    scene.initialize();
    await settle();
    const save = watch(scene);
    scene.tell('notifications/initialized');
    expect(save).toHaveBeenCalledTimes(1);
    scene.call('tools/list');
    await settle();
    expect(save).toHaveBeenCalledTimes(2);
    for (let i = 0; i < 10; i += 1) {
      echo(scene);
      scene.call('tools/list');
      scene.call('ping');
      scene.tell('notifications/vendor');
      scene.leave(scene.get());
      await settle();
    }
    expect(save).toHaveBeenCalledTimes(2);
  });

  test('is kept before a stranger has its first answer [session.same-id]', async () => {
    const record = strangerRecord(ID, '2025-06-18');
    await using scene = new Scene({ record });
    const save = watch(scene);
    echo(scene);
    expect(save.mock.calls[0]?.[0]).toMatchObject({ id: ID, revision: '2025-06-18' });
  });

  test('tells when the session was used, a minute late at most [session.same-id]', async () => {
    await using scene = await Scene.open();
    const save = watch(scene);
    for (let minutes = 0; minutes < 10; minutes += 1) {
      await scene.pass(61_000);
      echo(scene);
      scene.session.sweep(performance.now());
      await settle();
    }
    const uses = save.mock.calls.map(([{ usedAt }]) => usedAt);
    expect(uses.length).toBeGreaterThanOrEqual(9);
    expect(uses).toEqual(uses.toSorted((a, b) => a - b));
  });

  test('tells when its client listened last, though it had no server [session.same-id]', async () => {
    await using scene = keep();
    const save = watch(scene);
    const get = scene.get();
    for (let minutes = 0; minutes < 10; minutes += 1) {
      await scene.pass(61_000);
      scene.session.sweep(performance.now());
    }
    scene.leave(get);
    await scene.pass(5_000);
    scene.session.sweep(performance.now());
    expect(save).toHaveBeenCalled();
  });

  test('tells that its client listens also where no session is ever idle [session.same-id]', async () => {
    await using scene = keep({ options: { idleTimeout: 0 } });
    scene.get();
    for (let minutes = 0; minutes < 10; minutes += 1) {
      await scene.pass(61_000);
      scene.session.sweep(performance.now());
    }
    expect(Date.now() - (scene.store.record(ID)?.usedAt ?? 0)).toBeLessThanOrEqual(61_000);
  });

  test('is gone for good when the client ends its session, and as if it had never been when it is forgotten', async () => {
    for (const how of ['end', 'forget'] as const) {
      await using scene = keep({
        left: (store) => {
          store.append(ID, 'g', log(1));
        },
      });
      scene.session[how]();
      expect(scene.store.record(ID)).toBeUndefined();
      expect(scene.store.after(ID, 'g', 0)).toBeUndefined();
      expect(scene.store.hasEnded(ID)).toBe(how === 'end');
      expect(scene.closed).toBe(1);
      // What is still on its way is not kept after all.
      scene.tell('notifications/initialized');
      expect(scene.store.record(ID)).toBeUndefined();
    }
  });

  test('is left when the bridge stops [session.same-id]', async () => {
    await using scene = await Scene.open();
    scene.call('logging/setLevel', { level: 'error' });
    await settle();
    scene.session.shutdown(5_000);
    expect(scene.store.record(ID)).toMatchObject({ setLevel: expect.stringContaining('error') });
    expect(scene.store.hasEnded(ID)).toBe(false);
  });
});

describe('a session that nobody has on record', () => {
  test('is opened in the name of the bridge, without capabilities, at the revision that its client speaks [session.recreate]', async () => {
    await using scene = new Scene({ record: strangerRecord(ID, '2025-06-18') });
    const call = echo(scene);
    await settle();
    expect(scene.children.last.lines.slice(0, 2).map((line) => JSON.parse(line))).toEqual([
      {
        jsonrpc: '2.0',
        id: expect.stringMatching(/^mcp-bridge/),
        method: 'initialize',
        params: {
          protocolVersion: '2025-06-18',
          capabilities: {},
          clientInfo: { name: 'mcp-bridge', version: '1' },
        },
      },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
    ]);
    expect(call.connection.only.result).toBeDefined();
  });

  test('remembers what its client sets from then on [session.recreate] [session.replay]', async () => {
    await using scene = new Scene({ record: strangerRecord(ID, '2025-11-25') });
    scene.call('logging/setLevel', { level: 'debug' });
    scene.call('resources/subscribe', { uri: 'a:' });
    await settle();
    scene.children.last.end(1);
    await settle();
    expect(scene.children.last.methods).toEqual([
      'initialize',
      'notifications/initialized',
      'logging/setLevel',
      'resources/subscribe',
    ]);
  });
});
