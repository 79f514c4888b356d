// A session that nobody uses gives its backend up, and has one again when somebody does.
import { describe, expect, test } from 'vitest';
import { mcpServer, silent } from '../helpers/fake-child.js';
import { Scene, type ScenePlan, settle } from '../helpers/session.js';

const LIMIT = 60_000;
const open = (plan: ScenePlan = {}) => Scene.open({ options: { idleTimeout: LIMIT }, ...plan });
const sweep = ({ session }: Scene) => session.sweep(performance.now());

/** Time passes, and the session is looked at as often as the bridge does. */
async function wait(scene: Scene, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5_000) {
    await scene.pass(Math.min(5_000, ms - passed));
    sweep(scene);
  }
  await settle();
}

describe('a session that nobody uses', () => {
  test('goes dormant after the idle timeout, not before: its record is kept and its backend stopped [session.idle]', async () => {
    await using scene = await open();
    await wait(scene, LIMIT - 1);
    expect(scene.session.state).toBe('active');
    await wait(scene, 1);
    expect(scene.session.state).toBe('dormant');
    await scene.pass(1_000);
    expect(scene.children.last.hasEnded).toBe(true);
    expect(scene.session.supervisor.backends.size).toBe(0);
    expect(scene.said('session.dormant')).toHaveLength(1);
    expect(scene.closed).toBe(0);
    await wait(scene, LIMIT);
    expect(scene.children.all).toHaveLength(1);
    expect(scene.said('session.dormant')).toHaveLength(1);
  });

  test('is woken by a call: a backend is told what the old one was, and answers [session.idle] [session.same-id] [session.replay]', async () => {
    await using scene = await open();
    scene.call('logging/setLevel', { level: 'debug' });
    await settle();
    await wait(scene, LIMIT);
    const call = scene.call('tools/call', { name: 'echo', arguments: { text: 'back' } });
    expect(scene.session.state).toBe('holding');
    await settle();
    expect(call.connection.only.result).toEqual({ content: [{ type: 'text', text: 'back' }] });
    expect(scene.children.last.methods).toEqual([
      'initialize',
      'notifications/initialized',
      'logging/setLevel',
      'tools/call',
    ]);
    expect(scene.session.state).toBe('active');
  });

  test('can sleep and wake again and again [session.idle]', async () => {
    await using scene = await open();
    for (let nights = 1; nights <= 3; nights += 1) {
      await wait(scene, LIMIT);
      expect(scene.session.state).toBe('dormant');
      const call = scene.call('ping');
      await settle();
      expect(call.connection.only.result).toEqual({});
      expect(scene.children.all).toHaveLength(nights + 1);
    }
  });

  test('is not woken by a notification, an answer or a GET [session.idle]', async () => {
    await using scene = await open();
    await wait(scene, LIMIT);
    scene.tell('notifications/roots/list_changed');
    scene.cancel({ id: 1 });
    scene.send('{"jsonrpc":"2.0","id":0,"result":{}}');
    const { stream } = scene.get();
    await settle();
    expect(stream).toMatchObject({ id: 'g' });
    expect(scene.session.state).toBe('dormant');
    expect(scene.children.all).toHaveLength(1);
  });

  test('remembers an initialized that is said while it sleeps [session.replay]', async () => {
    await using scene = new Scene({ options: { idleTimeout: LIMIT } });
    scene.initialize();
    await wait(scene, LIMIT);
    scene.tell('notifications/initialized');
    scene.call('ping');
    await settle();
    expect(scene.children.last.methods).toEqual(['initialize', 'notifications/initialized', 'ping']);
  });

  test('goes dormant when its server cannot be started, too, and a call tries it then', async () => {
    await using scene = await open({
      play: (child, nth) => (nth >= 1 && nth <= 3 ? queueMicrotask(() => child.end(1)) : mcpServer()(child)),
    });
    scene.children.last.end(1);
    await scene.pass(2_000);
    expect(scene.session.state).toBe('broken');
    await wait(scene, LIMIT);
    expect(scene.session.state).toBe('dormant');
    const call = scene.call('ping');
    await settle();
    expect(call.connection.only.result).toEqual({});
  });

  test('keeps its backend for ever where the idle timeout is 0 [session.idle]', async () => {
    await using scene = await open({ options: { idleTimeout: 0 } });
    await scene.pass(1e9);
    sweep(scene);
    expect(scene.session.state).toBe('active');
  });
});

describe('a session is used', () => {
  test('by each message of its client [session.idle]', async () => {
    await using scene = await open();
    const uses = [
      () => scene.call('ping'),
      () => scene.tell('notifications/vendor'),
      () => scene.send('{"jsonrpc":"2.0","id":0,"result":{}}'),
      () => scene.cancel({ id: 1 }),
      () => scene.leave(scene.get()),
    ];
    for (const use of uses) {
      await wait(scene, LIMIT - 1);
      use();
    }
    await wait(scene, LIMIT - 1);
    expect(scene.session.state).toBe('active');
  });

  test('as long as its client has a stream open [session.idle]', async () => {
    await using scene = await open();
    const get = scene.get();
    await wait(scene, 10 * LIMIT);
    expect(scene.session.state).toBe('active');
    scene.leave(get);
    await wait(scene, LIMIT - 1);
    expect(scene.session.state).toBe('active');
    await wait(scene, LIMIT + 1);
    expect(scene.session.state).toBe('dormant');
  });

  test('as long as a call is in flight whose client is there [session.idle]', async () => {
    await using scene = await open();
    const call = scene.call('tools/call', { name: 'export' });
    await wait(scene, 10 * LIMIT);
    expect(scene.session.state).toBe('active');
    scene.children.last.answer(call);
    await settle();
    expect(call.connection.only.result).toEqual({});
    await wait(scene, LIMIT - 5_000);
    expect(scene.session.state).toBe('active');
    await wait(scene, 5_000);
    expect(scene.session.state).toBe('dormant');
  });

  test('as long as a call is in flight whose client left a moment ago; then the call is told [session.idle] [call.words]', async () => {
    await using scene = await open();
    const call = scene.call('tools/call', { name: 'export' });
    scene.begin(call);
    await wait(scene, LIMIT);
    scene.leave(call);
    await wait(scene, LIMIT - 1);
    expect(scene.session.state).toBe('active');
    await wait(scene, LIMIT + 1);
    expect(scene.session.state).toBe('dormant');
    await scene.pass(1_000);
    expect(scene.get('p2.0').connection.only.error?.message).toMatch(/^May have run: /);
  });

  test('as long as a call is held whose client is there [session.idle] [call.hold]', async () => {
    await using scene = await open({
      options: { idleTimeout: 10_000 },
      play: (child, nth) => mcpServer(nth === 0 ? {} : { initialize: silent })(child),
    });
    scene.children.last.end(1);
    scene.call('tools/call', { name: 'echo' });
    await wait(scene, 50_000);
    expect(scene.session.state).toBe('holding');
    expect(scene.session.jobs.pending).toBe(1);
  });

  test('anew when the machine wakes up: what it slept is not idle time [session.idle]', async () => {
    await using scene = await open();
    await scene.pass(10 * LIMIT);
    scene.session.wakeUp(performance.now());
    await wait(scene, LIMIT - 1);
    expect(scene.session.state).toBe('active');
    await wait(scene, 1);
    expect(scene.session.state).toBe('dormant');
  });

  test('anew when the machine wakes up, by a client whose call is in flight, too [session.idle]', async () => {
    await using scene = await open();
    const call = scene.call('tools/call', { name: 'export' });
    scene.begin(call);
    scene.leave(call);
    await scene.pass(10 * LIMIT);
    scene.session.wakeUp(performance.now());
    await wait(scene, LIMIT - 1);
    expect(scene.session.state).toBe('active');
  });
});

describe('a session is not used', () => {
  test('by what the bridge itself asks a new backend: neither the handshake nor the lists [session.idle]', async () => {
    await using scene = await open();
    scene.call('tools/list');
    await settle();
    await wait(scene, LIMIT / 2);
    expect(await scene.session.takeUp('start-first', 2)).toEqual({ kind: 'serves' });
    await settle();
    expect(scene.children.last.methods).toEqual(['initialize', 'notifications/initialized', 'tools/list']);
    await wait(scene, LIMIT / 2);
    expect(scene.session.state).toBe('dormant');
  });

  test('by an answer that nobody waits for [session.idle]', async () => {
    await using scene = await open();
    await wait(scene, LIMIT / 2);
    scene.children.last.reply('{"jsonrpc":"2.0","id":7,"result":{}}');
    await wait(scene, LIMIT / 2);
    expect(scene.session.state).toBe('dormant');
  });
});

test('a session is used by what its server asks its client [session.idle]', async () => {
  await using scene = await open();
  await wait(scene, LIMIT / 2);
  scene.children.last.reply('{"jsonrpc":"2.0","id":0,"method":"roots/list"}');
  await wait(scene, LIMIT - 5_000);
  expect(scene.session.state).toBe('active');
});

describe('whether a client is connected', () => {
  test('is told by an open stream, or by an answer that somebody waits for', async () => {
    await using scene = await open();
    expect(scene.session.isConnected).toBe(false);
    const get = scene.get();
    expect(scene.session.isConnected).toBe(true);
    scene.leave(get);
    expect(scene.session.isConnected).toBe(false);
    const call = scene.call('tools/call', { name: 'export' });
    expect(scene.session.isConnected).toBe(true);
    scene.leave(call);
    expect(scene.session.isConnected).toBe(false);
  });
});
