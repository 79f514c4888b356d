// The end of a session, and the stop of the bridge: everything is answered exactly once, and nothing runs on.
import { describe, expect, test } from 'vitest';
import { mcpServer, silent } from '../helpers/fake-child.js';
import { type Exchange, Scene, settle } from '../helpers/session.js';

const exportTool = (scene: Scene, kind?: 'json') =>
  scene.call('tools/call', { name: 'export' }, kind && { kind });

/** In flight, its headers sent or not; for clients that read events and those that read JSON only. */
async function callInFourWays(scene: Scene): Promise<Exchange[]> {
  const calls = [exportTool(scene), exportTool(scene), exportTool(scene, 'json'), exportTool(scene, 'json')];
  await settle();
  for (const call of calls.filter((_, i) => i % 2 === 0)) scene.begin(call);
  return calls;
}

const messageOf = ({ connection }: Exchange) => connection.only.error?.message;

const WAYS = [
  {
    way: 'the end of a session',
    by: (scene: Scene) => scene.session.end(),
    state: 'closed',
    words: 'the session was ended before the answer came. Send initialize to open a new session.',
  },
  {
    way: 'the stop of the bridge',
    by: (scene: Scene) => scene.session.shutdown(5_000),
    state: 'dormant',
    words: 'the bridge was stopped before the answer came. Start it again, and call again.',
  },
] as const;

describe.each(WAYS)('$way', ({ by, state, words }) => {
  test('answers once each call in flight: it may have run [call.words] [call.once]', async () => {
    await using scene = await Scene.open();
    const calls = await callInFourWays(scene);
    by(scene);
    for (const call of calls) scene.children.last.answer(call);
    await scene.pass(5_000);
    expect(calls.map(messageOf)).toEqual(Array(4).fill(`May have run: ${words}`));
    expect(calls.every(({ connection }) => connection.hasEnded)).toBe(true);
    expect(scene.session.jobs).toEqual({ pending: 0, running: 0 });
  });

  test('answers once each call that is held: it did not run [call.words] [call.hold]', async () => {
    await using scene = await Scene.open();
    scene.children.last.end(1);
    const calls = await Promise.all([exportTool(scene), exportTool(scene, 'json')]);
    scene.tell('notifications/vendor');
    by(scene);
    await scene.pass(60_000);
    expect(calls.map(messageOf)).toEqual(Array(2).fill(`Not run: ${words}`));
    expect(scene.session.jobs).toEqual({ pending: 0, running: 0 });
    expect(scene.children.all).toHaveLength(1);
  });

  test('answers what is held while the first initialize has no backend', async () => {
    await using scene = new Scene({ play: (child) => queueMicrotask(() => child.end(1)) });
    const opening = scene.initialize();
    const call = exportTool(scene);
    await settle();
    // Two starts have failed; the third one waits.
    by(scene);
    await scene.pass(60_000);
    expect([opening, call].map(messageOf)).toEqual(Array(2).fill(`Not run: ${words}`));
    expect(scene.session.state).toBe('closed');
    expect(scene.children.all).toHaveLength(2);
  });

  test('leaves the session as it should be, and ends its streams and its backend', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    by(scene);
    expect(connection.hasEnded).toBe(true);
    expect(scene.session.state).toBe(state);
    await scene.pass(1_000);
    expect(scene.children.last.hasEnded).toBe(true);
    expect(scene.session.supervisor.backends.size).toBe(0);
    await scene.pass(60_000);
    expect(scene.children.all).toHaveLength(1);
  });

  test('leaves alone what is cancelled already [call.cancel]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await settle();
    scene.cancel(call);
    by(scene);
    await settle();
    expect(call.connection.got).toEqual([]);
  });

  test('stops a backend that is still being introduced', async () => {
    await using scene = await Scene.open({
      play: (child, nth) => mcpServer(nth === 0 ? {} : { initialize: silent })(child),
    });
    scene.children.last.end(1);
    await scene.children.nth(1);
    await settle();
    by(scene);
    await scene.pass(1_000);
    expect(scene.children.last.hasEnded).toBe(true);
    expect(scene.session.supervisor.backends.size).toBe(0);
  });

  test('stops the old backend that a call keeps after a new one has taken over, too [supervise.tree cli.stop]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    expect(await scene.session.takeUp('start-first', 2)).toEqual({ kind: 'serves' });
    await settle();
    expect(scene.session.supervisor.backends.size).toBe(2);
    by(scene);
    expect(messageOf(call)).toBe(`May have run: ${words}`);
    await scene.pass(1_000);
    expect(scene.children.all.map(({ hasEnded }) => hasEnded)).toEqual([true, true]);
    expect(scene.session.supervisor.backends.size).toBe(0);
  });

  test('a second time does nothing more', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await settle();
    by(scene);
    by(scene);
    await settle();
    expect(call.connection.got).toHaveLength(1);
    expect(scene.session.state).toBe(state);
  });
});

describe('a session that has ended', () => {
  test('is forgotten with its events, and said to be over once', async () => {
    await using scene = await Scene.open();
    scene.children.last.reply('{"jsonrpc":"2.0","method":"notifications/vendor"}');
    await settle();
    expect(scene.store.after('session', 'g', 0)?.events).toHaveLength(1);
    scene.session.end();
    scene.session.end();
    expect(scene.store.after('session', 'g', 0)).toBeUndefined();
    expect(scene.closed).toBe(1);
    expect(scene.said('session.closed')).toHaveLength(1);
  });

  test('answers a call that comes late that it did not run, and starts nothing [call.words]', async () => {
    await using scene = await Scene.open();
    scene.session.end();
    const call = exportTool(scene);
    scene.tell('notifications/vendor');
    await scene.pass(5_000);
    expect(messageOf(call)).toBe(
      'Not run: the session was ended before the answer came. Send initialize to open a new session.',
    );
    expect(scene.children.all).toHaveLength(1);
  });

  test('while it slept is forgotten as well', async () => {
    await using scene = await Scene.open({ options: { idleTimeout: 1_000 } });
    await scene.pass(1_000);
    scene.session.sweep(performance.now());
    scene.session.end();
    expect(scene.session.state).toBe('closed');
    expect(scene.closed).toBe(1);
  });
});

describe('a session when the bridge is stopped', () => {
  test('is kept with its events: the client can resume what it has not read [session.same-id] [http.resume]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    scene.begin(call);
    scene.leave(call);
    await settle();
    scene.session.shutdown(5_000);
    expect(scene.closed).toBe(0);
    expect(scene.get('p2.0').connection.only.error?.message).toMatch(/^May have run: the bridge was stopped/);
  });

  test('ends the streams of a session that sleeps', async () => {
    await using scene = await Scene.open({ options: { idleTimeout: 1_000 } });
    await scene.pass(1_000);
    scene.session.sweep(performance.now());
    const { connection } = scene.get();
    scene.session.shutdown(5_000);
    expect(connection.hasEnded).toBe(true);
  });
});
