// What no honest client or server sends, where it is kept or looked into: depth and size have bounds, or do no harm.
import { describe, expect, test, vi } from 'vitest';
import {
  asLine,
  notificationText,
  type RequestLine,
  type ResponseLine,
  requestText,
} from '../../src/protocol/jsonrpc.js';
import { Catalog } from '../../src/session/catalog.js';
import { lostWith } from '../../src/session/failures.js';
import { newRecord } from '../../src/session/record.js';
import { Snapshots } from '../../src/session/snapshot.js';
import { Logs } from '../../src/store/logs.js';
import { MemoryStore } from '../../src/store/memory.js';
import { mcpServer } from '../helpers/fake-child.js';
import { Scene, settle } from '../helpers/session.js';

const MB = 1_000_000;
const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

function requestOf(text: string): RequestLine {
  const line = asLine(JSON.parse(text), text);
  return line?.kind === 'request' ? line : expect.unreachable();
}

function responseOf(text: string): ResponseLine {
  const line = asLine(JSON.parse(text), text);
  return line?.kind === 'response' ? line : expect.unreachable();
}

const initializeWith = (capabilities: string) =>
  `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":${capabilities},"clientInfo":{"name":"x","version":"1"}}}`;

function sizeOf(texts: ReadonlyMap<string, string>): number {
  return [...texts].join('').length;
}

describe('a hundred thousand levels', () => {
  // JSON.stringify overflows the stack, in a listener where nobody could catch that.
  test('of a list do not stop its being kept and compared [session.changed]', () => {
    const store = new MemoryStore();
    const initialize = requestOf(initializeWith('{}'));
    const catalog = new Catalog(new Snapshots(store), initialize, new Map(), () => {});
    const answer = responseOf(`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","x":${DEEP}}]}}`);
    catalog.seen(requestOf(requestText(1, 'tools/list')), answer, true);
    expect(catalog.known('tools/list')).toContain(DEEP);
  });

  test('of capabilities do not stop a session', () => {
    const initialize = requestOf(initializeWith(`{"experimental":{"x":${DEEP}}}`));
    expect(() => Snapshots.kindOf(initialize)).not.toThrow();
  });

  test('of params, a result or a notification pass as they are [http.passthrough]', async () => {
    const play = mcpServer({
      deep: ({ id, text }, child) => {
        expect(text).toContain(DEEP);
        child.reply(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${DEEP}}}`);
        child.reply(`{"jsonrpc":"2.0","id":${id},"result":${DEEP}}`);
        return undefined;
      },
    });
    await using scene = await Scene.open({ play });
    const call = scene.post(`{"jsonrpc":"2.0","id":7,"method":"deep","params":{"x":${DEEP}}}`);
    await settle();
    expect(call.connection.texts.map((text) => text.includes(DEEP))).toEqual([true, true]);
  });
});

describe('two hundred thousand items', () => {
  // More than a function may be given as arguments, in a promise that nobody awaits.
  test('of a list on one page are compared after a change [session.changed]', async () => {
    const result = JSON.stringify({
      tools: Array.from({ length: 200_000 }, (_, n) => ({ name: `tool-${n}` })),
    });
    const list = requestOf(requestText(1, 'tools/list'));
    const catalog = new Catalog(
      new Snapshots(new MemoryStore()),
      requestOf(initializeWith('{}')),
      new Map(),
      () => {},
    );
    catalog.note(list, result);
    expect(await catalog.compare(async () => result)).toEqual(new Set());
    const changed = result.replace('tool-0', 'other');
    expect(await catalog.compare(async () => changed)).toEqual(new Set(['notifications/tools/list_changed']));
  });
});

describe('a million characters', () => {
  // 32 kinds of clients are kept for ever, each under what it can do.
  test('of capabilities are not kept in each snapshot', () => {
    const notes = { note: () => undefined, keepNote: vi.fn() };
    const snapshots = new Snapshots(notes);
    const kind = Snapshots.kindOf(requestOf(initializeWith(`{"x":"${'x'.repeat(MB)}"}`)));
    snapshots.learn(kind, 'tools/list', '{"tools":[]}');
    expect(notes.keepNote.mock.calls[0]?.[1].length).toBeLessThan(10_000);
  });

  // A session has 256 streams, each begun with the ids of its requests.
  test('of a request id are not kept when it was answered', () => {
    const logs = new Logs();
    logs.begin('s', 'p1', ['k'.repeat(MB)]);
    logs.append('s', 'p1', '{"jsonrpc":"2.0","id":1,"result":{}}', true);
    logs.finish('s', 'p1');
    expect(logs.bytes).toBeLessThan(10_000);
    expect(logs.unfinished('s')).toEqual(new Map());
  });

  // The name goes into the error, into the log, and from there to whoever reads it.
  test('of a tool name are not all repeated in an error [call.words]', () => {
    const call = requestOf(requestText(1, 'tools/call', { name: 'x'.repeat(MB) }));
    const exit = { code: 1, signal: null, whileStarting: false, tail: [] };
    expect(lostWith(call, exit).cause.length).toBeLessThan(1_000);
  });

  test('of a progress token or an id find their way back [http.passthrough]', async () => {
    const long = 'k'.repeat(MB);
    await using scene = await Scene.open();
    const call = scene.call('tools/call', { name: 'export', _meta: { progressToken: long } }, { id: long });
    scene.begin(call);
    await settle();
    scene.children.last.reply(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"${long}","progress":1}}`,
    );
    scene.children.last.answer(call);
    await settle();
    expect(call.connection.got.map(({ id, method }) => method ?? id)).toEqual([
      'notifications/progress',
      long,
    ]);
  });
});

describe('much of it', () => {
  test('a client that says the same again and again grows no record [session.replay]', async () => {
    await using scene = await Scene.open();
    for (let i = 0; i < 50; i += 1) {
      scene.call('resources/subscribe', { uri: 'same:' });
      scene.call('logging/setLevel', { level: 'debug' });
      scene.tell('notifications/initialized');
      await settle();
    }
    const record = scene.store.record('session');
    expect(record?.subscriptions.size).toBe(1);
    expect(JSON.stringify(record).length).toBeLessThan(1_000);
  });

  test('of what is repeated to the next server is kept up to a bound, and of the subscriptions the newest ones [session.replay]', async () => {
    await using scene = await Scene.open();
    const uris = Array.from({ length: 40 }, (_, n) => `${n}:${'x'.repeat(20_000)}`);
    for (const uri of uris) scene.call('resources/subscribe', { uri });
    await settle();
    const { subscriptions } = scene.store.record('session') ?? expect.unreachable();
    expect(sizeOf(subscriptions)).toBeGreaterThan(400_000);
    expect(sizeOf(subscriptions)).toBeLessThanOrEqual(512 * 1024);
    expect([...subscriptions.keys()]).toEqual(uris.slice(-subscriptions.size));
  });

  test.each([
    ['resources/subscribe', { uri: `a:${'x'.repeat(MB)}` }],
    ['logging/setLevel', { level: 'debug', x: 'x'.repeat(MB) }],
  ])(
    'of one request alone is not repeated, and what was asked before is no more in force: %s [session.replay]',
    async (method, params) => {
      await using scene = await Scene.open();
      scene.call('resources/subscribe', { uri: 'short:' });
      scene.call('logging/setLevel', { level: 'error' });
      scene.call(method, params);
      await settle();
      const { subscriptions, setLevel } = scene.store.record('session') ?? expect.unreachable();
      expect([...subscriptions.keys()]).toEqual(['short:']);
      expect(setLevel === undefined).toBe(method === 'logging/setLevel');
    },
  );

  test('of initialized is told to the next server in short [session.replay]', async () => {
    await using scene = new Scene();
    scene.initialize();
    await settle();
    const params = { _meta: { x: 'x'.repeat(MB) } };
    scene.tell('notifications/initialized', params);
    await settle();
    expect(scene.children.last.lines.at(-1)).toBe(notificationText('notifications/initialized', params));
    scene.children.last.end(1);
    await settle();
    expect(scene.children.last.lines.at(-1)).toBe(notificationText('notifications/initialized'));
  });

  test('of a URI that is none ends nothing, and is not kept', async () => {
    await using scene = await Scene.open();
    scene.post(`{"jsonrpc":"2.0","id":7,"method":"resources/subscribe","params":{"uri":${DEEP}}}`);
    scene.post(`{"jsonrpc":"2.0","id":8,"method":"resources/unsubscribe","params":{"uri":${DEEP}}}`);
    await settle();
    expect(scene.store.record('session')?.subscriptions).toEqual(new Map());
  });

  test('a record is no larger than what the client sent', () => {
    const text = initializeWith('{}');
    expect(JSON.stringify(newRecord('s', requestOf(text))).length).toBeLessThan(2 * text.length);
  });
});
