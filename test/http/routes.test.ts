// Which path and method lead where, what browsers are told, and what becomes of a fault of the bridge itself.
import { afterEach, describe, expect, test } from 'vitest';
import { listen } from '../../src/http/endpoint.js';
import { refuseAll } from '../../src/http/routes.js';
import { expectNoBackendLeft, startEndpoint } from '../helpers/endpoint.js';
import { initializeMessage, makeClient, NEWEST, rpc } from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

describe('a path', () => {
  const NOT_HERE = [
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/',
    '/mc',
    '/mcpx',
    '/mcp/x',
    '/MCP',
    '//mcp',
    '/register',
    '/health/x',
    '/%6dcp',
  ];

  test.each(NOT_HERE)('%s is a plain 404 that is JSON, for every method [http.guard]', async (path) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS']) {
      const reply = await client.send(method, path);
      expect(reply.status).toBe(404);
      expect(reply.type).toBe('application/json');
      expect(reply.headers['www-authenticate']).toBeUndefined();
      expect(await reply.json()).toEqual({
        jsonrpc: '2.0',
        id: null,
        error: {
          code: -32000,
          message: 'Not found. The MCP endpoint is the URL that the bridge printed at its start.',
        },
      });
    }
  });

  test.each(['/mcp', '/mcp/', '/mcp?a=b', '/mcp/?a=/b', '/mcp?'])('%s is the endpoint', async (path) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    expect((await client.send('DELETE', path, { 'Mcp-Session-Id': 'never' })).status).toBe(404);
    expect((await client.send('PUT', path)).status).toBe(405);
  });

  test.each(['/', '/servers/one', '/a.b~c'])('%s is the endpoint with --path', async (path) => {
    await using endpoint = await startEndpoint({ options: ['--path', path] });
    using client = makeClient(endpoint.url);
    expect((await client.post(rpc(1, 'ping'))).status).toBe(400);
    expect((await client.send('POST', '/mcp')).status).toBe(404);
    expect((await client.send('GET', '/health')).status).toBe(200);
  });
});

describe('a method', () => {
  test.each(['PUT', 'PATCH', 'HEAD', 'OPTIONS', 'PROPFIND'])(
    '%s at the endpoint is 405, which names those there are [http.guard]',
    async (method) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      const reply = await client.send(method, '/mcp');
      expect(reply.status).toBe(405);
      expect(reply.headers.allow).toBe('GET, POST, DELETE');
    },
  );

  test('HEAD is answered without a body [http.health]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url, { keepAlive: true });
    for (const [path, status] of [
      ['/health', 200],
      ['/ready', 200],
      ['/mcp', 405],
      ['/nowhere', 404],
    ] as const) {
      const reply = await client.send('HEAD', path);
      expect([reply.status, await reply.text()]).toEqual([status, '']);
    }
  });

  test.each(['POST', 'PUT', 'DELETE'])('%s at the health page is 405 [http.health]', async (method) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    for (const path of ['/health', '/ready']) {
      const reply = await client.send(method, path);
      expect(reply.status).toBe(405);
      expect(reply.headers.allow).toBe('GET, HEAD');
    }
  });
});

describe('a browser', () => {
  const ORIGIN = 'http://localhost:6274';
  const SHOWN = {
    'access-control-allow-origin': ORIGIN,
    vary: 'Origin',
    'access-control-expose-headers': 'Mcp-Session-Id',
  };

  test.each(['/mcp', '/health', '/nowhere'])(
    'may ask first whether it may ask %s [http.guard]',
    async (path) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      const reply = await client.send('OPTIONS', path, {
        Origin: ORIGIN,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type, mcp-session-id, x-anything',
      });
      expect([reply.status, await reply.text()]).toEqual([204, '']);
      expect(reply.headers).toMatchObject({
        ...SHOWN,
        'access-control-allow-methods': 'GET, POST, DELETE',
        'access-control-allow-headers': 'content-type, mcp-session-id, x-anything',
      });
    },
  );

  test('that names no headers may send any [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await client.send('OPTIONS', '/mcp', { Origin: ORIGIN });
    expect(reply.headers['access-control-allow-headers']).toBe('*');
  });

  test('may read every kind of answer [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const origin = { Origin: ORIGIN };
    const opened = await client.post(initializeMessage(NEWEST), origin);
    expect(opened.headers).toMatchObject(SHOWN);
    await opened.answer();
    client.session = opened.headers['mcp-session-id']?.toString();
    for (const reply of [
      await client.post(rpc(1, 'ping'), origin),
      await client.post(rpc(2, 'ping'), { ...origin, Accept: 'text/event-stream' }),
      await client.get(origin),
      await client.post('no JSON', origin),
      await client.send('GET', '/nowhere', origin),
      await client.send('GET', '/health', origin),
      await client.del(origin),
    ])
      expect(reply.headers).toMatchObject(SHOWN);
  });

  test('is not spoken to where no origin was sent [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const { headers } = await client.send('GET', '/health');
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

test('a fault of the bridge is reported and answered with 500, and the endpoint goes on', async () => {
  const fault = new Error('a bug');
  const health = () => {
    throw fault;
  };
  await using endpoint = await startEndpoint({ ops: { health, isReady: () => true } });
  using client = makeClient(endpoint.url);
  expect((await client.send('GET', '/health')).status).toBe(500);
  expect(endpoint.told).toEqual([{ kind: 'http.failed', error: fault }]);
  expect((await client.send('GET', '/ready')).status).toBe(200);
});

test('while the bridge stops, all is refused with what to do', async () => {
  const endpoint = await listen({ host: '127.0.0.1', ports: [0], from: 'a test' });
  endpoint.serve(refuseAll);
  using client = makeClient(`http://127.0.0.1:${endpoint.port}/mcp`);
  for (const reply of [await client.post(initializeMessage(NEWEST)), await client.send('GET', '/health')]) {
    expect(reply.status).toBe(503);
    expect(await reply.json()).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: { code: -32000, message: 'The bridge is stopping. Start it again, and call again.' },
    });
  }
  await endpoint.close();
});
