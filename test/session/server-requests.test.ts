// What a server asks its client: under ids that no other life of the session has used, and back to who asked.
import { describe, expect, test } from 'vitest';
import { type FakeChild, mcpServer } from '../helpers/fake-child.js';
import { type FakeConnection, type Got, Scene, settle } from '../helpers/session.js';

/** The server asks; the client has the request when this returns. */
async function ask(child: FakeChild, connection: FakeConnection, text: string): Promise<Got> {
  const count = connection.got.length;
  child.reply(text);
  await settle();
  expect(connection.got).toHaveLength(count + 1);
  return connection.got[count] ?? expect.unreachable();
}

const roots = (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"roots/list"}`;
const answer = (id: unknown) => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"roots":[]}}`;

describe('the id of a request of a server', () => {
  test.each(['0', '7', '"seven"', '9007199254740993', '-1', '1.50', '"\\u00e9"', '""'])(
    'is another one for the client, and %s again for the server that asked [call.server-requests]',
    async (ownId) => {
      await using scene = await Scene.open();
      const { connection } = scene.get();
      const asked = await ask(scene.children.last, connection, roots(ownId));
      expect(asked.text).toBe(roots(JSON.stringify(asked.id)));
      scene.send(answer(asked.id));
      await settle();
      expect(scene.children.last.lines.at(-1)).toBe(`{"jsonrpc":"2.0","id":${ownId},"result":{"roots":[]}}`);
    },
  );

  test('is never used twice, over all lives of the session [call.server-requests]', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    for (let life = 0; life < 3; life += 1) {
      const child = scene.children.last;
      // Every process counts from 0 again.
      for (const id of ['0', '1', '"0"']) child.reply(roots(id));
      await settle();
      child.end(1);
      await scene.pass(10_500);
    }
    const ids = connection.got.filter(({ method }) => method === 'roots/list').map(({ id }) => id);
    expect(ids).toHaveLength(9);
    expect(new Set(ids).size).toBe(9);
  });

  test('passes with everything else as it was written, both ways [http.passthrough]', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    const { id, text } = await ask(
      scene.children.last,
      connection,
      '{ "id" : "x", "params":{"big":12345678901234567890,"id":"x"}, "jsonrpc":"2.0","method":"sampling/createMessage" }',
    );
    expect(text).toBe(
      `{ "id" : ${id}, "params":{"big":12345678901234567890,"id":"x"}, "jsonrpc":"2.0","method":"sampling/createMessage" }`,
    );
    scene.send(`{"jsonrpc":"2.0", "error":{"code":-1,"message":"no","data":1.0}, "id":${id} }`);
    await settle();
    expect(scene.children.last.lines.at(-1)).toBe(
      '{"jsonrpc":"2.0", "error":{"code":-1,"message":"no","data":1.0}, "id":"x" }',
    );
  });
});

describe('progress on a request of a server', () => {
  const sampling = (token: string) =>
    `{"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{"_meta":{"progressToken":${token}}}}`;

  test.each(['0', '"token"', '9007199254740993'])(
    'is asked for under a token of the session, and comes under %s [call.server-requests]',
    async (token) => {
      await using scene = await Scene.open();
      const { connection } = scene.get();
      const asked = await ask(scene.children.last, connection, sampling(token));
      const own = JSON.stringify(asked.id);
      expect(asked.text).toBe(sampling(own).replace('"id":5', `"id":${own}`));
      scene.tell('notifications/progress', { progressToken: asked.id, progress: 1 });
      await settle();
      const told = await scene.children.last.received('notifications/progress');
      expect(told.text).toContain(`"params":{"progressToken":${token},"progress":1}`);
    },
  );

  test('goes to the server that asked, and to no other one [call.server-requests]', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    const asked = await ask(scene.children.last, connection, sampling('1'));
    scene.children.last.end(1);
    await scene.children.nth(1);
    await settle();
    scene.tell('notifications/progress', { progressToken: asked.id, progress: 1 });
    scene.tell('notifications/progress', { progressToken: 'nobody', progress: 1 });
    await settle();
    expect(scene.children.last.methods).not.toContain('notifications/progress');
    expect(scene.said('message.dropped')).toHaveLength(2);
  });

  test('is dropped where none was asked for', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    const asked = await ask(scene.children.last, connection, roots('1'));
    scene.tell('notifications/progress', { progressToken: asked.id, progress: 1 });
    await settle();
    expect(scene.children.last.methods).not.toContain('notifications/progress');
  });
});

describe('a request of a server that was lost', () => {
  test('is cancelled towards the client, and a late answer reaches nobody [call.server-requests]', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    const asked = await ask(scene.children.last, connection, roots('0'));
    scene.children.last.end(1);
    const next = await scene.children.nth(1);
    await settle();
    expect(connection.got.slice(1)).toEqual([
      expect.objectContaining({
        method: 'notifications/cancelled',
        params: { requestId: asked.id, reason: 'The server that asked has ended.' },
      }),
    ]);
    next.reply(roots('0'));
    await settle();
    scene.send(answer(asked.id));
    await settle();
    expect(next.methods).not.toContain('response');
    expect(scene.said('message.dropped')).toHaveLength(1);
  });

  test('is cancelled on the stream that carried it, before the call there gets its error [call.server-requests]', async () => {
    await using scene = await Scene.open();
    const call = scene.call('tools/call', { name: 'export' });
    await settle();
    scene.children.last.reply(roots('0'));
    await settle();
    scene.children.last.end(1);
    await settle();
    const kinds = call.connection.got.map(({ method, error }) => method ?? (error && 'error'));
    expect(kinds).toEqual(['roots/list', 'notifications/cancelled', 'error']);
  });

  test('is cancelled on the GET stream when the stream that carried it has finished [call.server-requests]', async () => {
    await using scene = await Scene.open();
    const call = scene.call('tools/call', { name: 'export' });
    await settle();
    scene.children.last.reply(roots('0'));
    await settle();
    scene.children.last.answer(call);
    await settle();
    const { connection } = scene.get();
    scene.children.last.end(1);
    await settle();
    expect(connection.only).toMatchObject({ method: 'notifications/cancelled', params: { requestId: 0 } });
  });

  test('is not cancelled when it was answered before', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    const asked = await ask(scene.children.last, connection, roots('0'));
    scene.send(answer(asked.id));
    await settle();
    scene.children.last.end(1);
    await settle();
    expect(connection.got).toHaveLength(1);
  });

  test('is cancelled when the session goes to sleep, too', async () => {
    await using scene = await Scene.open({ options: { idleTimeout: 1_000 } });
    scene.children.last.reply(roots('0'));
    await settle();
    await scene.pass(1_000);
    scene.session.sweep(performance.now());
    expect(scene.session.state).toBe('dormant');
    await scene.pass(100);
    const methods = scene.get().connection.got.map(({ method }) => method);
    expect(methods).toEqual(['roots/list', 'notifications/cancelled']);
  });
});

describe('a request that its server takes back', () => {
  const withdraw = (id: string) =>
    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"enough"}}`;

  test('is taken back under the id that the client knows, and a late answer is dropped [call.server-requests]', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    await ask(scene.children.last, connection, roots('"a"'));
    const asked = await ask(scene.children.last, connection, roots('"b"'));
    scene.children.last.reply(withdraw('"b"'));
    await settle();
    expect(connection.texts.at(-1)).toBe(withdraw(JSON.stringify(asked.id)));
    scene.send(answer(asked.id));
    await settle();
    expect(scene.children.last.methods).not.toContain('response');
    expect(scene.said('message.dropped')).toHaveLength(1);
  });

  test('is one that was asked: the client hears of no other [call.server-requests]', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    await ask(scene.children.last, connection, roots('1'));
    for (const id of ['"1"', '2']) scene.children.last.reply(withdraw(id));
    await settle();
    expect(connection.got).toHaveLength(1);
    expect(scene.said('message.dropped')).toHaveLength(2);
  });
});

describe('an answer of the client', () => {
  test('that nobody waits for is dropped', async () => {
    await using scene = await Scene.open();
    for (const id of ['"x"', '99']) scene.send(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    scene.send('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}');
    await settle();
    expect(scene.children.last.methods).toEqual(['initialize', 'notifications/initialized']);
    expect(scene.said('message.dropped')).toHaveLength(3);
  });

  test('given twice reaches the server once', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    const asked = await ask(scene.children.last, connection, roots('0'));
    for (let i = 0; i < 2; i += 1) scene.send(answer(asked.id));
    await settle();
    expect(scene.children.last.methods.filter((method) => method === 'response')).toHaveLength(1);
  });

  test('reaches a server while calls wait for the next one to be ready', async () => {
    await using scene = await Scene.open();
    const { connection } = scene.get();
    scene.children.last.end(1);
    const next = await scene.children.nth(1);
    mcpServer({ initialize: () => undefined })(next);
    const asked = await ask(next, connection, roots('0'));
    scene.send(answer(asked.id));
    await settle();
    expect(scene.session.state).toBe('holding');
    expect(next.methods).toContain('response');
  });
});
