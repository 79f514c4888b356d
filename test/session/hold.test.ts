// What is called while no backend is there: held in order, for a bounded time, in bounded number.
import { describe, expect, test } from 'vitest';
import { asLine } from '../../src/protocol/jsonrpc.js';
import { type Held, Hold } from '../../src/session/hold.js';
import { mcpServer, silent } from '../helpers/fake-child.js';
import { Scene, type ScenePlan, settle } from '../helpers/session.js';

/** A session that has lost its backend; the next one starts, and is not ready before the test makes it. */
async function openAndLose(options?: ScenePlan['options']): Promise<Scene> {
  const scene = await Scene.open({
    play: (child, nth) => mcpServer(nth === 0 ? {} : { initialize: silent })(child),
    ...(options && { options }),
  });
  scene.children.last.end(1);
  await scene.children.nth(1);
  await settle();
  expect(scene.session.state).toBe('holding');
  return scene;
}

async function makeReady({ children }: Scene): Promise<void> {
  mcpServer()(children.last);
  children.last.answer(await children.last.received('initialize'), { protocolVersion: '2025-11-25' });
  await settle();
}

const echo = (scene: Scene) => scene.call('tools/call', { name: 'echo' });

describe('a call without a backend', () => {
  test('gets its headers at once, and its answer from the next backend [call.hold] [http.never-absent]', async () => {
    await using scene = await openAndLose();
    const call = echo(scene);
    expect(call.connection.begun).toBe(true);
    expect(call.connection.got).toEqual([]);
    expect(scene.session.jobs).toEqual({ pending: 1, running: 0 });
    await makeReady(scene);
    expect(call.connection.only.result).toBeDefined();
    expect(call.connection.hasEnded).toBe(true);
  });

  test('with a progress token is told that it waits, below all that its server may report [call.hold]', async () => {
    await using scene = await openAndLose();
    const call = scene.call('tools/call', { name: 'echo', _meta: { progressToken: 't' } });
    const { method, params } = call.connection.only;
    const message = 'Waiting: the server is starting.';
    expect([method, params]).toEqual([
      'notifications/progress',
      { progressToken: 't', progress: -1, message },
    ]);
    await makeReady(scene);
    expect(call.connection.got).toHaveLength(2);
  });

  test('is one of many that reach the next backend in the order they came [call.hold]', async () => {
    await using scene = await openAndLose();
    const texts = Array.from({ length: 20 }, (_, i) => `{"jsonrpc":"2.0","id":"${i}","method":"tools/list"}`);
    for (const text of texts) scene.post(text);
    await makeReady(scene);
    expect(scene.children.last.lines.slice(2)).toEqual(texts);
  });

  test('is told when its time is over that it did not run, and why [call.hold] [call.words]', async () => {
    await using scene = await openAndLose();
    const call = echo(scene);
    await scene.pass(54_999);
    expect(call.connection.got).toEqual([]);
    await scene.pass(1);
    expect(call.connection.only.error).toEqual({
      code: -32603,
      message: 'Not run: no backend was ready after 55 s. Call again; it will wait for the server.',
    });
    await makeReady(scene);
    expect(scene.children.last.methods).not.toContain('tools/call');
    expect(call.connection.answers(call.id)).toHaveLength(1);
  });

  test('has its time from when it came, not from when the first one did [call.hold]', async () => {
    await using scene = await openAndLose({ holdTimeout: 1_000 });
    const first = echo(scene);
    await scene.pass(600);
    const second = echo(scene);
    await scene.pass(400);
    expect(first.connection.only.error?.message).toMatch(/^Not run: no backend was ready after 1 s\./);
    expect(second.connection.got).toEqual([]);
    await makeReady(scene);
    expect(second.connection.only.result).toBeDefined();
  });

  test('can be called again under the same id when its time was over', async () => {
    await using scene = await openAndLose({ holdTimeout: 1_000 });
    const first = echo(scene);
    await scene.pass(1_000);
    const again = scene.call('tools/call', { name: 'echo' }, { id: first.id });
    await makeReady(scene);
    expect(again.connection.only.result).toBeDefined();
  });

  test('is one of at most a thousand: more are told at once that they did not run [call.hold]', async () => {
    await using scene = await openAndLose();
    const held = Array.from({ length: 1_000 }, () => echo(scene));
    const over = echo(scene);
    scene.tell('notifications/vendor');
    expect(over.connection.only.error?.message).toBe(
      'Not run: the server does not take more: too many messages wait for it. Call again when it has answered some.',
    );
    expect(scene.said('message.dropped')).toHaveLength(1);
    expect(scene.session.jobs.pending).toBe(1_000);
    const freed = held.at(500);
    if (freed) scene.cancel(freed);
    const last = echo(scene);
    await makeReady(scene);
    expect(last.connection.only.result).toBeDefined();
    expect(held.filter(({ connection, id }) => connection.answers(id).length === 1)).toHaveLength(999);
  });
});

describe('notifications without a backend', () => {
  test('wait with the calls, in their order', async () => {
    await using scene = await openAndLose();
    scene.tell('notifications/vendor');
    echo(scene);
    scene.tell('notifications/roots/list_changed');
    await makeReady(scene);
    const told = ['notifications/vendor', 'tools/call', 'notifications/roots/list_changed'];
    expect(scene.children.last.methods.slice(2)).toEqual(told);
  });

  test('are dropped when their time is over', async () => {
    await using scene = await openAndLose({ holdTimeout: 1_000 });
    scene.tell('notifications/vendor');
    await scene.pass(1_000);
    await makeReady(scene);
    expect(scene.children.last.methods).not.toContain('notifications/vendor');
    expect(scene.said('message.dropped')).toHaveLength(1);
  });
});

describe('a server that cannot be started', () => {
  test('makes what is held, and what comes, fail with its last words; a call tries it again every 5 s [supervise.crash] [call.words]', async () => {
    await using scene = await Scene.open({
      play: (child, nth) => {
        if (nth === 0) return mcpServer()(child);
        child.complain(`broken ${nth}`);
        child.onReceived = () => child.end(3);
      },
    });
    scene.children.last.end(1);
    const held = echo(scene);
    await scene.pass(2_000);
    const words = (nth: number) =>
      `Not run: the server does not start (exit 3). Fix it and call again; a call tries one start.\nbroken ${nth}`;
    expect(held.connection.only.error?.message).toBe(words(3));
    expect(scene.session.state).toBe('broken');

    const atOnce = echo(scene);
    expect(atOnce.connection.only.error?.message).toBe(words(3));
    expect(scene.children.all).toHaveLength(4);

    await scene.pass(5_000);
    const trying = echo(scene);
    scene.tell('notifications/vendor');
    await settle();
    expect(scene.children.all).toHaveLength(5);
    expect(trying.connection.only.error?.message).toBe(words(4));
    await scene.pass(60_000);
    expect(scene.children.all).toHaveLength(5);
  });

  test('and then can, serves the call that tried it, and the session goes on [session.same-id]', async () => {
    await using scene = await Scene.open({
      play: (child, nth) => (nth >= 1 && nth <= 3 ? queueMicrotask(() => child.end(1)) : mcpServer()(child)),
    });
    scene.children.last.end(1);
    await scene.pass(2_000);
    expect(scene.session.state).toBe('broken');
    await scene.pass(5_000);
    const call = echo(scene);
    await settle();
    expect(call.connection.only.result).toBeDefined();
    expect(scene.session.state).toBe('active');
    expect(scene.children.last.methods).toEqual(['initialize', 'notifications/initialized', 'tools/call']);
  });
});

describe('a server that does not read its stdin', () => {
  test('is sent nothing more, and the call is told that it did not run [call.words]', async () => {
    await using scene = await Scene.open();
    scene.children.last.stopReading();
    const call = echo(scene);
    expect(call.connection.only.error?.message).toMatch(/^Not run: the server does not take more: /);
    expect(scene.session.jobs).toEqual({ pending: 0, running: 0 });
  });
});

describe('all that is held', () => {
  const held = (text: string): Held => {
    const line = asLine({ jsonrpc: '2.0', method: 'notifications/vendor' }, text);
    if (line?.kind !== 'notification') throw new Error('No notification.');
    return { line };
  };

  test('is at most 64 Mi characters and the message that goes beyond; what leaves makes room', () => {
    const refused: Held[] = [];
    const hold = new Hold(1_000, {
      begin: () => {},
      tell: () => {},
      waitingFor: () => undefined,
      refuse: (each) => refused.push(each),
    });
    const half = held('x'.repeat(32 * 1024 * 1024));
    const over = held('!');
    hold.add(half);
    hold.add(held('x'.repeat(32 * 1024 * 1024 - 1)));
    hold.add(held('xx'));
    hold.add(over);
    expect(refused).toEqual([over]);
    expect(hold.takeAll()).toHaveLength(3);
    hold.add(over);
    expect(hold.takeAll()).toEqual([over]);
    expect(refused).toEqual([over]);
  });
});
