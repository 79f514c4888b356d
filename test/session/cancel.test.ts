// A cancelled request leaves at once, wherever it is.
import { describe, expect, test } from 'vitest';
import { mcpServer, silent } from '../helpers/fake-child.js';
import { Scene, settle } from '../helpers/session.js';

const exportTool = (scene: Scene, kind?: 'json') =>
  scene.call('tools/call', { name: 'export' }, kind && { kind });

describe('a request in flight that is cancelled', () => {
  test('finishes without an answer, and the backend that has it is told, as it was written [call.cancel]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    scene.begin(call);
    await settle();
    const text = `{ "jsonrpc":"2.0", "method":"notifications/cancelled", "params":{"requestId":${call.id}} }`;
    scene.send(text);
    expect(call.connection.got).toEqual([]);
    expect(call.connection.hasEnded).toBe(true);
    expect(scene.session.jobs).toEqual({ pending: 0, running: 0 });
    expect((await scene.children.last.received('notifications/cancelled')).text).toBe(text);
    expect(scene.get(call.connection.priming.match(/id: (\S+)/)?.[1]).stream).toBe('finished');
  });

  test('is not answered late: what the server says then is dropped [call.cancel]', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    const call = exportTool(scene);
    await settle();
    scene.cancel(call);
    scene.children.last.answer(call);
    await settle();
    expect(call.connection.got).toEqual([]);
    expect(connection.got).toEqual([]);
    expect(scene.said('message.dropped')).toHaveLength(1);
  });

  test('leaves the others in flight, and its id to the next one [call.cancel]', async () => {
    await using scene = await Scene.open();
    const [one, other] = [exportTool(scene), exportTool(scene)];
    await settle();
    scene.cancel(one);
    const again = scene.call('tools/call', { name: 'export' }, { id: one.id });
    await settle();
    scene.children.last.answer(other);
    scene.children.last.answer(again);
    await settle();
    expect(one.connection.got).toEqual([]);
    expect(other.connection.only.result).toEqual({});
    expect(again.connection.only.result).toEqual({});
  });

  test('ends an exchange that has no headers yet, for clients that read events and those that do not', async () => {
    await using scene = await Scene.open();
    for (const call of [exportTool(scene), exportTool(scene, 'json')]) {
      scene.cancel(call);
      expect(call.connection.hasEnded).toBe(true);
      expect(call.connection.begun).toBe(false);
      expect(call.connection.json).toBeUndefined();
    }
  });

  test('and whose backend has just died, is told nothing [call.cancel] [call.once]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await settle();
    scene.children.last.end(1);
    scene.cancel(call);
    await settle();
    expect(call.connection.got).toEqual([]);
    expect(call.connection.hasEnded).toBe(true);
    expect(scene.children.last.methods).toEqual(['initialize', 'notifications/initialized']);
  });
});

describe('a request that is held and cancelled', () => {
  test('is dropped, and no backend hears of it [call.cancel] [call.hold]', async () => {
    await using scene = await Scene.open();
    scene.children.last.end(1);
    const [one, other] = [exportTool(scene), exportTool(scene)];
    scene.cancel(one);
    expect(one.connection.hasEnded).toBe(true);
    expect(scene.session.jobs).toEqual({ pending: 1, running: 0 });
    const next = await scene.children.nth(1);
    await settle();
    expect(next.methods.slice(2)).toEqual(['tools/call']);
    expect(next.lines[2]).toContain(`"id":${other.id}`);
    expect(one.connection.got).toEqual([]);
  });

  test('is not told that it was held too long', async () => {
    await using scene = await Scene.open({
      play: (child, nth) => mcpServer(nth === 0 ? {} : { initialize: silent })(child),
    });
    scene.children.last.end(1);
    const call = exportTool(scene);
    scene.cancel(call);
    await scene.pass(60_000);
    expect(call.connection.got).toEqual([]);
    expect(scene.said('request.failed')).toEqual([]);
  });
});

describe('a cancellation of a request that nobody has', () => {
  test.each([
    ['unknown', { requestId: 'nothing' }],
    ['a request that was answered', { requestId: 1 }],
    ['no request at all', {}],
  ])('is dropped: %s', async (_, params) => {
    await using scene = await Scene.open();
    const call = scene.call('ping');
    await settle();
    scene.tell('notifications/cancelled', params);
    await settle();
    expect(scene.children.last.methods).not.toContain('notifications/cancelled');
    expect(scene.said('message.dropped')).toHaveLength(1);
    expect(call.connection.answers(call.id)).toHaveLength(1);
  });

  test('is dropped where the id is a string and the request has a number', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await settle();
    scene.tell('notifications/cancelled', { requestId: String(call.id) });
    await settle();
    expect(scene.session.jobs.running).toBe(1);
    expect(scene.children.last.methods).not.toContain('notifications/cancelled');
  });
});
