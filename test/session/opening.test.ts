// The first `initialize` of a client: kept before it is answered, and sent to one backend after the other until one
// answers it.
import { describe, expect, test, vi } from 'vitest';
import { mcpServer, silent } from '../helpers/fake-child.js';
import { Scene, settle } from '../helpers/session.js';

describe('an initialize that is answered', () => {
  test('is kept, with the revision agreed on, before its client has the answer [session.same-id]', async () => {
    await using scene = new Scene();
    const save = vi.spyOn(scene.store, 'save');
    const { connection } = scene.initialize();
    const body = vi.spyOn(connection, 'body');
    await settle();
    expect(save).toHaveBeenLastCalledWith(expect.objectContaining({ revision: '2025-11-25' }));
    expect(body).toHaveBeenCalledTimes(1);
    expect(save.mock.invocationCallOrder.at(-1)).toBeLessThan(body.mock.invocationCallOrder[0] ?? 0);
    expect(scene.session.state).toBe('active');
  });

  test('reaches the server as it was written, and its answer the client [http.passthrough]', async () => {
    const answer =
      '{"jsonrpc":"2.0","id":0,"result":{"x":12345678901234567890,"protocolVersion":"2025-06-18"}}';
    await using scene = new Scene({ play: () => {} });
    const { connection } = scene.initialize();
    const { text } = await scene.children.last.received('initialize');
    scene.children.last.reply(answer);
    await settle();
    expect(scene.children.last.lines).toEqual([text]);
    expect(connection.json).toBe(answer);
    expect(scene.session.revision).toBe('2025-06-18');
    expect(scene.said('session.opened')).toEqual([{ kind: 'session.opened', revision: '2025-06-18' }]);
  });

  test('lets through what was called meanwhile, in its order', async () => {
    await using scene = new Scene({ play: mcpServer({ initialize: silent }) });
    scene.initialize();
    const calls = [scene.call('tools/list'), scene.call('ping'), scene.call('tools/call', { name: 'echo' })];
    const child = scene.children.last;
    await child.received('initialize');
    expect(child.methods).toEqual(['initialize']);
    child.answer({ id: 0 }, { protocolVersion: '2025-11-25' });
    await settle();
    expect(child.methods).toEqual(['initialize', 'tools/list', 'ping', 'tools/call']);
    expect(calls.map(({ connection, id }) => connection.answers(id).length)).toEqual([1, 1, 1]);
  });

  test('cannot be cancelled', async () => {
    await using scene = new Scene({ play: mcpServer({ initialize: silent }) });
    const opening = scene.initialize();
    const child = scene.children.last;
    await child.received('initialize');
    scene.cancel(opening);
    child.answer({ id: 0 }, { protocolVersion: '2025-11-25' });
    await settle();
    expect(child.methods).toEqual(['initialize']);
    expect(opening.connection.answers(0)).toHaveLength(1);
    expect(scene.session.state).toBe('active');
  });
});

describe('an initialize that is refused', () => {
  const refuse = mcpServer({ initialize: () => ({ error: { code: -32602, message: 'too old' } }) });

  test('is answered with the words of the server, and ends the session', async () => {
    await using scene = new Scene({ play: refuse });
    const { connection } = scene.initialize();
    await settle();
    expect(connection.only.error).toEqual({ code: -32602, message: 'too old' });
    expect(scene.session.state).toBe('closed');
    expect(scene.closed).toBe(1);
    await scene.pass(1_000);
    expect(scene.children.all).toHaveLength(1);
    expect(scene.session.supervisor.backends.size).toBe(0);
  });

  test('takes what waited for it along: it is told that it did not run [call.words]', async () => {
    await using scene = new Scene({ play: refuse });
    scene.initialize();
    const call = scene.call('tools/call', { name: 'echo' });
    await settle();
    expect(call.connection.only.error?.message).toMatch(/^Not run: the session was ended /);
  });
});

describe('a backend that ends before it answers initialize', () => {
  const afterDeaths = (deaths: number) =>
    new Scene({ play: (child, nth) => mcpServer(nth < deaths ? { initialize: silent } : {})(child) });

  test('leaves it to the next one, as it was written, and the client waits [supervise.crash]', async () => {
    await using scene = afterDeaths(1);
    const { connection } = scene.initialize();
    const first = scene.children.last;
    const { text } = await first.received('initialize');
    first.end(1);
    const second = await scene.children.nth(1);
    expect((await second.received('initialize')).text).toBe(text);
    await settle();
    expect(second.methods).toEqual(['initialize']);
    expect(connection.answers(0)).toHaveLength(1);
    expect(scene.session.state).toBe('active');
  });

  test('leaves it to the next one even where nothing is to be sent again: no server has answered it', async () => {
    await using scene = new Scene({
      play: (child, nth) => mcpServer(nth === 0 ? { initialize: silent } : {})(child),
      options: { retry: 'never' },
    });
    const { connection } = scene.initialize();
    await scene.children.last.received('initialize');
    scene.children.last.end(null, 'SIGSEGV');
    await settle();
    expect(connection.only.result).toBeDefined();
  });

  test('three times makes the bridge give up, with the last words of the server [call.words]', async () => {
    await using scene = afterDeaths(3);
    const { connection } = scene.initialize();
    const waiting = scene.call('tools/list');
    for (let nth = 0; nth < 3; nth += 1) {
      const child = await scene.children.nth(nth);
      await child.received('initialize');
      child.complain(`no module called ${nth}`);
      await settle();
      child.end(1);
      await settle();
      // At once, then after 250 ms give or take a fifth.
      await scene.pass(300);
    }
    const words =
      'Not run: the server does not start (exit 1). Fix it and call again; a call tries one start.\nno module called 2';
    expect(connection.only.error).toEqual({ code: -32603, message: words });
    expect(waiting.connection.only.error).toEqual({ code: -32603, message: words });
    expect(scene.session.state).toBe('closed');
    expect(scene.closed).toBe(1);
    await scene.pass(60_000);
    expect(scene.children.all).toHaveLength(3);
  });

  test('counts as a failed start when there was no process at all, and the words name the command', async () => {
    await using scene = new Scene({ play: (child) => queueMicrotask(() => child.failToSpawn('EACCES')) });
    const { connection } = scene.initialize();
    await settle();
    await scene.pass(300);
    expect(scene.children.all).toHaveLength(3);
    expect(connection.only.error?.message).toMatch(
      /^Not run: the server does not start \(server could not be started: EACCES\)\./,
    );
  });
});

describe('a client that leaves before its initialize is answered', () => {
  const slow = () => new Scene({ play: mcpServer({ initialize: silent }) });
  const COMES_BACK_WITHIN = 10_000;

  test('and does not come back has given up: the session ends, and its backend [session.idle]', async () => {
    await using scene = slow();
    const opening = scene.initialize();
    await scene.children.last.received('initialize');
    scene.leave(opening);
    await scene.pass(COMES_BACK_WITHIN);
    scene.session.sweep(performance.now());
    expect(scene.session.state).toBe('initializing');
    await scene.pass(1);
    scene.session.sweep(performance.now());
    expect(scene.session.state).toBe('closed');
    expect(scene.closed).toBe(1);
    await scene.pass(1_000);
    expect(scene.session.supervisor.backends.size).toBe(0);
  });

  test('and comes back on its stream has not, and gets the answer there [http.resume]', async () => {
    await using scene = slow();
    const opening = scene.initialize();
    scene.begin(opening);
    scene.leave(opening);
    await scene.pass(COMES_BACK_WITHIN / 2);
    const { connection } = scene.get('p1.0');
    await scene.pass(COMES_BACK_WITHIN * 2);
    scene.session.sweep(performance.now());
    scene.children.last.answer({ id: 0 }, { protocolVersion: '2025-11-25' });
    await settle();
    expect(connection.answers(0)).toHaveLength(1);
    expect(scene.session.state).toBe('active');
  });

  test('while the machine slept has not had the time to come back', async () => {
    await using scene = slow();
    const opening = scene.initialize();
    scene.leave(opening);
    await scene.pass(60_000);
    scene.session.wakeUp(performance.now());
    scene.session.sweep(performance.now());
    expect(scene.session.state).toBe('initializing');
    await scene.pass(COMES_BACK_WITHIN + 1);
    scene.session.sweep(performance.now());
    expect(scene.session.state).toBe('closed');
  });
});
