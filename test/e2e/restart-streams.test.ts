// Streams over the end of the bridge, seen by a client without opinions: which events come again, and under which ids.
import { describe, expect, it } from 'vitest';
import { type BridgeProcess, fixture } from '../helpers/bridge.js';
import { end, makePlace } from '../helpers/place.js';
import {
  call,
  initializeMessage,
  JSON_ONLY,
  makeClient,
  nextMessage,
  type RawClient,
  type Reply,
  rpc,
  type StreamEvent,
} from '../helpers/raw-http.js';
import { until } from '../helpers/until.js';

const UPDATED = 'notifications/resources/updated';

describe('the standalone stream over two restarts', () => {
  it('replays what was missed, once, in order, and no two events have one id [http.resume]', async () => {
    const place = await makePlace();
    await using first = await place.start();
    using client = await subscribed(first);
    const seen: StreamEvent[] = [];
    const read = async ({ events }: Listening) => void seen.push(await nextMessage(events));

    const one = await listen(client);
    await touch(client);
    await read(one);
    await leave(first, one);
    await touch(client);
    await touch(client);
    await end(first, 'SIGKILL');

    await using second = await place.start();
    const two = await listen(client, seen.at(-1)?.id);
    await read(two);
    await read(two);
    await touch(client);
    await read(two);
    await leave(second, two);
    await touch(client);
    await end(second, 'SIGTERM');

    await using third = await place.start();
    const three = await listen(client, seen.at(-1)?.id);
    await read(three);
    await touch(client);
    await read(three);
    await leave(third, three);
    expect(seen.map(({ data }) => JSON.parse(data ?? '').method)).toEqual(Array(6).fill(UPDATED));
    expect(seen.map(({ id }) => id)).toEqual(['g.1', 'g.2', 'g.3', 'g.4', 'g.5', 'g.6']);

    // Who asks for all of it gets all of it, as it was.
    const { events } = await listen(client, 'g.0');
    for (const event of seen) expect(await nextMessage(events)).toEqual(event);
  });

  it('does not repeat what was sent to who asks for nothing, but tells what was not [http.resume]', async () => {
    const place = await makePlace();
    await using first = await place.start();
    using client = await subscribed(first);
    const one = await listen(client);
    await touch(client);
    expect(await nextMessage(one.events)).toMatchObject({ id: 'g.1' });
    await leave(first, one);
    await end(first, 'SIGKILL');

    await using second = await place.start();
    const two = await listen(client);
    expect(two.from).toBe('g.1');
    await touch(client);
    expect(await nextMessage(two.events)).toMatchObject({ id: 'g.2' });
    await leave(second, two);
    await touch(client);
    await end(second, 'SIGKILL');

    await using third = await place.start();
    const three = await listen(client);
    expect(three.from).toBe('g.2');
    expect(await nextMessage(three.events)).toMatchObject({ id: 'g.3' });
    await end(third, 'SIGKILL');

    // What was replayed was sent.
    await using _fourth = await place.start();
    expect((await listen(client)).from).toBe('g.3');
  });
});

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'the stream of a call after %s: read to its end it is 405; its unread end comes; cut short it ends with one error [http.resume call.once]',
  async (how) => {
    const place = await makePlace({ options: ['--drain-timeout', '0'] });
    await using first = await place.start();
    using client = makeClient(first.url);
    await client.initialize();
    const read = await begin(client, 1, 50);
    const [last] = (await rest(read.events)).slice(-1);
    const unread = await begin(client, 2, 100);
    unread.reply.drop();
    await until(async () => (await first.health()).jobs.running === 0, 'the answer that nobody reads');
    const unfinished = await begin(client, 3, 60_000);
    unfinished.reply.drop();
    await end(first, how);
    // One that nobody comes back to.
    await end(await place.start(), 'SIGKILL');

    await using _third = await place.start();
    const resume = (id: string | undefined) => client.get({ 'Last-Event-ID': id });
    expect((await resume(last?.id)).status).toBe(405);

    const answered = await rest((await resume(unread.started.id)).events());
    expect(answered.map(({ data }) => JSON.parse(data ?? ''))).toEqual([
      expect.objectContaining({ params: { progressToken: 2, progress: 100, total: 100 } }),
      expect.objectContaining({ id: 2, result: { content: [{ type: 'text', text: 'waited nameless' }] } }),
    ]);
    expect((await resume(answered.at(-1)?.id)).status).toBe(405);

    const failed = await rest((await resume(unfinished.started.id)).events());
    const cause = how === 'SIGKILL' ? 'the bridge ended' : 'the bridge was stopped';
    const message = expect.stringContaining(`May have run: ${cause} before the answer came.`);
    expect(failed.map(({ data }) => JSON.parse(data ?? ''))).toEqual([
      { jsonrpc: '2.0', id: 3, error: { code: -32603, message } },
    ]);
    expect((await resume(failed.at(-1)?.id)).status).toBe(405);
    // The call did not run again, and what comes now has streams of its own.
    const young = await Promise.all([4, 5, 6, 7].map((id) => begin(client, id, 50)));
    const ids = [read, unread, unfinished, ...young].map(({ started }) => started.id?.split('.')[0]);
    expect(new Set(ids).size).toBe(7);
    for (const { events } of young) expect((await rest(events)).at(-1)?.data).toContain('waited nameless');
  },
);

it('an initialize that was cut short by SIGKILL ends with one error [http.resume]', async () => {
  const place = await makePlace({ server: fixture('slow-start', '60000') });
  await using first = await place.start();
  using client = makeClient(first.url);
  const reply = await client.post(initializeMessage('2025-11-25'));
  client.session = reply.headers['mcp-session-id']?.toString();
  const priming = await reply.events().next();
  reply.drop();
  await end(first, 'SIGKILL');

  await using _second = await place.start();
  const resumed = await client.get({ 'Last-Event-ID': priming.value?.id });
  expect(resumed.status).toBe(200);
  expect((await resumed.answer()).error?.message).toContain('the bridge ended before the answer came');
});

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'what a server asked when the bridge ended is taken back before its call ends: %s [call.server-requests]',
  async (how) => {
    const options = ['--drain-timeout', '0'];
    const place = await makePlace({ server: fixture('asks-client'), options });
    await using first = await place.start();
    using client = makeClient(first.url);
    await client.initialize();
    const reply = await client.post(call(1, 'ask-and-wait'));
    const asked = await nextMessage(reply.events());
    expect(JSON.parse(asked.data ?? '')).toMatchObject({ id: 0, method: 'roots/list' });
    reply.drop();
    await end(first, how);

    await using _second = await place.start();
    const told = await rest((await client.get({ 'Last-Event-ID': asked.id })).events());
    const cancelled = { method: 'notifications/cancelled', params: { requestId: 0 } };
    const failed = { id: 1, error: { message: expect.stringContaining('May have run') } };
    expect(told.map(({ data }) => JSON.parse(data ?? ''))).toMatchObject([cancelled, failed]);
  },
);

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'what a server asked on the standalone stream when the bridge ended is taken back there, once over two restarts: %s [call.server-requests]',
  async (how) => {
    const place = await makePlace({ server: fixture('asks-client'), options: ['--drain-timeout', '0'] });
    await using first = await place.start();
    using client = makeClient(first.url);
    await client.initialize();
    const one = await listen(client);
    await client.post(call(1, 'ask-and-wait'), JSON_ONLY);
    const asked = await nextMessage(one.events);
    expect(JSON.parse(asked.data ?? '')).toMatchObject({ id: 0, method: 'roots/list' });
    one.reply.drop();
    await end(first, how);

    const cancelled = { method: 'notifications/cancelled', params: { requestId: 0 } };
    await using second = await place.start();
    const two = await listen(client, asked.id);
    expect(JSON.parse((await nextMessage(two.events)).data ?? '')).toMatchObject(cancelled);
    await end(second, 'SIGKILL');

    await using _third = await place.start();
    const three = await listen(client, asked.id);
    expect(JSON.parse((await nextMessage(three.events)).data ?? '')).toMatchObject(cancelled);
    await client.post(call(2, 'ask-and-wait'), JSON_ONLY);
    expect(JSON.parse((await nextMessage(three.events)).data ?? '')).toMatchObject({ method: 'roots/list' });
  },
);

describe('a session of which nothing was kept', () => {
  it('gives no event the id of one from before, so that its client loses none [http.resume session.recreate]', async () => {
    const place = await makePlace({ options: ['--no-persist'] });
    await using first = await place.start();
    using client = await subscribed(first);
    const one = await listen(client);
    await touch(client);
    await touch(client);
    await nextMessage(one.events);
    const { id } = await nextMessage(one.events);
    await end(first, 'SIGKILL');

    await using second = await place.start();
    const two = await listen(client, id);
    await client.ask(rpc('s', 'resources/subscribe', { uri: 'echo://one' }), JSON_ONLY);
    await touch(client);
    const young = await nextMessage(two.events);
    expect(['g.1', 'g.2']).not.toContain(young.id);
    await leave(second, two);
    await touch(client);
    const { events } = await listen(client, young.id);
    expect((await nextMessage(events)).data).toContain(UPDATED);
  });

  it('does not take the stream of a new call for that of an old one [http.streams session.recreate]', async () => {
    const place = await makePlace({ options: ['--no-persist'] });
    await using first = await place.start();
    using client = makeClient(first.url);
    await client.initialize();
    const old = await begin(client, 1, 60_000);
    await end(first, 'SIGKILL');

    await using _second = await place.start();
    // The initialize of the first life had a stream, too.
    await client.ask(call(2, 'count'), JSON_ONLY);
    const young = await begin(client, 3, 1_000);
    expect((await client.get({ 'Last-Event-ID': old.started.id })).status).toBe(405);
    expect((await rest(young.events)).at(-1)?.data).toContain('waited nameless');
  });
});

interface Listening {
  readonly reply: Reply;
  /** The event that it goes on after. */
  readonly from: string | undefined;
  readonly events: AsyncGenerator<StreamEvent, void>;
}

/** A client that has subscribed to a resource. */
async function subscribed({ url }: BridgeProcess): Promise<RawClient> {
  const client = makeClient(url);
  await client.initialize();
  await client.ask(rpc('s', 'resources/subscribe', { uri: 'echo://one' }), JSON_ONLY);
  return client;
}

/** Makes the server tell of the resource. */
async function touch(client: RawClient): Promise<void> {
  await client.ask(call('t', 'touch', { uri: 'echo://one' }), JSON_ONLY);
}

async function listen(client: RawClient, lastEventId?: string): Promise<Listening> {
  const reply = await client.get({ 'Last-Event-ID': lastEventId });
  const events = reply.events();
  const priming = await events.next();
  return { reply, events, from: priming.value?.id };
}

/** Resolves when the bridge knows that nobody listens. */
async function leave(bridge: BridgeProcess, { reply }: Listening): Promise<void> {
  reply.drop();
  await until(async () => (await bridge.health()).sessions.connected === 0, 'the end of the stream');
}

/** A call that takes so many ms, and the first message of its stream. */
async function begin(client: RawClient, id: number, ms: number) {
  const params = { name: 'wait', arguments: { ms }, _meta: { progressToken: id } };
  const reply = await client.post(rpc(id, 'tools/call', params));
  const events = reply.events();
  return { reply, events, started: await nextMessage(events) };
}

/** The messages that are left of a stream. */
async function rest(events: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const messages: StreamEvent[] = [];
  for await (const event of events) if (event.data) messages.push(event);
  return messages;
}
