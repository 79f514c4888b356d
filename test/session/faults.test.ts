// Faults that were found once, each as the test that found it.
import { expect, test, vi } from 'vitest';
import { MemoryStore } from '../../src/store/memory.js';
import { mcpServer, silent } from '../helpers/fake-child.js';
import { Scene, settle } from '../helpers/session.js';

const log = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"bye"}}';

test.each(['end', 'shutdown'] as const)(
  '%s while initialize is in flight answers it once [call.once]',
  async (how) => {
    for (const kind of ['events', 'json'] as const) {
      await using scene = new Scene({ play: mcpServer({ initialize: silent }) });
      const opening = scene.initialize(kind);
      await settle();
      scene.session[how](0);
      await scene.pass(1000);
      expect.soft(scene.said('request.failed')).toHaveLength(1);
      expect.soft(opening.connection.got).toHaveLength(1);
      expect.soft(opening.connection.faults).toEqual([]);
      opening.connection.faults.length = 0;
    }
  },
);

test('an initialize whose backend ends with the answer is kept before the client has it [session.same-id]', async () => {
  await using scene = new Scene({
    play: (child, nth) => {
      if (nth === 0)
        child.onReceived = (r) => {
          child.answer(r, { protocolVersion: '2025-11-25' });
          child.end(0);
        };
      else child.onReceived = () => child.end(1);
    },
  });
  const save = vi.spyOn(scene.store, 'save');
  const opening = scene.initialize();
  await settle();
  expect.soft(opening.connection.only.result).toBeDefined();
  expect.soft(save).toHaveBeenCalled();
  expect.soft(scene.session.state).toBe('holding');
  await scene.pass(5000);
  expect.soft(scene.closed).toBe(0);
  expect.soft(scene.session.state).toBe('broken');
});

test('an initialize that is answered after the start timeout opens the session all the same [session.same-id]', async () => {
  await using scene = new Scene({
    play: (child, nth) => {
      mcpServer(nth === 0 ? { initialize: silent } : {})(child);
      child.isStubborn = nth === 0;
    },
  });
  const save = vi.spyOn(scene.store, 'save');
  const opening = scene.initialize();
  await settle();
  vi.advanceTimersByTime(120_000);
  scene.children.all[0]?.answer({ id: 0 }, { protocolVersion: '2025-11-25' });
  await settle();
  console.log('B2b', opening.connection.got, save.mock.calls.length, scene.session.state);
});

test('what a stopping server still says is not kept for a session that was ended', async () => {
  await using scene = await Scene.open();
  scene.session.end();
  scene.children.last.reply(log);
  await scene.pass(1000);
  expect(scene.store.after('session', 'g', 0)).toBeUndefined();
});
test('what an ended server had asked is not taken back from a client that ended the session', async () => {
  await using scene = await Scene.open();
  scene.children.last.reply('{"jsonrpc":"2.0","id":0,"method":"roots/list"}');
  await settle();
  scene.session.end();
  await scene.pass(1000);
  expect(scene.store.after('session', 'g', 0)).toBeUndefined();
});
test('what a stopping server says at the end of the bridge harms nothing', async () => {
  await using scene = await Scene.open();
  const g = scene.get();
  scene.session.end();
  scene.children.last.reply(log);
  await scene.pass(1000);
  expect(g.connection.faults).toEqual([]);
});

test('a server takes back what it asked, on the GET stream when the call that carried it is over [call.server-requests]', async () => {
  await using scene = await Scene.open();
  const call = scene.call('tools/call', { name: 'x' });
  await settle();
  scene.children.last.reply('{"jsonrpc":"2.0","id":0,"method":"roots/list"}');
  await settle();
  const g = scene.get();
  scene.children.last.answer(call);
  scene.children.last.reply('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}');
  await settle();
  expect(g.connection.got).toHaveLength(1);
});

test('streams that only finish are forgotten too', () => {
  const store = new MemoryStore();
  for (let i = 1; i <= 1000; i++) store.finish('s', `p${i}`);
  let n = 0;
  for (let i = 1; i <= 1000; i++) if (store.after('s', `p${i}`, 0)) n++;
  expect(n).toBeLessThanOrEqual(257);
});

test('hundreds of cancelled calls leave no logs behind', async () => {
  await using scene = await Scene.open();
  for (let i = 0; i < 600; i++) {
    const c = scene.call('tools/call', { name: 'x' });
    scene.begin(c);
    scene.cancel(c);
  }
  await settle();
  let n = 0;
  for (let i = 1; i <= 700; i++) if (scene.store.after('session', `p${i}`, 0)) n++;
  expect(n).toBeLessThanOrEqual(257);
});

test('a read that was in a lost backend may have run, also when no other one starts [call.words]', async () => {
  await using scene = await Scene.open({
    play: (c, n) => (n === 0 ? mcpServer({ 'resources/read': silent })(c) : queueMicrotask(() => c.end(1))),
  });
  const call = scene.call('resources/read', { uri: 'a:' });
  await settle();
  scene.children.last.end(1);
  await scene.pass(3000);
  expect(call.connection.only.error?.message).toMatch(/^May have run/);
});
test.each(['end', 'shutdown'] as const)(
  'a read that was in a lost backend may have run, also at %s [call.words]',
  async (how) => {
    await using scene = await Scene.open({
      play: (c, n) => mcpServer(n === 0 ? { 'resources/read': silent } : { initialize: silent })(c),
    });
    const call = scene.call('resources/read', { uri: 'a:' });
    await settle();
    scene.children.last.end(1);
    await settle();
    scene.session[how](0);
    expect(call.connection.only.error?.message).toMatch(/^May have run/);
  },
);

test('the end of a dormant session answers the call that its stopping backend still has [call.once]', async () => {
  await using scene = await Scene.open({ options: { idleTimeout: 1000 } });
  const call = scene.call('tools/call', { name: 'x' });
  scene.children.last.isStubborn = true;
  scene.begin(call);
  scene.leave(call);
  await scene.pass(5000);
  scene.session.sweep(performance.now());
  expect.soft(scene.session.state).toBe('dormant');
  expect.soft(scene.session.jobs.running).toBe(1);
  const back = scene.get('p2.0');
  scene.session.end();
  expect.soft(back.connection.answers(call.id)).toHaveLength(1);
  expect.soft(scene.session.jobs.running).toBe(0);
});

test('a request of the server is activity [session.idle]', async () => {
  await using scene = await Scene.open({ options: { idleTimeout: 60_000 } });
  await scene.pass(59_000);
  scene.children.last.reply('{"jsonrpc":"2.0","id":0,"method":"roots/list"}');
  await settle();
  await scene.pass(1_000);
  scene.session.sweep(performance.now());
  expect(scene.session.state).toBe('active');
});

test('a session whose GET was closed is idle after one limit, not two [session.idle]', async () => {
  await using scene = await Scene.open({ options: { idleTimeout: 60_000 } });
  const g = scene.get();
  const t0 = performance.now();
  scene.leave(g);
  while (scene.session.state === 'active') {
    await scene.pass(5_000);
    scene.session.sweep(performance.now());
  }
  console.log('B10 dormant after', performance.now() - t0);
});

test('late progress of a cancelled call reaches nobody [call.cancel]', async () => {
  await using scene = await Scene.open();
  const g = scene.get();
  const call = scene.call('tools/call', { name: 'x', _meta: { progressToken: 1 } });
  await settle();
  scene.cancel(call);
  scene.children.last.reply(
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}',
  );
  await settle();
  expect(g.connection.got).toEqual([]);
});

test('an initialized that is said before initialize is answered reaches the backend', async () => {
  await using scene = new Scene({ play: mcpServer({ initialize: silent }) });
  scene.initialize();
  await settle();
  scene.tell('notifications/initialized');
  scene.children.last.answer({ id: 0 }, { protocolVersion: '2025-11-25' });
  await settle();
  expect(scene.children.last.methods).toContain('notifications/initialized');
});
test('a Last-Event-ID that was never given out skips nothing [http.resume]', async () => {
  await using scene = await Scene.open();
  const g = scene.get('g.500');
  scene.leave(g);
  scene.children.last.reply(log);
  await settle();
  expect(scene.get().connection.texts).toEqual([log]);
});
test('a stream that finishes after its session was forgotten does not bring it back', async () => {
  await using scene = await Scene.open();
  const call = scene.call('tools/call', { name: 'x' });
  scene.begin(call);
  await settle();
  scene.session.end();
  await scene.pass(1000);
  expect(scene.store.after('session', 'p2', 0)).toBeUndefined();
});
