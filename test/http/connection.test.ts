// Silence kills connections, so an open response never stays silent for long. Only the intervals are faked here:
// sockets and processes are real.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { expectNoBackendLeft, startEndpoint } from '../helpers/endpoint.js';
import { call, initializeMessage, makeClient, NEWEST, rpc, textOf } from '../helpers/raw-http.js';

const SILENCE = 15_000;
const COMMENT = { comment: 'keep-alive' };
const JSON_ONLY = { Accept: 'application/json' };

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());
afterEach(expectNoBackendLeft);

describe('a stream that has been silent for 15 s', () => {
  test('carries a comment, again and again, until its answer is there [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const events = (await client.post(call(1, 'wait', { ms: 150 }))).events();
    expect((await events.next()).value).toMatchObject({ id: 'p2.0' });
    for (let i = 0; i < 3; i += 1) {
      vi.advanceTimersByTime(SILENCE);
      expect((await events.next()).value).toEqual(COMMENT);
    }
    expect((await events.next()).value).toMatchObject({ id: 'p2.1' });
    expect((await events.next()).done).toBe(true);
  });

  test('carries one while its server starts [http.never-absent]', async () => {
    await using endpoint = await startEndpoint({ server: 'slow-start.mjs', args: ['300'] });
    using client = makeClient(endpoint.url);
    const events = (await client.post(initializeMessage(NEWEST))).events();
    await events.next();
    vi.advanceTimersByTime(SILENCE);
    expect((await events.next()).value).toEqual(COMMENT);
    expect(endpoint.session().state).toBe('initializing');
  });

  test('carries one when it is the standalone one, for every revision [http.streams]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize('2025-06-18');
    const events = (await client.get()).events();
    vi.advanceTimersByTime(SILENCE);
    expect((await events.next()).value).toEqual(COMMENT);
  });

  test('has none earlier: what is written in between counts [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize('2025-06-18');
    const events = (await client.get()).events();
    vi.advanceTimersByTime(SILENCE - 1);
    await client.ask(call(1, 'log', { level: 'info', text: 'one' }), JSON_ONLY);
    vi.advanceTimersByTime(SILENCE - 1);
    await client.ask(call(2, 'log', { level: 'info', text: 'two' }), JSON_ONLY);
    const [one, two] = [await events.next(), await events.next()];
    expect([one.value, two.value]).toMatchObject([{ id: 'g.1' }, { id: 'g.2' }]);
    vi.advanceTimersByTime(SILENCE);
    expect((await events.next()).value).toEqual(COMMENT);
  });
});

describe('a JSON body that is not there yet', () => {
  test('is preceded by white space, and is JSON all the same [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const reply = await client.post(call(1, 'wait', { ms: 100 }), JSON_ONLY);
    vi.advanceTimersByTime(3 * SILENCE);
    const body = await reply.text();
    expect(body).toMatch(/^ {3}\{"jsonrpc".*\}$/);
    expect(textOf(JSON.parse(body))).toBe('waited nameless');
  });
});

describe('a response that is over', () => {
  test('is kept alive no longer: it has ended, or its client has left [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    await client.ask(rpc(1, 'ping'), { Accept: 'text/event-stream' });
    await client.ask(call(2, 'wait', { ms: 50 }), JSON_ONLY);
    (await client.get()).drop();
    await vi.waitFor(() => expect(endpoint.session().isConnected).toBe(false), { interval: 1 });
    // What is left is the registry's own look at its sessions.
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), { interval: 1 });
  });

  test('is not written to, however long its client takes to read it [http.never-absent]', async () => {
    await using endpoint = await startEndpoint({ server: 'big-answers.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize();
    // More than the kernel takes for a client that does not read.
    const bytes = 8 * 1024 * 1024;
    const replies = [
      await client.post(call(1, 'big', { bytes }), { Accept: 'text/event-stream' }),
      await client.post(call(2, 'big', { bytes }), JSON_ONLY),
    ];
    await vi.waitFor(() => expect(endpoint.session().jobs.running).toBe(0), { timeout: 5_000, interval: 1 });
    vi.advanceTimersByTime(4 * SILENCE);
    expect(await client.ask(rpc(3, 'ping'))).toMatchObject({ result: {} });
    for (const reply of replies) expect(textOf(await reply.answer())).toHaveLength(bytes);
  });
});
