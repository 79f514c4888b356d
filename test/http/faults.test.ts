// Faults that were found once, each as the test that found it.
import { afterEach, expect, test } from 'vitest';
import { expectNoBackendLeft, startEndpoint } from '../helpers/endpoint.js';
import { call, initializeMessage, makeClient, NEWEST, rpc } from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

const MIB = 1024 * 1024;

test('the refusal of a body that is far too large can be read [http.guard]', async () => {
  await using endpoint = await startEndpoint({ options: ['--max-body', '1MiB'] });
  const body = JSON.stringify(rpc(1, 'x'.repeat(8 * MIB)));
  for (let n = 0; n < 10; n += 1) {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const { status } = await fetch(endpoint.url, { method: 'POST', headers, body });
    expect(status).toBe(413);
  }
});

test('a path of the endpoint may end with a slash', async () => {
  await using endpoint = await startEndpoint({ options: ['--path', '/mcp/'] });
  using client = makeClient(endpoint.url);
  expect((await client.send('GET', '/mcp')).status).not.toBe(404);
  expect((await client.send('GET', '/mcp/')).status).not.toBe(404);
});

test('a path may come with the URL before it, as through a proxy', async () => {
  await using endpoint = await startEndpoint();
  using client = makeClient(endpoint.url);
  const { host } = new URL(endpoint.url);
  expect((await client.send('GET', `http://${host}/mcp?x`)).status).not.toBe(404);
  expect((await client.send('GET', `http://${host}/health`)).status).toBe(200);
  expect((await client.send('GET', `http://${host}`)).status).toBe(404);
});

test('a browser may ask whether it may ask without the token, and finds no authorization server [http.guard]', async () => {
  await using endpoint = await startEndpoint({ options: ['--token', 'secret'] });
  using client = makeClient(endpoint.url);
  const preflight = { origin: 'http://localhost:9', 'access-control-request-headers': 'authorization' };
  expect((await client.send('OPTIONS', '/mcp', preflight)).status).toBe(204);
  expect((await client.send('GET', '/.well-known/oauth-protected-resource')).status).toBe(404);
  const refused = await client.send('GET', '/mcp');
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
});

test('a revision that is no date is refused as such, in a session too [http.guard]', async () => {
  await using endpoint = await startEndpoint();
  using client = makeClient(endpoint.url);
  await client.initialize();
  const reply = await client.post(rpc(1, 'ping'), { 'mcp-protocol-version': 'banana' });
  expect(reply.status).toBe(400);
});

test('a client that reads gets one message of more than 16 MiB, and the next [http.streams]', async () => {
  await using endpoint = await startEndpoint({ server: 'big-answers.mjs' });
  using client = makeClient(endpoint.url);
  await client.initialize();
  const reply = await client.post(call(1, 'flood', { count: 1, bytes: 20 * MIB }));
  expect(JSON.stringify(await reply.answer())).toContain('flooded 1');
});

test('a client that does not say what it takes may have a GET stream [http.streams]', async () => {
  await using endpoint = await startEndpoint();
  using client = makeClient(endpoint.url);
  const opened = await client.post(initializeMessage(NEWEST));
  const session = String(opened.headers['mcp-session-id']);
  await opened.answer();
  const response = await fetch(endpoint.url, { headers: { accept: '*/*', 'mcp-session-id': session } });
  expect(response.status).toBe(200);
  await response.body?.cancel();
});
