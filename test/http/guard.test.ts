// Who may ask, what may be asked for, and in whose name: told from headers alone, before anything runs.
import { afterEach, describe, expect, test } from 'vitest';
import { expectNoBackendLeft, startEndpoint } from '../helpers/endpoint.js';
import {
  call,
  exchange,
  initializeMessage,
  makeClient,
  NEWEST,
  notification,
  rpc,
} from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

const EVERYWHERE = [
  ['POST', '/mcp'],
  ['GET', '/mcp'],
  ['DELETE', '/mcp'],
  ['PUT', '/mcp'],
  ['OPTIONS', '/mcp'],
  ['GET', '/health'],
  ['GET', '/ready'],
  ['GET', '/.well-known/oauth-authorization-server'],
  ['GET', '/nowhere'],
] as const;

const FOREIGN = [
  'evil.example',
  'evil.example:6272',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '[::2]',
];

describe('the host', () => {
  test.each(EVERYWHERE)(
    'is checked at %s %s, naming the option that allows it [http.guard]',
    async (...where) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      const reply = await client.send(...where, { Host: 'evil.example' });
      expect(reply.status).toBe(403);
      expect(await reply.json()).toEqual({
        jsonrpc: '2.0',
        id: null,
        error: {
          code: -32000,
          message: 'The host "evil.example" is not this machine. Allow it with --allow-host.',
        },
      });
    },
  );

  test.each(FOREIGN)('%s is not this machine [http.guard]', async (Host) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    expect((await client.send('GET', '/health', { Host })).status).toBe(403);
  });

  test.each(['localhost', 'LocalHost:1', '127.0.0.1', '127.0.0.1:6272', '[::1]', '[::1]:6272'])(
    '%s is this machine, at any port [http.guard]',
    async (Host) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      expect((await client.send('GET', '/health', { Host })).status).toBe(200);
    },
  );

  test("may be the socket's own address [http.guard]", async () => {
    await using endpoint = await startEndpoint({ options: ['--host', '127.0.0.5'] });
    using client = makeClient(endpoint.url);
    expect((await client.send('GET', '/health', { Host: '127.0.0.5:80' })).status).toBe(200);
    expect((await client.send('GET', '/health', { Host: '127.0.0.6' })).status).toBe(403);
  });

  test('may not be missing or empty [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    expect(await exchange(endpoint.port, 'GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 403 /);
    const empty = await exchange(endpoint.port, 'GET /health HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n');
    expect(empty).toMatch(/^HTTP\/1.1 403 /);
  });

  test.each([
    ['bridge.example', 'bridge.example', 200],
    ['bridge.example', 'Bridge.Example:8080', 200],
    ['Bridge.Example', 'bridge.example:8080', 200],
    ['bridge.example', 'other.bridge.example', 403],
    ['bridge.example:8080', 'bridge.example:8080', 200],
    ['bridge.example:8080', 'bridge.example:8081', 403],
    ['bridge.example:8080', 'bridge.example', 403],
    ['*', 'anything.example', 200],
  ])('with --allow-host %s, %s is answered %i [http.guard]', async (allowed, Host, status) => {
    await using endpoint = await startEndpoint({ options: ['--allow-host', allowed] });
    using client = makeClient(endpoint.url);
    expect((await client.send('GET', '/health', { Host })).status).toBe(status);
  });
});

describe('the origin', () => {
  test.each(EVERYWHERE)(
    'is checked at %s %s, naming the option that allows it [http.guard]',
    async (...where) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      const reply = await client.send(...where, { Origin: 'https://evil.example' });
      expect(reply.status).toBe(403);
      expect(reply.headers['access-control-allow-origin']).toBeUndefined();
      expect((await reply.json()).error).toEqual({
        code: -32000,
        message: 'The origin "https://evil.example" is not this machine. Allow it with --allow-origin.',
      });
    },
  );

  test.each([
    'null',
    '',
    'file://',
    'http://localhost.evil.example',
    'https://evil.example/localhost',
    'localhost',
  ])('%j is not this machine [http.guard]', async (Origin) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    expect((await client.send('GET', '/health', { Origin })).status).toBe(403);
  });

  test.each(['http://localhost', 'http://localhost:3000', 'https://127.0.0.1:8443', 'http://[::1]:5173'])(
    '%s is this machine [http.guard]',
    async (Origin) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      expect((await client.send('GET', '/health', { Origin })).status).toBe(200);
    },
  );

  test.each([
    ['https://app.example', 200],
    ['https://app.example:8443', 403],
    ['http://app.example', 403],
    ['https://other.app.example', 403],
  ])('with --allow-origin https://app.example, %s is answered %i [http.guard]', async (Origin, status) => {
    await using endpoint = await startEndpoint({ options: ['--allow-origin', 'https://app.example'] });
    using client = makeClient(endpoint.url);
    expect((await client.send('GET', '/health', { Origin })).status).toBe(status);
  });

  test('is refused before anything is started [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await client.post(initializeMessage(NEWEST), { Origin: 'https://evil.example' });
    expect(reply.status).toBe(403);
    expect(endpoint.told).toEqual([]);
  });
});

describe('the token', () => {
  const WRONG = [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer wrong!',
    'Bearer secret1',
    'Bearer secre',
    'Basic secret',
    'secret',
  ];

  test.each(['/mcp', '/health', '/ready'])('is asked for at %s [http.guard]', async (path) => {
    await using endpoint = await startEndpoint({ options: ['--token', 'secret'] });
    using client = makeClient(endpoint.url);
    const reply = await client.send('GET', path);
    expect(reply.status).toBe(401);
    expect((await reply.json()).error?.message).toBe(
      'The bearer token is missing or wrong. Send the header "Authorization: Bearer <token>" with the token of --token.',
    );
  });

  test.each(WRONG)('%j is not it [http.guard]', async (Authorization) => {
    await using endpoint = await startEndpoint({ options: ['--token', 'secret'] });
    using client = makeClient(endpoint.url);
    expect((await client.send('GET', '/health', { Authorization })).status).toBe(401);
  });

  test('lets those in who have it [http.guard]', async () => {
    await using endpoint = await startEndpoint({ options: ['--token', 'secret'] });
    using client = makeClient(endpoint.url);
    expect((await client.send('GET', '/health', { Authorization: 'Bearer secret' })).status).toBe(200);
  });

  test('does not replace the check of host and origin [http.guard]', async () => {
    await using endpoint = await startEndpoint({ options: ['--token', 'secret'] });
    using client = makeClient(endpoint.url);
    const Authorization = 'Bearer secret';
    expect((await client.send('GET', '/health', { Authorization, Host: 'evil.example' })).status).toBe(403);
    expect((await client.send('GET', '/health', { Authorization, Origin: 'null' })).status).toBe(403);
  });
});

describe('the content type', () => {
  test.each([undefined, '', 'text/json', 'text/plain', 'application/jsonp', 'application/json-rpc', '*/*'])(
    '%j is refused with 415 [http.guard]',
    async (type) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      const reply = await client.post(rpc(1, 'ping'), { 'Content-Type': type });
      expect(reply.status).toBe(415);
      expect((await reply.json()).error).toEqual({
        code: -32000,
        message: `Content-Type is "${type ?? ''}". Send application/json.`,
      });
    },
  );

  test.each(['application/json; charset=utf-8', 'application/json ;x="y;z"', 'Application/JSON'])(
    '%s is JSON [http.guard]',
    async (type) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      // The next check: no session.
      expect((await client.post(rpc(1, 'ping'), { 'Content-Type': type })).status).toBe(400);
    },
  );
});

describe('what the client accepts', () => {
  const JSON_TYPE = 'application/json';
  const EVENTS = 'text/event-stream';

  test('decides how a quick answer comes [http.guard] [http.never-absent]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const typeFor = async (Accept: string | undefined) => {
      const reply = await client.post(rpc('p', 'ping'), { Accept });
      expect(await reply.answer()).toEqual({ jsonrpc: '2.0', id: 'p', result: {} });
      return reply.type;
    };
    expect(await typeFor(`${JSON_TYPE}, ${EVENTS}`)).toBe(JSON_TYPE);
    expect(await typeFor(`${EVENTS};q=0.9 , Application/JSON;q=1`)).toBe(JSON_TYPE);
    expect(await typeFor(undefined)).toBe(JSON_TYPE);
    expect(await typeFor('*/*')).toBe(JSON_TYPE);
    expect(await typeFor(JSON_TYPE)).toBe(JSON_TYPE);
    expect(await typeFor('application/*')).toBe(JSON_TYPE);
    expect(await typeFor(`text/html, */*;q=0.1`)).toBe(JSON_TYPE);
    expect(await typeFor(EVENTS)).toBe(EVENTS);
    expect(await typeFor('text/*')).toBe(EVENTS);
  });

  test.each(['text/html', 'application/xml, text/plain', 'application/jsonp'])(
    'a POST that accepts only %s is refused with 406 [http.guard]',
    async (Accept) => {
      await using endpoint = await startEndpoint();
      using client = makeClient(endpoint.url);
      const reply = await client.post(rpc(1, 'ping'), { Accept });
      expect(reply.status).toBe(406);
      expect((await reply.json()).error?.message).toBe(
        `Accept is "${Accept}". Accept application/json and text/event-stream.`,
      );
    },
  );

  test('a GET that accepts only JSON is refused with 406 [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    expect((await client.get({ Accept: JSON_TYPE })).status).toBe(406);
  });
});

describe('the revision', () => {
  test('that no session can have is refused with 400, and the session goes on [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    for (const revision of ['1999-01-01', '2025-06-17', '']) {
      const header = { 'MCP-Protocol-Version': revision };
      const reply = await client.post(rpc(1, 'ping'), header);
      expect(reply.status).toBe(400);
      expect((await reply.json()).error).toEqual({
        code: -32000,
        message: `The revision "${revision}" is not one this session can have. Send the revision that initialize agreed on.`,
      });
      expect((await client.get(header)).status).toBe(400);
    }
    expect(await client.ask(rpc(2, 'ping'))).toMatchObject({ id: 2, result: {} });
  });

  test('may be any that sessions can have, whatever was agreed on [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize('2025-06-18');
    for (const revision of [
      undefined,
      '2024-10-07',
      '2024-11-05',
      '2025-03-26',
      '2025-06-18',
      '2025-11-25',
    ]) {
      const header = { 'MCP-Protocol-Version': revision };
      expect(await client.ask(rpc(1, 'ping'), header)).toMatchObject({ id: 1, result: {} });
      expect((await client.post(notification('notifications/x'), header)).status).toBe(202);
    }
    expect((await client.get({ 'MCP-Protocol-Version': '2025-11-25' })).status).toBe(200);
  });
});

describe('the session id', () => {
  const VERBS = ['POST', 'GET', 'DELETE'] as const;
  const LONGEST = 'x'.repeat(128);

  function ask(client: ReturnType<typeof makeClient>, verb: (typeof VERBS)[number], id: string | undefined) {
    const header = { 'Mcp-Session-Id': id };
    if (verb === 'POST') return client.post(rpc(7, 'ping'), header);
    return verb === 'GET' ? client.get(header) : client.del(header);
  }

  test.each(VERBS)('that is missing is 400 at %s [http.guard]', async (verb) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await ask(client, verb, undefined);
    expect(reply.status).toBe(400);
    expect((await reply.json()).error).toEqual({
      code: -32000,
      message:
        'The Mcp-Session-Id header is missing. Send initialize first, then the Mcp-Session-Id it was answered with.',
    });
  });

  test.each(VERBS)('that cannot be one is 400 at %s [http.guard]', async (verb) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    for (const id of ['', `${LONGEST}x`, 'a b', 'a\tb', 'é', 'ÿ', 'x'.repeat(10_000)]) {
      const reply = await ask(client, verb, id);
      expect(reply.status).toBe(400);
      expect((await reply.json()).error).toEqual({
        code: -32000,
        message:
          'The Mcp-Session-Id is not 1 to 128 characters of visible ASCII. Send the Mcp-Session-Id as initialize gave it.',
      });
    }
  });

  test.each(VERBS)(
    'with control characters is 400 at %s, and the endpoint goes on [http.guard]',
    async (verb) => {
      await using endpoint = await startEndpoint();
      for (const character of ['\0', '\x01', '\x1f', '\x7f', '\r']) {
        const lines = [`${verb} /mcp HTTP/1.1`, 'Host: localhost', `Mcp-Session-Id: a${character}b`];
        const head = `${lines.join('\r\n')}\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n`;
        expect(await exchange(endpoint.port, head)).toMatch(/^HTTP\/1.1 400 /);
      }
      using client = makeClient(endpoint.url);
      expect((await client.send('GET', '/health')).status).toBe(200);
    },
  );

  test('that is sent twice is 400 [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    const twice = 'Mcp-Session-Id: a\r\nMcp-Session-Id: b';
    const head = `DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n${twice}\r\nConnection: close\r\n\r\n`;
    expect(await exchange(endpoint.port, head)).toMatch(/^HTTP\/1.1 400 /);
  });

  test.each(VERBS)(
    'that is not on record is 404 at %s, if that is wanted [http.guard] [session.recreate]',
    async (verb) => {
      await using endpoint = await startEndpoint({ options: ['--unknown-session', 'reject'] });
      using client = makeClient(endpoint.url);
      for (const id of ['never', LONGEST, '__proto__', '!~']) {
        const reply = await ask(client, verb, id);
        expect(reply.status).toBe(404);
        expect((await reply.json()).error).toEqual({
          code: -32001,
          message: 'Session not found. Send initialize to open a new session.',
        });
      }
    },
  );

  test('that was deleted is 404 for good, and others go on [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    using other = makeClient(endpoint.url);
    await Promise.all([client.initialize(), other.initialize()]);
    expect((await client.del()).status).toBe(200);
    for (const verb of VERBS) {
      const reply = await ask(client, verb, client.session);
      expect(reply.status).toBe(404);
      expect((await reply.json()).error?.code).toBe(-32001);
    }
    expect(await other.ask(call(1, 'count'))).toMatchObject({ id: 1 });
  });

  test('is visible ASCII, and another one for each client [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    using other = makeClient(endpoint.url);
    await Promise.all([client.initialize(), other.initialize()]);
    expect(client.session).toMatch(/^[\x21-\x7e]{1,128}$/);
    expect(other.session).not.toBe(client.session);
  });
});
