// What a body may be: bounded, UTF-8, JSON, JSON-RPC; and what is said to one that is not.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectNoBackendLeft, startEndpoint, type TestEndpoint } from '../helpers/endpoint.js';
import { call, exchange, makeClient, type RawClient, rpc, textOf } from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

const LIMIT = 1024;
const SMALL = { options: ['--max-body', '1KiB'] };
const TOO_LARGE = {
  code: -32000,
  message: 'The body is larger than 1024 bytes. Raise the limit with --max-body.',
};

describe('the size of a body', () => {
  test('may be the limit itself, and not a byte more [http.guard]', async () => {
    await using endpoint = await startEndpoint(SMALL);
    using client = makeClient(endpoint.url);
    const padded = (size: number) => JSON.stringify(rpc(1, 'ping')).padEnd(size);
    // The next check: no session.
    expect((await client.post(padded(LIMIT))).status).toBe(400);
    const reply = await client.post(padded(LIMIT + 1));
    expect(reply.status).toBe(413);
    expect(await reply.json()).toEqual({ jsonrpc: '2.0', id: null, error: TOO_LARGE });
  });

  test('is counted in bytes, not in characters [http.guard]', async () => {
    await using endpoint = await startEndpoint(SMALL);
    using client = makeClient(endpoint.url);
    expect((await client.post(JSON.stringify('漢'.repeat(340)))).status).toBe(400);
    expect((await client.post(JSON.stringify('漢'.repeat(341)))).status).toBe(413);
  });

  test('is refused before its end has come, and the connection ends [http.guard]', async () => {
    await using endpoint = await startEndpoint(SMALL);
    const head = ['POST /mcp HTTP/1.1', 'Host: localhost', 'Content-Type: application/json'];
    const declared = `${head.join('\r\n')}\r\nContent-Length: 1000000\r\n\r\n{`;
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const chunked = `${head.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`;
    const came = await Promise.all([declared, chunked].map((bytes) => exchange(endpoint.port, bytes)));
    for (const answer of came) {
      expect(answer).toMatch(/^HTTP\/1.1 413 /);
      expect(answer).toContain(TOO_LARGE.message);
    }
  });

  test('has a bound also for a client that never stops sending [http.guard]', async () => {
    await using endpoint = await startEndpoint(SMALL);
    const before = process.memoryUsage().rss;
    const socket = connect(endpoint.port, '127.0.0.1');
    socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n');
    socket.write('Transfer-Encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const pump = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    const closed = new Promise((resolve) => socket.once('close', resolve));
    // What it does not read and is cut off from is its own affair.
    socket.on('drain', pump).on('error', () => {});
    pump();
    await closed;
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    using client = makeClient(endpoint.url);
    expect((await client.send('GET', '/health')).status).toBe(200);
  });

  test('of 16 MiB passes by default, both ways [http.passthrough]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const long = 'x'.repeat(15 * 1024 * 1024);
    expect(textOf(await client.ask(call(1, 'echo', { text: long })))).toBe(long);
  });

  test('does not matter to a client that leaves in the middle [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    const socket = connect(endpoint.port, '127.0.0.1');
    socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n');
    await new Promise((resolve) => socket.write('Content-Length: 100\r\n\r\n{"jsonrpc"', resolve));
    socket.destroy();
    using client = makeClient(endpoint.url);
    await client.initialize();
    expect(endpoint.told.filter(({ kind }) => kind === 'http.failed')).toEqual([]);
  });
});

describe('a body that is not JSON', () => {
  const BROKEN: readonly (readonly [string, string | Buffer])[] = [
    ['empty', ''],
    ['white space', ' \n '],
    ['half of a message', '{"jsonrpc":"2.0","id":1,"method":"ping"'],
    ['two messages', '{"jsonrpc":"2.0","id":1,"method":"ping"}\n{"jsonrpc":"2.0","id":2,"method":"ping"}'],
    ['a message with a comma too much', '{"jsonrpc":"2.0","id":1,"method":"ping",}'],
    ['invalid UTF-8', Buffer.from('{"jsonrpc":"2.0","id":1,"method":"\xff"}', 'latin1')],
    ['half of a character', Buffer.from('"é"').subarray(0, 2)],
    ['UTF-16', Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}', 'utf16le')],
    ['a hundred thousand brackets', '['.repeat(100_000)],
    ['a hundred thousand braces', '{"a":'.repeat(100_000)],
  ];

  test.each(BROKEN)('but %s is 400 with a parse error [http.guard]', async (_, body) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await client.post(body);
    expect(reply.status).toBe(400);
    expect(await reply.json()).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: { code: -32700, message: 'The body is not JSON. Send one JSON-RPC message as UTF-8.' },
    });
  });

  test('leaves the connection as it is [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url, { keepAlive: true });
    await client.initialize();
    expect((await client.ask('{')).error?.code).toBe(-32700);
    expect(await client.ask(rpc(1, 'ping'))).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
  });
});

describe('a body that is JSON, but no JSON-RPC', () => {
  const OTHERS = [
    '0',
    'null',
    'true',
    '"ping"',
    '{}',
    '{"id":1,"method":"ping"}',
    '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    '{"jsonrpc":2.0,"id":1,"method":"ping"}',
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
    '{"jsonrpc":"2.0","id":1,"error":"a text"}',
    '{"jsonrpc":"2.0","result":{}}',
  ];

  test.each(OTHERS)('%s is 400 with an invalid request [http.guard]', async (body) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await client.post(body);
    expect(reply.status).toBe(400);
    expect(await reply.json()).toEqual({
      jsonrpc: '2.0',
      id: body.includes('"id":1') ? 1 : null,
      error: {
        code: -32600,
        message: 'The body is JSON, but no JSON-RPC 2.0 message. Send one JSON-RPC 2.0 message.',
      },
    });
  });

  test.each(['null', 'true', '{}', '[1]'])('a request with the id %s is refused [http.guard]', async (id) => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const reply = await client.post(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ id: null, error: { code: -32600 } });
  });

  test('a batch of none or of more than a hundred is refused [http.guard]', async () => {
    await using endpoint = await startEndpoint({ server: 'batch-2025-03-26.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize('2025-03-26');
    const batchOf = (size: number) => Array.from({ length: size }, (_, i) => rpc(i, 'ping'));
    for (const size of [0, 101, 5_000]) {
      const reply = await client.post(batchOf(size));
      expect(reply.status).toBe(400);
      expect((await reply.json()).error).toEqual({
        code: -32600,
        message: `A batch of ${size} messages is not 1 to 100. Send one JSON-RPC 2.0 message.`,
      });
    }
    const whole = await client.post(batchOf(100), { Accept: 'application/json' });
    expect(JSON.parse(await whole.text())).toHaveLength(100);
  });

  test('a batch with one element that is none is refused as a whole [http.guard]', async () => {
    await using endpoint = await startEndpoint({ server: 'batch-2025-03-26.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize('2025-03-26');
    const reply = await client.post([call(1, 'count'), { jsonrpc: '2.0', id: 2 }]);
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ id: 2, error: { code: -32600 } });
    expect(textOf(await client.ask(call(3, 'count')))).toBe('1');
  });
});

describe('a hostile body', () => {
  const DEPTH = 100_000;
  const DEEP = `${'['.repeat(DEPTH)}1${']'.repeat(DEPTH)}`;
  const DEEP_OBJECT = `${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`;

  let endpoint: TestEndpoint;
  let client: RawClient;
  beforeAll(async () => {
    endpoint = await startEndpoint({ shared: true });
    client = makeClient(endpoint.url);
    await client.initialize();
  });
  afterAll(async () => {
    client[Symbol.dispose]();
    await endpoint.close();
    expectNoBackendLeft();
  });

  async function expectGoesOn(asker = client): Promise<void> {
    expect(await asker.ask(rpc('after', 'ping'))).toEqual({ jsonrpc: '2.0', id: 'after', result: {} });
  }

  test('that is a hundred thousand levels deep reaches the server as it is [http.passthrough]', async () => {
    for (const deep of [DEEP, DEEP_OBJECT]) {
      const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"raw-params","x":${deep}}}`;
      expect(textOf(await client.ask(body))).toBe(body);
    }
    await expectGoesOn();
  });

  test('that is nothing but depth is refused [http.guard]', async () => {
    expect((await client.ask(DEEP)).error?.code).toBe(-32600);
    expect((await client.ask(DEEP_OBJECT)).error?.code).toBe(-32600);
    await expectGoesOn();
  });

  test('with depth where the bridge looks reaches the server too [http.passthrough]', async () => {
    const meta = `{"progressToken":${DEEP},"io.modelcontextprotocol/related-task":${DEEP_OBJECT}}`;
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"raw-params","_meta":${meta}}}`;
    expect(textOf(await client.ask(body))).toBe(body);
    await client.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${DEEP}}}`);
    await client.post(`{"jsonrpc":"2.0","id":9,"result":${DEEP_OBJECT}}`);
    await expectGoesOn();
  });

  test('with a request id of a megabyte is answered with that id [http.passthrough]', async () => {
    const id = 'i'.repeat(1024 * 1024);
    expect(await client.ask(rpc(id, 'ping'))).toEqual({ jsonrpc: '2.0', id, result: {} });
    expect((await client.ask({ jsonrpc: '2.0', id })).id).toBe(id);
    await expectGoesOn();
  });

  test('with ids that are names of the language is answered with them [http.passthrough]', async () => {
    for (const id of ['__proto__', 'constructor', '', ' ', '\0', '\u2028', '1', 1, -1, 0, 1.5, 1e300]) {
      expect(await client.ask(rpc(id, 'ping'))).toEqual({ jsonrpc: '2.0', id, result: {} });
    }
  });

  test('with many members is answered while others are [http.never-absent]', async () => {
    using other = makeClient(endpoint.url);
    await other.initialize();
    const members = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`m${i}`, i]));
    const [big] = await Promise.all([client.ask(rpc(1, 'vendor/echo', members)), expectGoesOn(other)]);
    expect(big.result).toEqual(members);
  });
});

test('a body may come in pieces, over as long as it takes', async () => {
  await using endpoint = await startEndpoint();
  using client = makeClient(endpoint.url);
  await client.initialize();
  const body = JSON.stringify(call(1, 'echo', { text: 'é漢😀' }));
  const bytes = Buffer.from(body);
  const socket = connect(endpoint.port, '127.0.0.1');
  socket.setNoDelay(true);
  const head = [
    'POST /mcp HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    `Mcp-Session-Id: ${client.session}`,
    `Content-Length: ${bytes.length}`,
    'Connection: close',
  ];
  await new Promise((resolve) => socket.write(`${head.join('\r\n')}\r\n\r\n`, resolve));
  for (const byte of bytes) await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
  expect(await text(socket)).toContain('"text":"é漢😀"');
});

test('a client may ask to continue before it sends its body', async () => {
  await using endpoint = await startEndpoint();
  const head = ['POST /mcp HTTP/1.1', 'Host: localhost', 'Content-Type: application/json'];
  const expects = [...head, 'Expect: 100-continue', 'Content-Length: 2', 'Connection: close'].join('\r\n');
  const came = await exchange(endpoint.port, `${expects}\r\n\r\n{}`);
  expect(came).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 400 /);
});

test('requests that a client sends without waiting are answered in their order', async () => {
  await using endpoint = await startEndpoint();
  using client = makeClient(endpoint.url);
  await client.initialize();
  const requestOf = (message: object) => {
    const body = JSON.stringify(message);
    const head = ['POST /mcp HTTP/1.1', 'Host: localhost', 'Content-Type: application/json'];
    return [...head, `Mcp-Session-Id: ${client.session}`, `Content-Length: ${body.length}`, '', body].join(
      '\r\n',
    );
  };
  const slow = requestOf(call(1, 'wait', { ms: 60, name: 'first' }));
  const quick = requestOf(call(2, 'echo', { text: 'second' }));
  const last = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const came = await exchange(endpoint.port, slow + quick + last);
  expect(came.match(/HTTP\/1.1 200|waited first|second|healthy/g)).toEqual([
    'HTTP/1.1 200',
    'waited first',
    'HTTP/1.1 200',
    'second',
    'HTTP/1.1 200',
    'healthy',
  ]);
});

describe('the depth of a body', () => {
  const nest = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
  const params = (text: string) => `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":${text}}}`;

  test('may be two hundred thousand levels, and is refused beyond them [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    // The message and its params are two levels themselves. The next check: no session.
    expect((await (await client.post(params(nest(199_998)))).json()).error?.code).toBe(-32000);
    const refused = await client.post(params(nest(199_999)));
    expect(refused.status).toBe(400);
    expect((await refused.json()).error).toEqual({
      code: -32700,
      message: 'The body is nested deeper than 200000 levels. Send one JSON-RPC message as UTF-8.',
    });
  });

  test('is not that of the brackets in its strings, whatever is escaped there [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    for (const text of ['['.repeat(300_000), `\\"${'{'.repeat(300_000)}`, `${'['.repeat(300_000)}\\`]) {
      const reply = await client.post(params(JSON.stringify(text)));
      expect((await reply.json()).error?.code).toBe(-32000);
    }
  });
});

describe('an initialize', () => {
  test('is refused with 413 where it is longer than what is kept of a client [http.guard]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const named = (length: number) => {
      const clientInfo = { name: 'x'.repeat(length), version: '1' };
      return rpc(0, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    };
    const refused = await client.post(named(1024 * 1024));
    expect(refused.status).toBe(413);
    expect((await refused.json()).error?.message).toBe(
      'The initialize is longer than 1048576 characters. Send less in clientInfo and capabilities.',
    );
    expect([...endpoint.registry.sessions()]).toEqual([]);
    expect((await client.post(named(1_000_000))).status).toBe(200);
  });
});
