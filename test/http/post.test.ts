// How a POST is answered: at once with one body, later with a stream, and never with silence.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { expectNoBackendLeft, startEndpoint, type TestEndpoint } from '../helpers/endpoint.js';
import {
  call,
  initializeMessage,
  makeClient,
  NEWEST,
  notification,
  type RawClient,
  type Reply,
  type RpcReply,
  rpc,
  type StreamEvent,
  textOf,
} from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

const JSON_ONLY = { Accept: 'application/json' };
const EVENTS_ONLY = { Accept: 'text/event-stream' };

async function all(reply: Reply): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of reply.events()) events.push(event);
  return events;
}

function messageIn(event: StreamEvent | undefined): RpcReply {
  return JSON.parse(event?.data ?? 'null') as RpcReply;
}

/** Ends the backend that serves, and waits until calls are held. */
async function loseBackend(endpoint: TestEndpoint): Promise<void> {
  process.kill(endpoint.pids().at(-1) ?? 0, 'SIGKILL');
  await vi.waitFor(() => expect(endpoint.session().state).toBe('holding'), { interval: 1 });
}

describe('an answer that is there in a moment', () => {
  test('is one JSON body with the session in its header, a result or an error [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const reply = await client.post(rpc('a', 'ping'));
    const body = await reply.text();
    expect(body).toBe('{"jsonrpc":"2.0","id":"a","result":{}}');
    expect(reply).toMatchObject({ status: 200, type: 'application/json' });
    expect(reply.headers).toMatchObject({
      'content-length': String(body.length),
      'mcp-session-id': client.session,
    });
    const failed = await client.post(rpc('b', 'no/such'));
    expect(failed).toMatchObject({ status: 200, type: 'application/json' });
    expect(await failed.json()).toMatchObject({ id: 'b', error: { code: -32601 } });
  });

  test('is a stream for a client that takes nothing else [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const reply = await client.post(rpc('a', 'ping'), EVENTS_ONLY);
    expect(reply).toMatchObject({ status: 200, type: 'text/event-stream' });
    expect(await all(reply)).toEqual([
      { id: 'p2.0', retry: 2000, data: '' },
      { id: 'p2.1', data: '{"jsonrpc":"2.0","id":"a","result":{}}' },
    ]);
  });

  test('is a stream if the server says something before it [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const [priming, told, answer, ...more] = await all(
      await client.post(call(1, 'log', { level: 'info', text: 'hello' })),
    );
    expect(priming).toEqual({ id: 'p2.0', retry: 2000, data: '' });
    expect([told?.id, answer?.id, more]).toEqual(['p2.1', 'p2.2', []]);
    expect(messageIn(told)).toMatchObject({ method: 'notifications/message', params: { data: 'hello' } });
    expect(textOf(messageIn(answer))).toBe('logged');
  });
});

describe('an answer that takes longer', () => {
  const SLOW = call(1, 'wait', { ms: 60 });

  test('is a stream that can be resumed before its first message [http.never-absent] [http.resume]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const reply = await client.post(SLOW);
    expect(reply).toMatchObject({ status: 200, type: 'text/event-stream' });
    expect(reply.headers).toMatchObject({
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'mcp-session-id': client.session,
    });
    const [priming, answer, ...more] = await all(reply);
    expect(priming).toEqual({ id: 'p2.0', retry: 2000, data: '' });
    expect([answer?.id, more]).toEqual(['p2.1', []]);
    expect(textOf(messageIn(answer))).toBe('waited nameless');
  });

  test('begins with no event for older clients, which fail on one without data [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    const answeredIn = async (revision: string) => {
      using client = makeClient(endpoint.url);
      expect((await client.initialize(revision)).result?.protocolVersion).toBe(revision);
      const reply = await client.post(SLOW);
      expect(reply.type).toBe('text/event-stream');
      expect(await all(reply)).toEqual([{ id: 'p2.1', data: expect.stringContaining('waited nameless') }]);
    };
    await Promise.all(['2024-11-05', '2025-03-26', '2025-06-18'].map(answeredIn));
  });

  test('has its headers while the server works on it [http.never-absent]', async () => {
    await using endpoint = await startEndpoint({ server: 'asks-client.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize();
    const asked = (await client.get()).events();
    const waited = 'the reply was {"jsonrpc":"2.0","id":';
    for (const [i, Accept] of ['application/json', '*/*', undefined].entries()) {
      const reply = await client.post(call(i, 'ask-and-wait'), { Accept });
      expect(reply).toMatchObject({ status: 200, type: 'application/json' });
      expect(reply.headers).toMatchObject({ 'mcp-session-id': client.session });
      expect(reply.headers['content-length']).toBeUndefined();
      for (let asking = ''; !asking.includes('roots/list'); ) asking = (await asked.next()).value?.data ?? '';
      await client.post({ jsonrpc: '2.0', id: i, result: { roots: [] } });
      expect(textOf(await reply.json())).toContain(`${waited}${i}`);
    }
    for (const [i, Accept] of ['text/event-stream', 'application/json, text/event-stream'].entries()) {
      const reply = await client.post(call(i, 'ask-and-wait'), { Accept });
      expect(reply).toMatchObject({ status: 200, type: 'text/event-stream' });
      const events = reply.events();
      for (let asking = ''; !asking.includes('roots/list'); )
        asking = (await events.next()).value?.data ?? '';
      await client.post({ jsonrpc: '2.0', id: i + 3, result: { roots: [] } });
      expect(textOf(messageIn((await events.next()).value ?? undefined))).toContain(`${waited}${i + 3}`);
    }
  });

  test('is none where the call was cancelled: the stream ends without one [call.cancel]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const reply = await client.post(call(1, 'wait', { ms: 60_000 }));
    await endpoint.said('waiting nameless');
    await client.post(notification('notifications/cancelled', { requestId: 1 }));
    expect(await all(reply)).toEqual([{ id: 'p2.0', retry: 2000, data: '' }]);
    await endpoint.said('cancelled nameless');
  });
});

describe('while no backend serves', () => {
  test('an initialize has its headers while the server starts [http.never-absent]', async () => {
    await using endpoint = await startEndpoint({ server: 'slow-start.mjs', args: ['300'] });
    using client = makeClient(endpoint.url);
    const replies = await Promise.all(
      [{}, EVENTS_ONLY, JSON_ONLY].map((accept) => client.post(initializeMessage(NEWEST), accept)),
    );
    const sessions = [...endpoint.registry.sessions()];
    expect(sessions.map(({ state }) => state)).toEqual(['initializing', 'initializing', 'initializing']);
    expect(replies.map(({ status, type }) => [status, type])).toEqual([
      [200, 'text/event-stream'],
      [200, 'text/event-stream'],
      [200, 'application/json'],
    ]);
    const ids = replies.map(({ headers }) => headers['mcp-session-id']);
    expect(new Set(ids)).toEqual(new Set(sessions.map(({ id }) => id)));
    for (const reply of replies) expect((await reply.answer()).result?.protocolVersion).toBe(NEWEST);
  });

  test('the stream of an initialize is primed as its revision asks for [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const newer = await all(await client.post(initializeMessage(NEWEST), EVENTS_ONLY));
    const older = await all(await client.post(initializeMessage('2025-06-18'), EVENTS_ONLY));
    expect(newer.map(({ id, retry }) => ({ id, retry }))).toEqual([
      { id: 'p1.0', retry: 2000 },
      { id: 'p1.1', retry: undefined },
    ]);
    expect(older.map(({ id, retry }) => ({ id, retry }))).toEqual([{ id: 'p1.1', retry: undefined }]);
  });

  test('a call has its headers at once, and its answer when the next one serves [http.never-absent]', async () => {
    await using endpoint = await startEndpoint({ server: 'slow-start.mjs', args: ['200'] });
    using client = makeClient(endpoint.url);
    await client.initialize();
    await loseBackend(endpoint);
    const replies = await Promise.all([
      client.post(call(1, 'pid')),
      client.post(call(2, 'pid'), JSON_ONLY),
      client.post(call(3, 'pid'), EVENTS_ONLY),
      client.post(notification('notifications/roots/list_changed')),
      client.post({ jsonrpc: '2.0', id: 7, result: {} }),
    ]);
    expect(endpoint.session().state).toBe('holding');
    expect(replies.map(({ status, type }) => [status, type])).toEqual([
      [200, 'text/event-stream'],
      [200, 'application/json'],
      [200, 'text/event-stream'],
      [202, undefined],
      [202, undefined],
    ]);
    const texts = await Promise.all(replies.slice(0, 3).map(async (reply) => textOf(await reply.answer())));
    const [, next] = endpoint.pids();
    expect(texts).toEqual([String(next), String(next), String(next)]);
  });

  test('for good, an initialize is answered with an error and not with a status [http.never-absent]', async () => {
    await using endpoint = await startEndpoint({ server: 'broken-start.mjs' });
    using client = makeClient(endpoint.url);
    const reply = await client.post(initializeMessage(NEWEST));
    expect(reply.status).toBe(200);
    const { id, error } = await reply.answer();
    expect(id).toBe('init');
    expect(error?.code).toBe(-32603);
    expect(error?.message).toMatch(/^Not run: the server does not start \(exit 7\)\./);
    expect(error?.message).toContain('error: cannot find database');
  });

  test('because it refused, an initialize is answered with what it said [http.never-absent]', async () => {
    await using endpoint = await startEndpoint({ server: 'refuses-initialize.mjs' });
    using client = makeClient(endpoint.url);
    const reply = await client.post(initializeMessage(NEWEST));
    expect(reply.status).toBe(200);
    expect(await reply.answer()).toMatchObject({ error: { code: -32000, message: 'no licence' } });
  });

  test('an answer comes for what was in flight when it was lost [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const reply = await client.post(call(1, 'wait', { ms: 60_000 }));
    await endpoint.said('waiting nameless');
    await loseBackend(endpoint);
    const { id, error } = await reply.answer();
    expect(id).toBe(1);
    expect(error).toMatchObject({ code: -32603, message: expect.stringMatching(/^May have run: .*SIGKILL/) });
  });
});

describe('what needs no answer', () => {
  const ONE_WAY = [
    notification('notifications/roots/list_changed'),
    notification('x/y', { a: [] }),
    notification('notifications/cancelled', { requestId: 99 }),
    { jsonrpc: '2.0', id: 99, result: {} },
    { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'Invalid' } },
  ];

  test('is taken with 202 and an empty body, whatever the client accepts', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url, { keepAlive: true });
    await client.initialize();
    for (const message of ONE_WAY) {
      for (const accept of [{}, JSON_ONLY, EVENTS_ONLY, { Accept: undefined }]) {
        const reply = await client.post(message, accept);
        expect([reply.status, await reply.text(), reply.type]).toEqual([202, '', undefined]);
        expect(reply.headers['content-length']).toBe('0');
      }
    }
    expect(await client.ask(rpc(1, 'ping'))).toMatchObject({ result: {} });
  });

  test('a response reaches the server that asked, on the stream of the call that it asked for', async () => {
    await using endpoint = await startEndpoint({ server: 'asks-client.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize();
    const events = (await client.post(call(1, 'ask-roots'))).events();
    await events.next();
    const { value: asked } = await events.next();
    expect(messageIn(asked ?? undefined)).toMatchObject({ id: 0, method: 'roots/list' });
    expect((await client.post({ jsonrpc: '2.0', id: 0, result: { roots: [] } })).status).toBe(202);
    const { value: answer } = await events.next();
    expect(textOf(messageIn(answer ?? undefined))).toBe('{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}');
    expect((await events.next()).done).toBe(true);
  });
});

describe('requests of one session', () => {
  test('are answered as they are ready, each on its own response [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const slow = await client.post(call(1, 'wait', { ms: 60_000, name: 'slow' }));
    const quick = await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.ask(call(i + 2, 'echo', { text: `${i}` }))),
    );
    expect(quick.map(textOf)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    slow.drop();
  });

  test('with an id that is in use are refused, and the first one is still answered [http.never-absent] [call.words]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const first = await client.post(call(1, 'wait', { ms: 60 }));
    const second = await client.ask(call(1, 'echo', { text: 'x' }));
    expect(second).toMatchObject({
      id: 1,
      error: {
        code: -32603,
        message:
          'Not run: the request id 1 is in use, and its request has not been answered yet. Call again under another id.',
      },
    });
    expect(textOf(await first.answer())).toBe('waited nameless');
  });
});

describe('a batch', () => {
  let endpoint: TestEndpoint;
  let client: RawClient;
  beforeAll(async () => {
    endpoint = await startEndpoint({ server: 'batch-2025-03-26.mjs', shared: true });
    client = makeClient(endpoint.url);
    await client.initialize('2025-03-26');
  });
  afterAll(async () => {
    client[Symbol.dispose]();
    await endpoint.close();
    expectNoBackendLeft();
  });

  const MIXED = [
    call(1, 'wait', { ms: 60, name: 'slow' }),
    notification('notifications/roots/list_changed'),
    { jsonrpc: '2.0', id: 77, result: {} },
    call('two', 'count'),
    rpc(3, 'no/such'),
  ];

  test('of 2025-03-26 is answered with one event for each request, as they are ready', async () => {
    const reply = await client.post(MIXED);
    expect(reply).toMatchObject({ status: 200, type: 'text/event-stream' });
    const events = await all(reply);
    const [stream] = events[0]?.id?.split('.') ?? [];
    expect(events.map(({ id }) => id)).toEqual([`${stream}.1`, `${stream}.2`, `${stream}.3`]);
    const ids = events.map((event) => messageIn(event).id);
    expect([new Set(ids.slice(0, 2)), ids[2]]).toEqual([new Set(['two', 3]), 1]);
  });

  test('is answered with one array where the client takes only JSON', async () => {
    const reply = await client.post(MIXED, JSON_ONLY);
    expect(reply).toMatchObject({ status: 200, type: 'application/json' });
    const answers = JSON.parse(await reply.text()) as RpcReply[];
    const ids = answers.map(({ id }) => id);
    expect([new Set(ids.slice(0, 2)), ids[2]]).toEqual([new Set(['two', 3]), 1]);
    expect(answers.find(({ id }) => id === 3)?.error?.code).toBe(-32601);
  });

  test('of one request is answered with an array of one', async () => {
    const reply = await client.post([rpc(1, 'ping')], JSON_ONLY);
    expect(await reply.text()).toBe('[{"jsonrpc":"2.0","id":1,"result":{}}]');
  });

  test('without requests is taken with 202', async () => {
    const reply = await client.post([notification('notifications/x'), { jsonrpc: '2.0', id: 1, result: {} }]);
    expect([reply.status, await reply.text()]).toEqual([202, '']);
  });

  test('reaches the server as single lines, each as it was written [http.passthrough]', async () => {
    const lineOf = (id: number) =>
      `{"x":[1,{"a":"]"},18446744073709551615.0],"params":{"name":"raw-params"},"id":${id},"method":"tools/call","jsonrpc":"2.0"}`;
    const reply = await client.post(` [ ${lineOf(1)} ,\n\t${lineOf(2)}\r\n]`, JSON_ONLY);
    const answers = JSON.parse(await reply.text()) as RpcReply[];
    expect(answers.map(textOf)).toEqual([lineOf(1), lineOf(2)]);
  });

  test('with one id twice is answered for both, and the second one is an error', async () => {
    const reply = await client.post([rpc(1, 'ping'), rpc(1, 'ping')], JSON_ONLY);
    const answers = JSON.parse(await reply.text()) as RpcReply[];
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual([
      [1, -32603],
      [1, undefined],
    ]);
  });

  test('of which one is cancelled is answered with the rest', async () => {
    const reply = await client.post([call(1, 'wait', { ms: 60_000 }), rpc(2, 'ping')], JSON_ONLY);
    await endpoint.said('waiting nameless');
    await client.post(notification('notifications/cancelled', { requestId: 1 }));
    expect(await reply.text()).toBe('[{"jsonrpc":"2.0","id":2,"result":{}}]');
  });

  test('is refused in sessions of every other revision', async () => {
    await using echo = await startEndpoint();
    const refusedIn = async (revision: string) => {
      using client = makeClient(echo.url);
      await client.initialize(revision);
      for (const batch of [[call(1, 'count')], [notification('notifications/x')]]) {
        const reply = await client.post(batch);
        expect(reply.status).toBe(400);
        expect((await reply.json()).error).toEqual({
          code: -32600,
          message: `Revision ${revision} has no batches, and initialize is never in one. Send each message in a POST of its own.`,
        });
      }
      expect(textOf(await client.ask(call(2, 'count')))).toBe('1');
    };
    await Promise.all(['2024-11-05', '2025-06-18', '2025-11-25'].map(refusedIn));
  });

  test('with initialize in it is refused, and nothing of it has run', async () => {
    const before = Number(textOf(await client.ask(call('before', 'count'))));
    const reply = await client.post([call(1, 'count'), initializeMessage('2025-03-26')]);
    expect(reply.status).toBe(400);
    expect((await reply.json()).error?.code).toBe(-32600);
    expect(textOf(await client.ask(call('after', 'count')))).toBe(String(before + 1));
  });

  test('does not open a session', async () => {
    await using other = await startEndpoint();
    using newcomer = makeClient(other.url);
    expect((await newcomer.post([initializeMessage('2025-03-26')])).status).toBe(400);
    expect(other.told).toEqual([]);
  });
});
