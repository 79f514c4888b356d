// What a new backend is told of the client before anything else reaches it, and what the client hears of that: nothing.
import { describe, expect, test, vi } from 'vitest';
import { type FakeChild, mcpServer, type Script, silent } from '../helpers/fake-child.js';
import { Scene, settle } from '../helpers/session.js';

const LEVEL = { level: 'debug' };

/** A session whose client has set a log level and subscribed to a and b. */
async function openWithSettings(script?: Script): Promise<Scene> {
  const scene = await Scene.open({ play: mcpServer(script) });
  scene.call('logging/setLevel', LEVEL);
  scene.call('resources/subscribe', { uri: 'a:' });
  scene.call('resources/subscribe', { uri: 'b:' });
  await settle();
  return scene;
}

/** Kills the backend between two calls; the next one is there when this returns. */
async function kill(scene: Scene): Promise<FakeChild> {
  const count = scene.children.all.length;
  scene.children.last.end(null, 'SIGKILL');
  const next = await scene.children.nth(count);
  await settle();
  return next;
}

/** The requests and notifications with their params, as the server was told them. */
function toldTo(child: FakeChild): unknown[] {
  return child.lines.map((text) => {
    const { method, params } = JSON.parse(text);
    return params === undefined ? [method] : [method, params];
  });
}

describe('the handshake with the next backend', () => {
  test('tells what the client told, in the order that strict servers ask for [session.replay]', async () => {
    await using scene = await openWithSettings();
    const next = await kill(scene);
    expect(toldTo(next)).toEqual([
      ['initialize', expect.objectContaining({ protocolVersion: '2025-11-25', capabilities: {} })],
      ['notifications/initialized'],
      ['logging/setLevel', LEVEL],
      ['resources/subscribe', { uri: 'a:' }],
      ['resources/subscribe', { uri: 'b:' }],
    ]);
    expect(scene.session.state).toBe('active');
  });

  test('is understood of a server that writes "error":null beside each result [session.replay]', async () => {
    await using scene = await Scene.open({
      play: (child) => {
        mcpServer()(child);
        const reply = child.reply.bind(child);
        child.reply = (text) => reply(text.replace(/}$/, ',"error":null}'));
      },
    });
    scene.call('logging/setLevel', LEVEL);
    await settle();
    const next = await kill(scene);
    expect(toldTo(next).at(-1)).toEqual(['logging/setLevel', LEVEL]);
    expect(scene.session.state).toBe('active');
  });

  test('waits for each answer before it goes on [session.replay]', async () => {
    await using scene = await openWithSettings();
    scene.children.last.end(0);
    const next = await scene.children.nth(1);
    next.onReceived = () => {};
    const told: string[][] = [];
    for (const method of ['initialize', 'logging/setLevel', 'resources/subscribe', 'resources/subscribe']) {
      const request = await next.received(method);
      await settle();
      told.push([...next.methods]);
      expect(scene.session.state).toBe('holding');
      next.answer(request, { protocolVersion: '2025-11-25' });
    }
    await settle();
    expect(told.map(({ length }) => length)).toEqual([1, 3, 4, 5]);
    expect(scene.session.state).toBe('active');
  });

  test('asks for the revision agreed on, and leaves every other character as it was [session.replay]', async () => {
    await using scene = new Scene({
      play: mcpServer({ initialize: () => ({ result: { protocolVersion: '2024-11-05' } }) }),
      revision: '2025-06-18',
    });
    scene.initialize();
    await settle();
    const first = await scene.children.last.received('initialize');
    const next = await (await kill(scene)).received('initialize');
    const pinned = first.text.replace('"2025-06-18"', '"2024-11-05"').replace('"id":0', `"id":"${next.id}"`);
    expect(next.text).toBe(pinned);
    expect(scene.session.revision).toBe('2024-11-05');
  });

  test('keeps the session at its revision whatever the next backend would rather speak', async () => {
    const older = mcpServer({ initialize: () => ({ result: { protocolVersion: '2025-03-26' } }) });
    await using scene = await Scene.open({
      play: (child, nth) => (nth === 0 ? mcpServer()(child) : older(child)),
    });
    await kill(scene);
    expect(scene.session.state).toBe('active');
    expect(scene.session.revision).toBe('2025-11-25');
    expect(scene.said('session.opened')).toHaveLength(1);
  });

  test('does not say initialized for a client that has not said it [session.replay]', async () => {
    await using scene = new Scene();
    scene.initialize();
    await settle();
    const next = await kill(scene);
    expect(next.methods).toEqual(['initialize']);
    expect(scene.session.state).toBe('active');
    scene.tell('notifications/initialized');
    await settle();
    expect(next.methods).toEqual(['initialize', 'notifications/initialized']);
  });

  test('passes on an initialized that comes while it goes on, once [session.replay]', async () => {
    await using scene = new Scene();
    scene.initialize();
    await settle();
    scene.children.last.end(0);
    const next = await scene.children.nth(1);
    next.onReceived = () => {};
    const request = await next.received('initialize');
    scene.tell('notifications/initialized');
    next.answer(request, { protocolVersion: '2025-11-25' });
    await settle();
    expect(next.methods).toEqual(['initialize', 'notifications/initialized']);
    expect(scene.session.state).toBe('active');
  });

  test('passes on an initialized that comes while its last answers are awaited, once [session.replay]', async () => {
    await using scene = new Scene();
    scene.initialize();
    scene.call('logging/setLevel', LEVEL);
    await settle();
    scene.children.last.end(0);
    const next = await scene.children.nth(1);
    const level = await next.received('logging/setLevel').finally(() => {
      next.onReceived = () => {};
    });
    scene.tell('notifications/initialized');
    next.answer(level);
    await settle();
    expect(next.methods.filter((method) => method === 'notifications/initialized')).toHaveLength(1);
  });

  test('repeats an initialized as it was written [http.passthrough]', async () => {
    await using scene = new Scene();
    scene.initialize();
    await settle();
    const text = '{ "jsonrpc":"2.0", "method":"notifications/initialized", "x":1.0 }';
    scene.send(text);
    await settle();
    const next = await kill(scene);
    expect((await next.received('notifications/initialized')).text).toBe(text);
  });

  test('is made with every further backend, too', async () => {
    await using scene = await openWithSettings();
    const methods = (await kill(scene)).methods;
    await scene.pass(10_000);
    expect((await kill(scene)).methods).toEqual(methods);
  });
});

describe('what the next backend is told of settings', () => {
  test('is the last log level, and each subscription in force once [session.replay]', async () => {
    await using scene = await openWithSettings();
    scene.call('logging/setLevel', { level: 'error' });
    scene.call('resources/subscribe', { uri: 'b:' });
    scene.call('resources/unsubscribe', { uri: 'a:' });
    await settle();
    const next = await kill(scene);
    expect(toldTo(next).slice(2)).toEqual([
      ['logging/setLevel', { level: 'error' }],
      ['resources/subscribe', { uri: 'b:' }],
    ]);
  });

  test('is not what the server refused [session.replay]', async () => {
    const refuse = () => ({ error: { code: -32601, message: 'no such thing' } });
    await using scene = await openWithSettings({
      'logging/setLevel': refuse,
      'resources/unsubscribe': refuse,
    });
    scene.call('resources/unsubscribe', { uri: 'a:' });
    await settle();
    const next = await kill(scene);
    expect(next.methods).toEqual([
      'initialize',
      'notifications/initialized',
      'resources/subscribe',
      'resources/subscribe',
    ]);
  });

  test('may be refused by it: it serves all the same', async () => {
    const refuse = () => ({ error: { code: -32602, message: 'gone' } });
    await using scene = await openWithSettings();
    scene.children.last.end(0);
    const next = await scene.children.nth(1);
    mcpServer({ 'logging/setLevel': refuse, 'resources/subscribe': refuse })(next);
    await settle();
    expect(next.methods).toHaveLength(5);
    expect(scene.session.state).toBe('active');
  });

  test('is kept before the client hears that it was accepted [session.same-id]', async () => {
    await using scene = await Scene.open();
    const save = vi.spyOn(scene.store, 'save');
    const { connection } = scene.call('logging/setLevel', LEVEL);
    const body = vi.spyOn(connection, 'body');
    await settle();
    expect(save).toHaveBeenLastCalledWith(
      expect.objectContaining({ setLevel: expect.stringContaining('debug') }),
    );
    expect(save.mock.invocationCallOrder[0]).toBeLessThan(body.mock.invocationCallOrder[0] ?? 0);
  });
});

describe('a backend killed between two calls', () => {
  test('is not noticed by the client: no message, and the next call is answered [session.replay] [session.same-id]', async () => {
    await using scene = await openWithSettings();
    const { connection } = scene.get();
    await kill(scene);
    const call = scene.call('tools/call', { name: 'echo', arguments: { text: 'hello' } });
    await settle();
    expect(call.connection.only.result).toEqual({ content: [{ type: 'text', text: 'hello' }] });
    expect(connection.got).toEqual([]);
    expect(connection.hasEnded).toBe(false);
    expect(scene.closed).toBe(0);
  });

  test('announces nothing of its lists until it serves; later it does [session.replay]', async () => {
    const changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
    await using scene = await openWithSettings();
    const { connection } = scene.get();
    scene.children.last.end(0);
    const next = await scene.children.nth(1);
    mcpServer({
      'notifications/initialized': (_, child) => {
        child.reply(changed);
        child.reply(changed.replace('tools', 'resources'));
        return undefined;
      },
    })(next);
    await settle();
    expect(scene.session.state).toBe('active');
    expect(connection.got).toEqual([]);
    next.reply(changed);
    await settle();
    expect(connection.texts).toEqual([changed]);
  });

  test('may log, and ask the client, while it is introduced', async () => {
    await using scene = await openWithSettings();
    const { connection } = scene.get();
    scene.children.last.end(0);
    const next = await scene.children.nth(1);
    const log = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"up"}}';
    next.reply(log);
    next.reply('{"jsonrpc":"2.0","id":0,"method":"roots/list"}');
    await settle();
    expect(connection.texts[0]).toBe(log);
    expect(connection.got[1]).toMatchObject({ method: 'roots/list' });
  });

  test('makes what comes meanwhile wait, and gets it in its order after the handshake [call.hold]', async () => {
    await using scene = await openWithSettings();
    scene.children.last.end(0);
    const calls = [
      scene.call('tools/call', { name: 'echo' }),
      scene.call('ping'),
      scene.call('resources/unsubscribe', { uri: 'a:' }),
    ];
    scene.tell('notifications/roots/list_changed');
    calls.push(scene.call('vendor/method'));
    const next = await scene.children.nth(1);
    await settle();
    expect(next.methods.slice(5)).toEqual([
      'tools/call',
      'ping',
      'resources/unsubscribe',
      'notifications/roots/list_changed',
      'vendor/method',
    ]);
  });

  test('that is followed by one that refuses the handshake: it is stopped, and the next one tried [supervise.crash]', async () => {
    const refuse = mcpServer({ initialize: () => ({ error: { code: -32603, message: 'no licence' } }) });
    await using scene = await Scene.open({ play: (child, nth) => (nth === 0 ? mcpServer() : refuse)(child) });
    scene.children.last.end(0);
    const call = scene.call('tools/list');
    await scene.pass(2_000);
    expect(call.connection.only.error?.message).toMatch(
      /^Not run: the server does not start \(it refused initialize: no licence\)\./,
    );
    expect(scene.children.all.map(({ methods }) => methods.includes('tools/list'))).toEqual(
      Array(4).fill(false),
    );
    expect(scene.children.all.map(({ hasEnded }) => hasEnded)).toEqual(Array(4).fill(true));
    expect(scene.session.state).toBe('broken');
  });

  test('that ends in the middle of the handshake is followed by one that is told it all', async () => {
    await using scene = await openWithSettings();
    scene.children.last.end(0);
    const second = await scene.children.nth(1);
    mcpServer({ 'logging/setLevel': silent })(second);
    await second.received('logging/setLevel');
    second.end(1);
    await settle();
    await scene.pass(300);
    const third = await scene.children.nth(2);
    await settle();
    expect(third.methods).toHaveLength(5);
    expect(scene.session.state).toBe('active');
  });
});
