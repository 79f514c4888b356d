// GET: the standalone stream of a session, who has it, and how a lost stream is taken up again.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { expectNoBackendLeft, startEndpoint, type TestEndpoint } from '../helpers/endpoint.js';
import {
  call,
  makeClient,
  notification,
  type RawClient,
  type Reply,
  type RpcReply,
  rpc,
  type StreamEvent,
  textOf,
} from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

const BIG = { server: 'big-answers.mjs' };
/** Its `ask-and-wait` is in flight until the client answers what it asks, on the stream of that call. */
const ASKS = { server: 'asks-client.mjs' };
const PRIMING = { retry: 2000, data: '' };
const MIB = 1024 * 1024;

/** The next event of a stream; `events` can be read on afterwards. */
async function next(events: AsyncGenerator<StreamEvent, void, undefined>): Promise<StreamEvent> {
  const { value, done } = await events.next();
  if (done || !value) throw new Error('The stream has ended');
  return value;
}

async function rest(events: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const all: StreamEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function messageIn({ data }: StreamEvent): RpcReply & { method?: string; params?: { data?: string } } {
  return JSON.parse(data || '{}');
}

/** Lets the server tell something that belongs to no stream of a POST. */
async function tell(client: RawClient, text: string): Promise<void> {
  const reply = await client.post(call(`tell ${text}`, 'log', { level: 'info', text }), {
    Accept: 'application/json',
  });
  expect(textOf(await reply.json())).toBe('logged');
}

/** Reads on until the server asks. */
async function untilAsked(events: AsyncGenerator<StreamEvent, void, undefined>): Promise<StreamEvent> {
  for (;;) {
    const event = await next(events);
    if (messageIn(event).method === 'roots/list') return event;
  }
}

/** Answers what the server has asked as the `n`-th, so that its call ends. */
async function reply(client: RawClient, n: number): Promise<void> {
  expect((await client.post({ jsonrpc: '2.0', id: n, result: { n } })).status).toBe(202);
}

async function untilAnswered(endpoint: TestEndpoint): Promise<void> {
  await vi.waitFor(() => expect(endpoint.session().jobs.running).toBe(0), { timeout: 5_000, interval: 1 });
}

function resume(client: RawClient, id: string | undefined): Promise<Reply> {
  return client.get({ 'Last-Event-ID': id });
}

describe('the standalone stream', () => {
  test('carries what belongs to no request [http.streams]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const reply = await client.get();
    expect(reply).toMatchObject({ status: 200, type: 'text/event-stream' });
    expect(reply.headers).toMatchObject({ 'mcp-session-id': client.session, 'x-accel-buffering': 'no' });
    const events = reply.events();
    expect(await next(events)).toEqual({ id: 'g.0', ...PRIMING });
    await tell(client, 'one');
    await tell(client, 'two');
    const [one, two] = [await next(events), await next(events)];
    expect([one.id, two.id]).toEqual(['g.1', 'g.2']);
    expect([messageIn(one), messageIn(two)].map(({ params }) => params?.data)).toEqual(['one', 'two']);
  });

  test('begins with its headers and no event for older clients [http.streams]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize('2025-06-18');
    const events = (await client.get()).events();
    await tell(client, 'one');
    expect(await next(events)).toMatchObject({ id: 'g.1', data: expect.stringContaining('one') });
  });

  test('has once what was told while nobody had it [http.streams]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    await tell(client, 'missed');
    const first = await client.get();
    const events = first.events();
    expect([(await next(events)).id, (await next(events)).id]).toEqual(['g.0', 'g.1']);
    await tell(client, 'live');
    expect((await next(events)).id).toBe('g.2');
    first.drop();
    await vi.waitFor(() => expect(endpoint.session().isConnected).toBe(false), { interval: 1 });
    await tell(client, 'missed again');
    const again = (await client.get()).events();
    expect([(await next(again)).id, (await next(again)).id]).toEqual(['g.2', 'g.3']);
  });

  test('ends with the session [http.streams]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const stream = await client.get();
    await client.del();
    expect(await rest(stream.events())).toEqual([{ id: 'g.0', ...PRIMING }]);
  });

  test('is that of its own session only [http.streams] [session.dedicated]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    using other = makeClient(endpoint.url);
    await Promise.all([client.initialize(), other.initialize()]);
    const [mine, others] = [(await client.get()).events(), (await other.get()).events()];
    await tell(client, 'mine');
    await tell(other, 'theirs');
    expect([await next(mine), await next(mine)][1]?.data).toContain('mine');
    expect([await next(others), await next(others)][1]?.data).toContain('theirs');
  });
});

describe('a second client of the standalone stream', () => {
  test('takes it over, and the older connection ends [http.streams]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const older = await client.get();
    const newer = await client.get();
    expect(newer.status).toBe(200);
    expect(await rest(older.events())).toEqual([{ id: 'g.0', ...PRIMING }]);
    await tell(client, 'news');
    const events = newer.events();
    expect([(await next(events)).id, (await next(events)).id]).toEqual(['g.0', 'g.1']);
  });

  test('is refused with 409 after three takeovers, and the incumbent stays [http.streams]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const taken: Reply[] = [];
    for (let i = 0; i < 4; i += 1) taken.push(await client.get());
    expect(taken.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    for (const lastEventId of [undefined, 'g.0', undefined]) {
      const refused = await resume(client, lastEventId);
      expect(refused.status).toBe(409);
      expect((await refused.json()).error).toEqual({
        code: -32000,
        message:
          'Two clients of this session take its stream from each other. Close the other stream of this session first.',
      });
    }
    await tell(client, 'still here');
    const events = taken[3]?.events();
    const heard = events && [await next(events), await next(events)];
    expect(heard?.[1]?.data).toContain('still here');
  });

  test('is no takeover when the first one has left [http.streams]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    for (let i = 0; i < 6; i += 1) {
      const reply = await client.get();
      expect(reply.status).toBe(200);
      reply.drop();
      await vi.waitFor(() => expect(endpoint.session().isConnected).toBe(false), { interval: 1 });
    }
  });
});

describe('the stream of a POST that was lost', () => {
  test('is replayed once and in order, and then it is over [http.resume]', async () => {
    await using endpoint = await startEndpoint(BIG);
    using client = makeClient(endpoint.url);
    await client.initialize();
    const lost = await client.post(call(1, 'flood', { count: 6, bytes: 10 }));
    const events = lost.events();
    expect([(await next(events)).id, (await next(events)).id]).toEqual(['p2.0', 'p2.1']);
    lost.drop();
    await untilAnswered(endpoint);
    const [priming, ...replayed] = await rest((await resume(client, 'p2.1')).events());
    expect(priming).toEqual({ id: 'p2.1', ...PRIMING });
    expect(replayed.map(({ id }) => id)).toEqual(['p2.2', 'p2.3', 'p2.4', 'p2.5', 'p2.6', 'p2.7']);
    expect(replayed.slice(0, 5).map((event) => messageIn(event).method)).toEqual(
      Array(5).fill('notifications/message'),
    );
    expect(textOf(messageIn(replayed[5] ?? {}))).toBe('flooded 6');
    expect((await resume(client, 'p2.7')).status).toBe(405);
  });

  test('goes on where it was left, live, and ends with the answer [http.resume]', async () => {
    await using endpoint = await startEndpoint(ASKS);
    using client = makeClient(endpoint.url);
    await client.initialize();
    const lost = await client.post(call(1, 'ask-and-wait'));
    expect((await untilAsked(lost.events())).id).toBe('p2.1');
    lost.drop();
    await vi.waitFor(() => expect(endpoint.session().isConnected).toBe(false), { interval: 1 });
    const resumed = (await resume(client, 'p2.1')).events();
    expect(await next(resumed)).toEqual({ id: 'p2.1', ...PRIMING });
    expect(endpoint.session()).toMatchObject({ isConnected: true, jobs: { running: 1 } });
    await reply(client, 0);
    const [answer, ...more] = await rest(resumed);
    expect([answer?.id, more]).toEqual(['p2.2', []]);
    expect(textOf(messageIn(answer ?? {}))).toBe('the reply was {"jsonrpc":"2.0","id":0,"result":{"n":0}}');
    expect((await resume(client, 'p2.2')).status).toBe(405);
  });

  test('before its first message has all from there, what was missed and what is to come [http.resume]', async () => {
    await using endpoint = await startEndpoint(ASKS);
    using client = makeClient(endpoint.url);
    await client.initialize();
    (await client.post(call(1, 'ask-and-wait'), { Accept: 'text/event-stream' })).drop();
    await endpoint.said('asked roots/list as id 0');
    const resumed = (await resume(client, 'p2.0')).events();
    expect((await untilAsked(resumed)).id).toBe('p2.1');
    await reply(client, 0);
    expect((await rest(resumed)).map(({ id }) => id)).toEqual(['p2.2']);
  });

  test('again and again has every message exactly once [http.resume]', async () => {
    await using endpoint = await startEndpoint(BIG);
    using client = makeClient(endpoint.url);
    await client.initialize();
    const heard: (string | undefined)[] = [];
    let reply = await client.post(call(1, 'flood', { count: 8, bytes: 10 }));
    for (let last = 'p2.0'; ; ) {
      const events = reply.events();
      await next(events);
      const event = await next(events);
      heard.push(event.id);
      last = event.id ?? last;
      reply.drop();
      if ('result' in messageIn(event)) break;
      await untilAnswered(endpoint);
      reply = await resume(client, last);
    }
    expect(heard).toEqual(Array.from({ length: 9 }, (_, i) => `p2.${i + 1}`));
  });

  test('has no priming event for older clients [http.resume]', async () => {
    await using endpoint = await startEndpoint(BIG);
    using client = makeClient(endpoint.url);
    await client.initialize('2025-06-18');
    const lost = await client.post(call(1, 'flood', { count: 2, bytes: 10 }));
    expect((await next(lost.events())).id).toBe('p2.1');
    lost.drop();
    await untilAnswered(endpoint);
    const replayed = await rest((await resume(client, 'p2.1')).events());
    expect(replayed.map(({ id }) => id)).toEqual(['p2.2', 'p2.3']);
  });

  test('is taken over from an older connection, which ends, and every other stream stays [http.streams]', async () => {
    await using endpoint = await startEndpoint(ASKS);
    using client = makeClient(endpoint.url);
    await client.initialize();
    const older = (await client.post(call(1, 'ask-and-wait'))).events();
    await untilAsked(older);
    const standalone = (await client.get()).events();
    const other = await client.post(call(2, 'ask-and-wait'));
    await untilAsked(standalone);
    const newer = (await resume(client, 'p2.0')).events();
    expect(await rest(older)).toEqual([]);
    expect((await untilAsked(newer)).id).toBe('p2.1');
    await reply(client, 0);
    await reply(client, 1);
    expect((await rest(newer)).map(({ id }) => id)).toEqual(['p2.2']);
    expect(textOf(await other.answer())).toContain('"id":1');
    await tell(client, 'still here');
    expect((await next(standalone)).data).toContain('still here');
  });

  test('is not cancelled by that [http.resume]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    (await client.post(call(1, 'wait', { ms: 50 }))).drop();
    await untilAnswered(endpoint);
    expect(textOf(await client.ask(call(2, 'cancelled')))).toBe('0');
    expect(textOf(await (await resume(client, 'p2.0')).answer())).toBe('waited nameless');
  });
});

describe('a stream that cannot be resumed', () => {
  const ENDED = {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32000, message: 'This stream has ended. There is nothing left to resume.' },
  };

  test('is 405: finished, never begun, or never there [http.resume]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const events = await rest((await client.post(rpc(1, 'ping'), { Accept: 'text/event-stream' })).events());
    expect((await client.post(rpc(2, 'ping'))).type).toBe('application/json');
    const beyond = ['p3.0', 'p4.0', 'p99.0', 'p99.7', 'p999999999999999.999999999999999'];
    for (const id of [events.at(-1)?.id, ...beyond]) {
      const reply = await resume(client, id);
      expect(reply.status).toBe(405);
      expect(await reply.json()).toEqual(ENDED);
    }
    expect(await client.ask(rpc(3, 'ping'))).toMatchObject({ result: {} });
  });

  test("is 405 where it is another session's [http.resume] [session.dedicated]", async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    using other = makeClient(endpoint.url);
    await Promise.all([client.initialize(), other.initialize()]);
    for (const id of [2, 3, 4]) await client.ask(rpc(id, 'ping'), { Accept: 'text/event-stream' });
    expect((await resume(other, 'p4.0')).status).toBe(405);
    expect((await resume(client, 'p4.0')).status).toBe(200);
  });

  test('is 405 where its call was cancelled [http.resume]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const lost = await client.post(call(1, 'wait', { ms: 60_000 }));
    await endpoint.said('waiting nameless');
    lost.drop();
    await client.post(notification('notifications/cancelled', { requestId: 1 }));
    expect((await resume(client, 'p2.0')).status).toBe(405);
  });
});

describe('the standalone stream that was lost', () => {
  test('is replayed from where its client left it [http.resume]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const lost = await client.get();
    for (const text of ['one', 'two', 'three']) await tell(client, text);
    lost.drop();
    await vi.waitFor(() => expect(endpoint.session().isConnected).toBe(false), { interval: 1 });
    await tell(client, 'four');
    const events = (await resume(client, 'g.1')).events();
    const heard = [await next(events), await next(events), await next(events), await next(events)];
    expect(heard.map(({ id }) => id)).toEqual(['g.1', 'g.2', 'g.3', 'g.4']);
    await tell(client, 'five');
    expect(await next(events)).toMatchObject({ id: 'g.5', data: expect.stringContaining('five') });
  });

  test('is a fresh one where the id is none of ours [http.resume]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    for (const id of [
      '',
      'x',
      'g',
      'g.-1',
      'g.1.1',
      'p.1',
      'q1.1',
      '0',
      '__proto__.0',
      `p${'9'.repeat(16)}.0`,
    ]) {
      const reply = await resume(client, id);
      expect(reply.status).toBe(200);
      expect(await next(reply.events())).toEqual({ id: 'g.0', ...PRIMING });
      reply.drop();
      await vi.waitFor(() => expect(endpoint.session().isConnected).toBe(false), { interval: 1 });
    }
  });
});

describe('a client that does not read', () => {
  test('is cut off at a bound, others go on, and it has its answer when it comes back [http.resume]', async () => {
    await using endpoint = await startEndpoint(BIG);
    using client = makeClient(endpoint.url);
    using other = makeClient(endpoint.url);
    await Promise.all([client.initialize(), other.initialize()]);
    // 80 MiB: more than the kernel and the bridge take for one that does not read.
    const unread = await client.post(call(1, 'flood', { count: 320, bytes: MIB / 4 }));
    const session = [...endpoint.registry.sessions()].find(({ id }) => id === client.session);
    for (let i = 0; session?.isConnected; i += 1) {
      expect(await other.ask(rpc(i, 'ping'))).toMatchObject({ id: i, result: {} });
    }
    await vi.waitFor(() => expect(session?.jobs.running).toBe(0), { timeout: 5_000, interval: 5 });
    let last = 'p2.0';
    const readOn = async () => {
      for await (const { id = last } of unread.events()) last = id;
    };
    await expect(readOn()).rejects.toThrow('aborted');
    expect(textOf(await (await resume(client, last)).answer())).toBe('flooded 320');
  });
});
