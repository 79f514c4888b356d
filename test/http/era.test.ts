// Clients of revisions without sessions are told at once, in the way that makes them fall back to initialize.
import { afterEach, describe, expect, test } from 'vitest';
import { expectNoBackendLeft, startEndpoint } from '../helpers/endpoint.js';
import { call, initializeMessage, makeClient, rpc, textOf } from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

const MODERN = '2026-07-28';
const HEADER = { 'MCP-Protocol-Version': MODERN };
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'modern', version: '1' },
};
const CLAIM = { _meta: META };

function refusalOf(method: string, id: unknown = 'd') {
  const message = `Method not found: ${method} of a revision without sessions. Fall back to initialize.`;
  return { jsonrpc: '2.0', id, error: { code: -32601, message } };
}

describe('a request of 2026-07-28', () => {
  test.each([
    ['with header and claim', HEADER, CLAIM],
    ['with the header alone', HEADER, {}],
    ['with the claim alone', {}, CLAIM],
    [
      'with a claim of a later one',
      {},
      { _meta: { 'io.modelcontextprotocol/protocolVersion': '2027-01-01' } },
    ],
  ])('%s is 404 with its own id, and starts nothing', async (_, header, params) => {
    await using endpoint = await startEndpoint({ server: 'silent.mjs' });
    using client = makeClient(endpoint.url);
    for (const method of ['server/discover', 'tools/list', 'subscriptions/listen']) {
      const reply = await client.post(rpc('d', method, params), header);
      expect(reply).toMatchObject({ status: 404, type: 'application/json' });
      expect(reply.headers['mcp-session-id']).toBeUndefined();
      expect(await reply.json()).toEqual(refusalOf(method));
    }
    expect(endpoint.told).toEqual([]);
  });

  test('is refused in a session too, which goes on', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const reply = await client.post(rpc(7, 'tools/call', { name: 'count', ...CLAIM }));
    expect(reply.status).toBe(404);
    expect(await reply.json()).toEqual(refusalOf('tools/call', 7));
    expect(textOf(await client.ask(call(8, 'count')))).toBe('1');
  });

  test('is refused in a batch, where it is the first such one that is named', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await client.post([rpc(1, 'ping'), rpc('d', 'tools/list', CLAIM)]);
    expect(reply.status).toBe(404);
    expect(await reply.json()).toEqual(refusalOf('tools/list'));
  });

  test('without an id is refused without one', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await client.post({ jsonrpc: '2.0', method: 'notifications/x', params: CLAIM }, HEADER);
    expect(reply.status).toBe(404);
    expect(await reply.json()).toEqual(refusalOf('notifications/x', null));
  });
});

describe('the fallback', () => {
  test('to initialize works, on the same connection', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url, { keepAlive: true });
    expect((await client.ask(rpc('d', 'server/discover', CLAIM), HEADER)).error?.code).toBe(-32601);
    expect((await client.initialize()).result?.protocolVersion).toBe('2025-11-25');
    expect(textOf(await client.ask(call(1, 'count')))).toBe('1');
  });

  test('works for a client that goes on sending the new header with initialize', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await client.post(initializeMessage('2025-06-18'), HEADER);
    expect(reply.status).toBe(200);
    expect((await reply.answer()).result?.protocolVersion).toBe('2025-06-18');
  });

  test('works for an initialize that asks for a revision that the server does not know', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    expect((await client.initialize('2099-01-01')).result?.protocolVersion).toBe('2025-11-25');
    expect(textOf(await client.ask(call(1, 'count')))).toBe('1');
  });
});
