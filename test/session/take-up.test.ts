// A new generation taken up by one session.
import { expect, test } from 'vitest';
import { Scene, settle } from '../helpers/session.js';

test('stop-first: a call that comes meanwhile waits for the next backend, though nobody held it [call.hold rollout.exclusive]', async () => {
  await using scene = await Scene.open();
  const old = await scene.children.nth(0);
  const running = scene.call('tools/call', { name: 'slow' });
  const taken = scene.session.takeUp('stop-first', 2);
  const waiting = scene.call('tools/call', { name: 'echo', arguments: { text: 'new' } });
  await settle();
  expect([scene.session.state, scene.session.jobs]).toEqual(['holding', { pending: 1, running: 1 }]);

  old.answer(await old.received('tools/call'));
  await scene.pass(100);
  expect(await taken).toEqual({ kind: 'serves' });
  expect(scene.children.all).toHaveLength(2);
  expect(running.connection.only).toMatchObject({ result: {} });
  expect(waiting.connection.only).toMatchObject({ result: { content: [{ text: 'new' }] } });
});

test('is not taken up again by a session that was seated at it with the others [rollout.exclusive]', async () => {
  await using scene = await Scene.open();
  expect(await scene.session.takeUp('stop-first', 1)).toEqual({ kind: 'serves' });
  await scene.pass(100);
  expect(scene.children.all).toHaveLength(1);
  expect(scene.session.state).toBe('active');
});

test.each([
  ['its client ends it', (scene: Scene) => scene.session.end()],
  ['the bridge stops', (scene: Scene) => scene.session.shutdown(5_000)],
])('what still drains has no call to finish any more when %s [supervise.tree cli.stop]', async (_, end) => {
  await using scene = await Scene.open();
  const old = await scene.children.nth(0);
  const running = scene.call('tools/call', { name: 'slow' });
  const taken = scene.session.takeUp('start-first', 2);
  await scene.pass(100);
  expect(await taken).toEqual({ kind: 'serves' });
  expect([old.hasEnded, scene.session.jobs.running]).toEqual([false, 1]);

  end(scene);
  await scene.pass(1_000);
  expect(running.connection.only.error?.message).toMatch(/^May have run: /);
  expect(old.hasEnded).toBe(true);
  await scene.session.supervisor.emptied();
});
