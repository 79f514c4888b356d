// Streams and their connections: one JSON body or events, and how a client that lost a connection gets the rest.
import { describe, expect, test } from 'vitest';
import { mcpServer } from '../helpers/fake-child.js';
import { type Exchange, Scene, settle } from '../helpers/session.js';

const exportTool = (scene: Scene, kind?: 'json') =>
  scene.call('tools/call', { name: 'export' }, kind && { kind });
const request = (id: number, name = 'export') =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}"}}`;
const log = (data: string | number) =>
  `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${data}"}}`;

async function answer(scene: Scene, ...ids: (number | Exchange)[]): Promise<void> {
  await settle();
  for (const id of ids) scene.children.last.answer(typeof id === 'number' ? { id } : id);
  await settle();
}

async function say(scene: Scene, text: string): Promise<void> {
  await settle();
  scene.children.last.reply(text);
  await settle();
}

describe('an answer', () => {
  test('that comes before the headers is one JSON body, as the server wrote it [http.never-absent]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await say(scene, `{ "result":{"n":12345678901234567890}, "id":${call.id}, "jsonrpc":"2.0" }`);
    expect(call.connection.json).toBe(
      `{ "result":{"n":12345678901234567890}, "id":${call.id}, "jsonrpc":"2.0" }`,
    );
    expect(call.connection.begun).toBe(false);
    expect(scene.get('p2.0').stream).toBe('finished');
  });

  test('that comes later is the last event of its stream [http.never-absent] [http.resume]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    scene.begin(call);
    await say(scene, log(1));
    await answer(scene, call);
    expect(call.connection.got.map(({ eventId }) => eventId)).toEqual(['p2.1', 'p2.2']);
    expect(call.connection.answers(call.id)).toHaveLength(1);
    expect(call.connection.hasEnded).toBe(true);
  });

  test('is the body alone for a client that reads JSON only, headers sent or not [http.never-absent]', async () => {
    await using scene = await Scene.open();
    const [early, late] = [exportTool(scene, 'json'), exportTool(scene, 'json')];
    scene.begin(late);
    expect(late.connection.begun).toBe(true);
    expect(late.connection.priming).toBe('');
    await say(scene, log(1));
    await answer(scene, early, late);
    expect([early, late].map(({ connection }) => connection.only.result)).toEqual([{}, {}]);
    expect([early, late].map(({ connection }) => connection.hasEnded)).toEqual([true, true]);
  });

  test('is not kept for a client that left before it heard of its stream', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    scene.leave(call);
    await answer(scene, call);
    expect(scene.session.jobs.running).toBe(0);
    expect(scene.get('p2.0').stream).toBe('finished');
  });
});

describe('priming', () => {
  test.each([
    ['2025-11-25', 'id: p2.0\nretry: 2000\ndata: \n\n'],
    ['2025-06-18', ''],
    ['2025-03-26', ''],
  ])('opens the streams of clients that understand it: %s [http.resume]', async (revision, priming) => {
    await using scene = await Scene.open({ revision });
    const call = exportTool(scene);
    scene.begin(call);
    expect(call.connection.begun).toBe(true);
    expect(call.connection.priming).toBe(priming);
    expect(scene.get().connection.priming).toBe(priming.replace('p2', 'g'));
  });

  test('goes by the revision agreed on, once it is; by the one asked for until then', async () => {
    const agree = mcpServer({ initialize: () => ({ result: { protocolVersion: '2025-06-18' } }) });
    await using scene = new Scene({ play: agree });
    const opening = scene.initialize();
    scene.begin(opening);
    await settle();
    const call = exportTool(scene);
    scene.begin(call);
    expect(opening.connection.priming).toContain('id: p1.0');
    expect(call.connection.priming).toBe('');
  });
});

describe('a batch', () => {
  const openOld = () => Scene.open({ revision: '2025-03-26' });

  test('is answered as one array in the order of the answers, for a client that reads JSON only', async () => {
    await using scene = await openOld();
    const batch = scene.batch([request(11), request(12), request(13)], 'json');
    await answer(scene, 13, 11);
    expect(batch.connection.got).toEqual([]);
    await answer(scene, 12);
    expect(JSON.parse(batch.connection.json ?? '')).toEqual(
      [13, 11, 12].map((id) => ({ jsonrpc: '2.0', id, result: {} })),
    );
  });

  test('that is longer than a body may be has errors in the place of the last answers', async () => {
    await using scene = await openOld();
    const batch = scene.batch([request(11), request(12), request(13), request(14)], 'json');
    const long = 'x'.repeat(25 * 1024 * 1024);
    for (const id of [11, 12, 13]) await say(scene, JSON.stringify({ jsonrpc: '2.0', id, result: { long } }));
    await answer(scene, 14);
    const got: { id: number; error?: { message: string } }[] = JSON.parse(batch.connection.json ?? '');
    expect(got.map(({ id }) => id)).toEqual([11, 12, 13, 14]);
    expect(got.map(({ error }) => error?.message.slice(0, 12))).toEqual([
      undefined,
      undefined,
      'May have run',
      undefined,
    ]);
  });

  test('of one is an array of one', async () => {
    await using scene = await openOld();
    const batch = scene.batch([request(11)], 'json');
    await answer(scene, 11);
    expect(JSON.parse(batch.connection.json ?? '')).toEqual([{ jsonrpc: '2.0', id: 11, result: {} }]);
  });

  test('is answered as events, one for each, for a client that reads them; the last one ends the stream', async () => {
    await using scene = await openOld();
    const batch = scene.batch([request(11), request(12)]);
    await answer(scene, 12);
    expect(batch.connection.hasEnded).toBe(false);
    await answer(scene, 11);
    expect(batch.connection.got.map(({ id }) => id)).toEqual([12, 11]);
    expect(batch.connection.hasEnded).toBe(true);
  });

  test('goes on without what was cancelled of it [call.cancel]', async () => {
    await using scene = await openOld();
    const [events, json, none] = [
      scene.batch([request(11), request(12)]),
      scene.batch([request(21), request(22)], 'json'),
      scene.batch([request(31), request(32)], 'json'),
    ];
    await answer(scene, 11, 21);
    for (const id of [12, 22, 31, 32]) scene.cancel({ id });
    expect(events.connection.got.map(({ id }) => id)).toEqual([11]);
    expect(json.connection.json).toBe('[{"jsonrpc":"2.0","id":21,"result":{}}]');
    expect(none.connection.json).toBeUndefined();
    expect([events, json, none].map(({ connection }) => connection.hasEnded)).toEqual([true, true, true]);
  });

  test('in flight at a crash gets an error for each of its calls [call.once]', async () => {
    await using scene = await openOld();
    const batch = scene.batch([request(11), request(12)], 'json');
    await settle();
    scene.children.last.end(1);
    await settle();
    expect(batch.connection.got.map(({ error }) => error?.message.slice(0, 12))).toEqual([
      'May have run',
      'May have run',
    ]);
  });
});

describe('an id that is in use', () => {
  test('in flight or held, is refused to a second request; the first one is answered [call.once] [call.words]', async () => {
    await using scene = await Scene.open();
    const inFlight = exportTool(scene);
    const second = scene.call('ping', {}, { id: inFlight.id });
    expect(second.connection.only.error).toEqual({
      code: -32603,
      message: `Not run: the request id ${inFlight.id} is in use, and its request has not been answered yet. Call again under another id.`,
    });
    await answer(scene, inFlight);
    expect(inFlight.connection.only.result).toEqual({});

    scene.children.last.end(1);
    const held = scene.call('tools/call', { name: 'echo' }, { id: 'held' });
    const third = scene.call('ping', {}, { id: 'held' });
    expect(third.connection.only.error?.message).toMatch(/^Not run: the request id "held" is in use/);
    await settle();
    expect(held.connection.only.result).toBeDefined();
    expect(scene.children.last.methods).not.toContain('ping');
  });

  test('is another one as a string than as a number', async () => {
    await using scene = await Scene.open();
    const [one, other] = [scene.call('ping', {}, { id: 5 }), scene.call('ping', {}, { id: '5' })];
    await settle();
    expect(one.connection.only.result).toEqual({});
    expect(other.connection.only.result).toEqual({});
  });

  test('within a batch is refused, and the batch is answered in full', async () => {
    await using scene = await Scene.open({ revision: '2025-03-26' });
    const batch = scene.batch([request(11), request(11)], 'json');
    await answer(scene, 11);
    expect(batch.connection.got.map(({ error, result }) => error?.code ?? result)).toEqual([-32603, {}]);
  });
});

describe('a client that lost its connection', () => {
  test('gets what it missed, once and in order, and goes on from there [http.resume]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    await say(scene, log(1));
    await say(scene, log(2));
    scene.leave(call);
    await say(scene, log(3));
    const back = scene.get('p2.1');
    expect(back.stream).toBe(call.stream);
    await answer(scene, call);
    expect(call.connection.texts).toEqual([log(1), log(2)]);
    expect(back.connection.got.map(({ eventId }) => eventId)).toEqual(['p2.2', 'p2.3', 'p2.4']);
    expect(back.connection.texts.slice(0, 2)).toEqual([log(2), log(3)]);
    expect(back.connection.hasEnded).toBe(true);
  });

  test('gets the answer that came while it was gone, and the end; then there is nothing left [http.resume]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    scene.begin(call);
    scene.leave(call);
    await answer(scene, call);
    for (const lastEventId of ['p2.0', 'p2.0']) {
      const { connection } = scene.get(lastEventId);
      expect(connection.answers(call.id)).toHaveLength(1);
      expect(connection.hasEnded).toBe(true);
    }
    expect(scene.get('p2.1').stream).toBe('finished');
  });

  test('may come back before the bridge has seen it go: the older connection ends [http.streams]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    scene.begin(call);
    const back = scene.get('p2.0');
    expect(call.connection.hasEnded).toBe(true);
    scene.leave(call);
    await answer(scene, call);
    expect(call.connection.got).toEqual([]);
    expect(back.connection.answers(call.id)).toHaveLength(1);
  });

  test('takes over only the stream that it names [http.streams]', async () => {
    await using scene = await Scene.open();
    const get = scene.get();
    const [one, other] = [exportTool(scene), exportTool(scene)];
    scene.begin(one);
    scene.begin(other);
    scene.leave(one);
    const back = scene.get('p2.0');
    await answer(scene, other, one);
    expect(get.connection.hasEnded).toBe(false);
    expect(other.connection.answers(other.id)).toHaveLength(1);
    expect(back.connection.got.map(({ id }) => id)).toEqual([one.id]);
  });

  test('gets the answer of a call that was held or sent again meanwhile [http.resume] [call.hold]', async () => {
    await using scene = await Scene.open();
    scene.children.last.end(1);
    const call = scene.call('tools/call', { name: 'echo' });
    scene.leave(call);
    await settle();
    expect(scene.get('p2.0').connection.answers(call.id)).toHaveLength(1);
  });

  test.each(['p99.0', 'p2.7', 'p1.0'])(
    'of a stream that is not there is told so: %s [http.resume]',
    async (id) => {
      await using scene = await Scene.open();
      const call = exportTool(scene);
      scene.begin(call);
      await answer(scene, call);
      expect(scene.get(id).stream).toBe('finished');
    },
  );

  test('may leave and come back often: each event comes once [http.resume]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    scene.begin(call);
    let last: { connection: Exchange['connection']; stream: unknown } = call;
    const got: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      await say(scene, log(`seen ${i}`));
      got.push(...last.connection.texts);
      scene.leave({ connection: last.connection, stream: call.stream });
      await say(scene, log(`missed ${i}`));
      last = scene.get(`p2.${got.length}`);
    }
    got.push(...last.connection.texts);
    expect(got).toEqual([0, 1, 2, 3, 4].flatMap((i) => [log(`seen ${i}`), log(`missed ${i}`)]));
  });
});

describe('the standalone stream', () => {
  test('gives the first GET what was said before it, and a later one only what is new [http.streams]', async () => {
    await using scene = await Scene.open();
    await say(scene, log(1));
    const first = scene.get();
    scene.leave(first);
    await say(scene, log(2));
    const second = scene.get();
    await say(scene, log(3));
    expect(first.connection.texts).toEqual([log(1)]);
    expect(second.connection.texts).toEqual([log(2), log(3)]);
  });

  test('gives a client that names its last event all that followed it [http.resume]', async () => {
    await using scene = await Scene.open();
    const first = scene.get();
    for (const i of [1, 2, 3]) await say(scene, log(i));
    scene.leave(first);
    expect(scene.get('g.1').connection.texts).toEqual([log(2), log(3)]);
  });

  test('takes an id that is none of ours for none', async () => {
    await using scene = await Scene.open();
    await say(scene, log(1));
    const { connection, stream } = scene.get('0123abc_7');
    expect(stream).toMatchObject({ id: 'g' });
    expect(connection.texts).toEqual([log(1)]);
  });

  test('is taken over by a newer GET: the older connection ends [http.streams]', async () => {
    await using scene = await Scene.open();
    const [older, newer] = [scene.get(), scene.get()];
    await say(scene, log(1));
    expect(older.connection.hasEnded).toBe(true);
    expect(older.connection.texts).toEqual([]);
    expect(newer.connection.texts).toEqual([log(1)]);
  });

  test('is taken over three times in 30 s: then the newcomer is refused, until time has passed [http.streams]', async () => {
    await using scene = await Scene.open();
    scene.get();
    for (let i = 0; i < 3; i += 1) expect(scene.get().stream).toBeTypeOf('object');
    await scene.pass(29_999);
    const refused = scene.get();
    expect(refused.stream).toBe('taken');
    expect(refused.connection.begun).toBe(false);
    expect(scene.session.isConnected).toBe(true);
    await scene.pass(1);
    expect(scene.get().stream).toBeTypeOf('object');
  });

  test('can be left and opened as often as a client likes [http.streams]', async () => {
    await using scene = await Scene.open();
    for (let i = 0; i < 10; i += 1) {
      const get = scene.get();
      expect(get.stream).toBeTypeOf('object');
      scene.leave(get);
    }
  });

  test('is never in the way of other streams that are resumed [http.streams]', async () => {
    await using scene = await Scene.open();
    const call = exportTool(scene);
    scene.begin(call);
    scene.get();
    for (let i = 0; i < 10; i += 1) expect(scene.get('p2.0').stream).toBe(call.stream);
    expect(scene.session.isConnected).toBe(true);
  });
});
