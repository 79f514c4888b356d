// What becomes of a request that a backend had when it was lost: sent again if that is safe, else told that it may have
// run. Exactly one answer either way.
import { describe, expect, test } from 'vitest';
import { type FakeChild, mcpServer, silent } from '../helpers/fake-child.js';
import { type Exchange, Scene, type ScenePlan, settle } from '../helpers/session.js';

/** Servers that answer everything but reads; the test answers those. */
const openWithSlowReads = (plan: ScenePlan = {}) =>
  Scene.open({ play: mcpServer({ 'resources/read': silent, 'tools/list': silent }), ...plan });

const read = (scene: Scene, uri = 'a:') => scene.call('resources/read', { uri });
const exportTool = (scene: Scene) => scene.call('tools/call', { name: 'export' });

/** The backend ends; the next one serves when this returns. */
async function crash(
  scene: Scene,
  code: number | null = 1,
  signal: string | null = null,
): Promise<FakeChild> {
  const count = scene.children.all.length;
  await settle();
  scene.children.last.end(code, signal);
  const next = await scene.children.nth(count);
  await settle();
  expect(scene.session.state).toBe('active');
  return next;
}

function errorOf({ connection, id }: Exchange): string | undefined {
  expect(connection.answers(id)).toHaveLength(1);
  return connection.answers(id)[0]?.error?.message;
}

describe('a tool call that a lost backend had', () => {
  test('gets one error: that it may have run, how the server ended, what it said last [call.words] [call.once]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await settle();
    scene.children.last.complain('exporting');
    scene.children.last.complain('\u001b[31mdisk full\u001b[0m');
    const next = await crash(scene, null, 'SIGSEGV');
    expect(call.connection.only.error).toEqual({
      code: -32603,
      message:
        'May have run: the server ended (SIGSEGV) during export. It is restarted; check what was done before calling again.\nexporting\ndisk full',
    });
    expect(next.methods).not.toContain('tools/call');
    expect(call.connection.hasEnded).toBe(true);
  });

  test('is told of the exit code where no signal ended the server [call.words]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await crash(scene, 7);
    expect(errorOf(call)).toMatch(/^May have run: the server ended \(exit 7\) during export\. /);
  });

  test('hears what it was answered with before the end, if the answer is on its way [call.once]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await settle();
    scene.children.last.answer(call, { content: [] });
    await crash(scene);
    expect(call.connection.only.result).toEqual({ content: [] });
  });

  test('is not answered again by the next backend, whatever that says [call.once]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    const next = await crash(scene);
    next.answer(call, { content: [] });
    await settle();
    expect(call.connection.answers(call.id)).toHaveLength(1);
    expect(scene.said('message.dropped')).toHaveLength(1);
  });

  test('leaves its id free for the next one', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await crash(scene);
    const again = scene.call('tools/call', { name: 'echo' }, { id: call.id });
    await settle();
    expect(again.connection.only.result).toBeDefined();
  });

  test('is one of several, each with an answer of its own; methods nobody knows are no safer [call.once]', async () => {
    await using scene = await Scene.open();
    const calls = [exportTool(scene), scene.call('vendor/method'), exportTool(scene)];
    const next = await crash(scene);
    expect(calls.map(errorOf)).toEqual([
      expect.stringContaining('during export.'),
      expect.stringContaining('during vendor/method.'),
      expect.stringContaining('during export.'),
    ]);
    expect(next.methods).toEqual(['initialize', 'notifications/initialized']);
  });
});

describe('a read that a lost backend had', () => {
  test('is sent to the next one, as it was written, and its client sees only the answer [call.once]', async () => {
    await using scene = await openWithSlowReads();
    const call = scene.post(
      '{ "jsonrpc":"2.0", "id":77, "method":"resources/read", "params":{"uri":"a:","x":1.0} }',
    );
    const next = await crash(scene);
    const repeated = await next.received('resources/read');
    expect(repeated.text).toBe(
      '{ "jsonrpc":"2.0", "id":77, "method":"resources/read", "params":{"uri":"a:","x":1.0} }',
    );
    next.answer(repeated, { contents: [] });
    await settle();
    expect(call.connection.only.result).toEqual({ contents: [] });
    expect(scene.said('request.repeated')).toEqual([{ kind: 'request.repeated', method: 'resources/read' }]);
  });

  test('is kept waiting with its headers sent: the client is not left without a word [http.never-absent]', async () => {
    await using scene = await openWithSlowReads();
    const call = read(scene);
    await settle();
    expect(call.connection.begun).toBe(false);
    scene.children.last.end(1);
    await settle();
    expect(call.connection.begun).toBe(true);
  });

  test('is not told that it waits again: progress that the server reported only grows [call.hold] [call.once]', async () => {
    await using scene = await openWithSlowReads();
    const params = { uri: 'a:', _meta: { progressToken: 't' } };
    const call = scene.call('resources/read', params);
    await settle();
    const reported =
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":5}}';
    scene.children.last.reply(reported);
    const next = await crash(scene);
    next.answer(await next.received('resources/read'), { contents: [] });
    await settle();
    expect(call.connection.got.map(({ text, result }) => result ?? text)).toEqual([
      reported,
      { contents: [] },
    ]);
  });

  test('comes before all that was called later, in the order it first had [call.hold] [call.once]', async () => {
    await using scene = await openWithSlowReads();
    read(scene, 'a:');
    exportTool(scene);
    scene.call('tools/list');
    read(scene, 'b:');
    await settle();
    scene.children.last.end(1);
    scene.call('ping');
    scene.call('tools/call', { name: 'echo' });
    const next = await scene.children.nth(1);
    await settle();
    const told = ['resources/read', 'tools/list', 'resources/read', 'ping', 'tools/call'];
    expect(next.methods.slice(2)).toEqual(told);
    expect(next.lines[2]).toContain('a:');
  });

  test('is sent again only once: lost a second time, it may have run [call.once]', async () => {
    await using scene = await openWithSlowReads();
    const call = read(scene);
    const second = await crash(scene);
    await second.received('resources/read');
    await scene.pass(10_000);
    const third = await crash(scene);
    expect(third.methods).not.toContain('resources/read');
    expect(errorOf(call)).toMatch(/^May have run: the server ended \(exit 1\) during resources\/read\./);
  });

  test('is not sent again when it was cancelled before the crash [call.once] [call.cancel]', async () => {
    await using scene = await openWithSlowReads();
    const call = read(scene);
    await settle();
    scene.cancel(call);
    const next = await crash(scene);
    expect(next.methods).not.toContain('resources/read');
    expect(call.connection.got).toEqual([]);
    expect(call.connection.hasEnded).toBe(true);
  });

  test('is not sent again when it is cancelled after the crash [call.once] [call.cancel]', async () => {
    await using scene = await openWithSlowReads();
    const call = read(scene);
    await settle();
    scene.children.last.end(1);
    const next = await scene.children.nth(1);
    expect(scene.session.jobs).toEqual({ pending: 1, running: 0 });
    scene.cancel(call);
    await settle();
    expect(next.methods).toEqual(['initialize', 'notifications/initialized']);
    expect(call.connection.got).toEqual([]);
    expect(call.connection.hasEnded).toBe(true);
  });

  test('is answered like a tool call where nothing is to be sent again [call.once]', async () => {
    await using scene = await openWithSlowReads({ options: { retry: 'never' } });
    const call = read(scene);
    const next = await crash(scene);
    expect(next.methods).not.toContain('resources/read');
    expect(errorOf(call)).toMatch(/^May have run: /);
  });

  test.each([
    'ping',
    'prompts/list',
    'prompts/get',
    'resources/templates/list',
    'completion/complete',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
    'tasks/get',
    'tasks/result',
  ])('may as well be %s [call.once]', async (method) => {
    await using scene = await Scene.open({
      play: (child, nth) =>
        mcpServer(nth === 0 ? { [method]: silent } : { [method]: () => ({ result: {} }) })(child),
    });
    const call = scene.call(method, { uri: 'a:', level: 'debug' });
    const next = await crash(scene);
    expect(next.methods.filter((each) => each === method)).toHaveLength(1);
    expect(call.connection.only.result).toEqual({});
  });

  test('is held with all bounds of what is held: its time is over when no backend comes [call.hold]', async () => {
    await using scene = await Scene.open({
      play: (child, nth) =>
        mcpServer(nth === 0 ? { 'resources/read': silent } : { initialize: silent })(child),
    });
    const call = read(scene);
    await settle();
    scene.children.last.end(1);
    await settle();
    await scene.pass(54_999);
    expect(call.connection.got).toEqual([]);
    await scene.pass(1);
    expect(call.connection.only.error?.message).toBe(
      'May have run: no backend was ready after 55 s. Call again; it will wait for the server.',
    );
  });
});

describe('a backend whose stdin is gone while it still lives', () => {
  test('is sent nothing more: what is called waits for the next one [call.hold]', async () => {
    await using scene = await Scene.open();
    scene.children.last.stdin.destroy();
    const call = scene.call('tools/call', { name: 'echo' });
    await settle();
    expect(call.connection.got).toEqual([]);
    expect(scene.session.jobs).toEqual({ pending: 1, running: 0 });
    await crash(scene);
    expect(call.connection.only.result).toBeDefined();
  });
});

describe('restarts', () => {
  test('begin at once, then after waits that grow; a time of being ready makes the next one immediate [supervise.crash]', async () => {
    await using scene = await Scene.open();
    await crash(scene);
    scene.children.last.end(1);
    await settle();
    expect(scene.children.all).toHaveLength(2);
    await scene.pass(199);
    expect(scene.children.all).toHaveLength(2);
    await scene.pass(101);
    expect(scene.children.all).toHaveLength(3);
    expect(scene.said('restart.waiting')).toHaveLength(1);
    await scene.pass(10_000);
    await crash(scene);
    expect(scene.said('restart.waiting')).toHaveLength(1);
    expect(scene.starts.restarts).toBe(3);
  });

  test('are not made for a session that has ended', async () => {
    await using scene = await Scene.open();
    scene.children.last.end(1);
    scene.session.end();
    await scene.pass(60_000);
    expect(scene.children.all).toHaveLength(1);
  });
});
