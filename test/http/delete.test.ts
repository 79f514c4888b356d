// DELETE: the client ends its session, and nothing of it stays.
import { afterEach, describe, expect, test } from 'vitest';
import { expectNoBackendLeft, startEndpoint } from '../helpers/endpoint.js';
import { call, initializeMessage, makeClient, NEWEST, rpc, textOf } from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

function isRunning(pid = 0): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('DELETE', () => {
  test('is answered with 200 and nothing, and ends the process of the session [supervise.tree]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const [pid] = endpoint.pids();
    const reply = await client.del();
    expect([reply.status, await reply.text()]).toEqual([200, '']);
    expect([...endpoint.registry.sessions()]).toEqual([]);
    await endpoint.until('backend.stopped');
    expect(isRunning(pid)).toBe(false);
  });

  test('needs no revision and no body, and may have both', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url, { keepAlive: true });
    await client.initialize();
    const header = {
      'Mcp-Session-Id': client.session,
      'MCP-Protocol-Version': undefined,
      'Content-Length': '2',
    };
    expect((await client.send('DELETE', '/mcp', header, '{}')).status).toBe(200);
    expect((await client.send('GET', '/health')).status).toBe(200);
  });

  test('answers what is in flight with an error [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const replies = [
      await client.post(call(1, 'wait', { ms: 60_000 })),
      await client.post(call(2, 'wait', { ms: 60_000 }), { Accept: 'application/json' }),
    ];
    expect((await client.del()).status).toBe(200);
    for (const [i, reply] of replies.entries()) {
      const { id, error } = await reply.answer();
      expect(id).toBe(i + 1);
      expect(error).toEqual({
        code: -32603,
        message:
          'May have run: the session was ended before the answer came. Send initialize to open a new session.',
      });
    }
  });

  test('ends a session whose server is still starting [supervise.tree]', async () => {
    await using endpoint = await startEndpoint({ server: 'silent.mjs' });
    using client = makeClient(endpoint.url);
    const opening = await client.post(initializeMessage(NEWEST));
    await endpoint.said('reading, never answering');
    client.session = opening.headers['mcp-session-id']?.toString();
    expect((await client.del()).status).toBe(200);
    expect((await opening.answer()).error?.message).toMatch(/^(Not|May have) run: the session was ended/);
    await endpoint.until('backend.stopped');
    expect(endpoint.pids().map(isRunning)).toEqual([false]);
  });

  test('leaves the sessions of others alone [session.dedicated]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    using other = makeClient(endpoint.url);
    await Promise.all([client.initialize(), other.initialize()]);
    const stream = await other.get();
    const running = await other.post(call(1, 'wait', { ms: 100 }));
    await client.del();
    await endpoint.until('backend.stopped');
    expect(textOf(await running.answer())).toBe('waited nameless');
    expect(textOf(await other.ask(call(2, 'count')))).toBe('1');
    expect(endpoint.session().isConnected).toBe(true);
    stream.drop();
  });

  test('of many sessions at once ends every one [supervise.tree]', async () => {
    await using endpoint = await startEndpoint();
    const clients = Array.from({ length: 4 }, () => makeClient(endpoint.url));
    await Promise.all(clients.map((client) => client.initialize()));
    const replies = await Promise.all(clients.map((client) => client.del()));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await Promise.all(endpoint.registry.supervisors().map((supervisor) => supervisor.emptied()));
    expect(endpoint.pids().map(isRunning)).toEqual([false, false, false, false]);
    for (const client of clients) {
      expect((await client.post(rpc(1, 'ping'))).status).toBe(404);
      client[Symbol.dispose]();
    }
  });
});
