// Which stream carries what a server says, where stdio does not tell what it is about. One stream, never two.
import { describe, expect, test } from 'vitest';
import { mcpServer, silent } from '../helpers/fake-child.js';
import { type ConnectionKind, type Exchange, Scene, settle } from '../helpers/session.js';

const log = (data: string, more = '') =>
  `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${data}"${more}}}`;
const aboutTask = log('x', ',"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"1"}}');

async function call(scene: Scene, { kind, token }: { kind?: ConnectionKind; token?: string | number } = {}) {
  const meta = token === undefined ? {} : { _meta: { progressToken: token } };
  const exchange = scene.call('tools/call', { name: 'export', ...meta }, kind && { kind });
  await settle();
  return exchange;
}

async function say(scene: Scene, text: string): Promise<void> {
  scene.children.last.reply(text);
  await settle();
}

const textsOf = ({ connection }: Pick<Exchange, 'connection'>) => connection.texts;

describe('what a server says, or asks,', () => {
  test.each([
    log('x'),
    '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
    '{"jsonrpc":"2.0","id":0,"method":"roots/list"}',
  ])('belongs to the one request in flight, before its answer [http.streams]: %s', async (text) => {
    await using scene = await Scene.open();
    const get = scene.get();
    const only = await call(scene);
    await say(scene, text);
    expect(textsOf(only)).toEqual([text]);
    scene.children.last.answer(only);
    await settle();
    expect(textsOf(only)).toHaveLength(2);
    expect(only.connection.hasEnded).toBe(true);
    expect(textsOf(get)).toEqual([]);
  });

  test('while it answers initialize belongs to that [http.streams]', async () => {
    await using scene = new Scene({ play: () => {} });
    const opening = scene.initialize();
    await say(scene, log('starting'));
    expect(textsOf(opening)).toEqual([log('starting')]);
  });

  test('belongs to the GET stream when several requests, or none, are in flight [http.streams]', async () => {
    await using scene = await Scene.open();
    const get = scene.get();
    await say(scene, log('none'));
    const calls = [await call(scene), await call(scene)];
    await say(scene, log('two'));
    expect(textsOf(get)).toEqual([log('none'), log('two')]);
    expect(calls.map(textsOf)).toEqual([[], []]);
  });

  test('about a task belongs to the GET stream even with one request in flight [http.streams]', async () => {
    await using scene = await Scene.open();
    const get = scene.get();
    const only = await call(scene);
    await say(scene, aboutTask);
    expect(textsOf(get)).toEqual([aboutTask]);
    expect(textsOf(only)).toEqual([]);
  });

  test('belongs to the newest request whose client listens when there is no GET stream [http.streams]', async () => {
    await using scene = await Scene.open();
    const calls = [await call(scene), await call(scene), await call(scene)] as const;
    scene.leave(calls[2]);
    await say(scene, log('x'));
    await say(scene, aboutTask);
    expect(calls.map(textsOf)).toEqual([[], [log('x'), aboutTask], []]);
  });

  test('waits for a GET stream when nobody listens, and comes there in its order [http.streams]', async () => {
    await using scene = await Scene.open();
    await say(scene, log('one'));
    await say(scene, log('two'));
    const get = scene.get();
    await say(scene, log('three'));
    expect(textsOf(get)).toEqual([log('one'), log('two'), log('three')]);
    expect(get.connection.got.map(({ eventId }) => eventId)).toEqual(['g.1', 'g.2', 'g.3']);
  });

  test('does not go to a client that reads one JSON body: that belongs to the answer alone [http.streams]', async () => {
    await using scene = await Scene.open();
    const only = await call(scene, { kind: 'json' });
    await say(scene, log('x'));
    const listening = await call(scene);
    await say(scene, log('y'));
    scene.children.last.answer(only);
    await settle();
    expect(textsOf(only)).toHaveLength(1);
    expect(textsOf(listening)).toEqual([log('y')]);
    expect(textsOf(scene.get())).toEqual([log('x')]);
  });

  test('waits on the stream of the one request in flight for a client that has left it and may come back [http.resume]', async () => {
    await using scene = await Scene.open();
    const only = await call(scene);
    scene.begin(only);
    scene.leave(only);
    await say(scene, log('x'));
    expect(textsOf(only)).toEqual([]);
    expect(textsOf(scene.get('p2.0'))).toEqual([log('x')]);
  });

  test('waits for a GET stream when the client of the one request left before it heard of its stream', async () => {
    await using scene = await Scene.open();
    const only = await call(scene);
    scene.leave(only);
    await say(scene, log('x'));
    expect(textsOf(scene.get())).toEqual([log('x')]);
  });

  test('reaches the client as it was written [http.passthrough]', async () => {
    await using scene = await Scene.open();
    const get = scene.get();
    const text =
      '{ "method":"notifications/vendor", "params":{"n":12345678901234567890, "x":1.0}, "jsonrpc":"2.0" }';
    await say(scene, text);
    expect(textsOf(get)).toEqual([text]);
  });
});

describe('progress', () => {
  const progress = (token: string | number) =>
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${JSON.stringify(token)},"progress":1}}`;

  test('belongs to the request that asked for it, among several [http.streams]', async () => {
    await using scene = await Scene.open();
    const get = scene.get();
    const [one, other] = [await call(scene, { token: 1 }), await call(scene, { token: 'b' })];
    await say(scene, progress(1));
    await say(scene, progress('b'));
    expect([one, other, get].map(textsOf)).toEqual([[progress(1)], [progress('b')], []]);
  });

  test('of a request that nobody waits for any more is dropped', async () => {
    await using scene = await Scene.open();
    const get = scene.get();
    const only = await call(scene, { token: 1 });
    await say(scene, progress('1'));
    expect([only, get].map(textsOf)).toEqual([[], []]);
  });

  test('of a task goes on after its request was answered, on the GET stream', async () => {
    await using scene = await Scene.open();
    const get = scene.get();
    scene.call('tools/call', {
      name: 'echo',
      arguments: { text: 'x' },
      task: {},
      _meta: { progressToken: 'long' },
    });
    await settle();
    await say(scene, progress('long'));
    expect(textsOf(get)).toEqual([progress('long')]);
  });

  test('of a request whose client reads one JSON body goes to the GET stream', async () => {
    await using scene = await Scene.open();
    await call(scene, { kind: 'json', token: 1 });
    await say(scene, progress(1));
    expect(textsOf(scene.get())).toEqual([progress(1)]);
  });

  test('keeps a stream of its own when a token is used again later', async () => {
    await using scene = await Scene.open();
    const first = await call(scene, { token: 1 });
    scene.children.last.answer(first);
    await settle();
    const [second] = [await call(scene, { token: 1 }), await call(scene)];
    await say(scene, progress(1));
    expect(textsOf(second)).toEqual([progress(1)]);
  });

  test('of a read that is sent again comes on its stream [call.once]', async () => {
    await using scene = await Scene.open({ play: mcpServer({ 'resources/read': silent }) });
    const get = scene.get();
    const reads = [9, 10].map((token) =>
      scene.call('resources/read', { uri: 'a:', _meta: { progressToken: token } }),
    );
    await settle();
    scene.children.last.end(1);
    await scene.children.nth(1);
    await settle();
    await say(scene, progress(9));
    expect([...reads, get].map(textsOf)).toEqual([[progress(9)], [], []]);
  });
});

describe('what is no message of the server', () => {
  test.each([
    'hello',
    '{"jsonrpc":"1.0","method":"x"}',
    '[]',
    '{"jsonrpc":"2.0","id":"unasked","result":{}}',
  ])('reaches nobody: %s [supervise.noise]', async (text) => {
    await using scene = await Scene.open();
    const get = scene.get();
    const only = await call(scene);
    await say(scene, text);
    expect([only, get].map(textsOf)).toEqual([[], []]);
    expect(scene.session.state).toBe('active');
  });
});

describe('an answer with the id of a request but for its type', () => {
  test('reaches nobody, and that is said: its call would wait for ever, and nobody know why', async () => {
    await using scene = await Scene.open();
    const waiting = await call(scene);
    const id = waiting.id;
    await say(scene, `{"jsonrpc":"2.0","id":"${id}","result":{}}`);
    expect(textsOf(waiting)).toEqual([]);
    expect(scene.said('message.misnamed')).toEqual([
      { kind: 'message.misnamed', method: 'tools/call', id: String(id) },
    ]);
    await say(scene, '{"jsonrpc":"2.0","id":"another","result":{}}');
    expect(scene.said('message.misnamed')).toHaveLength(1);
  });
});
