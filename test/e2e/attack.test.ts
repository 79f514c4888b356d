// The program under attack: what no honest client or server sends, in numbers and sizes that none does. Its memory stays
// bounded, refusals say why, and who behaves is served meanwhile.
import { connect, type Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { type BridgeProcess, fixture, startBridge } from '../helpers/bridge.js';
import { peakMemoryOf } from '../helpers/processes.js';
import {
  call,
  initializeMessage,
  JSON_ONLY,
  makeClient,
  NEWEST,
  type RawClient,
  type Reply,
  rpc,
  textOf,
} from '../helpers/raw-http.js';
import { until } from '../helpers/until.js';

// Much takes long where the machine is busy with other things.
vi.setConfig({ testTimeout: 90_000 });

const MB = 1_000_000;
/** An idle bridge has some 50 MB. */
const BOUND = 250 * MB;
const EVENTS = { Accept: 'text/event-stream' };

/** A session that wants nothing but to be served. */
async function settleIn(bridge: BridgeProcess): Promise<RawClient> {
  const client = makeClient(bridge.url, { keepAlive: true });
  await client.initialize();
  return client;
}

async function expectServed(client: RawClient): Promise<void> {
  expect(textOf(await client.ask(call('still', 'echo', { text: 'here' })))).toBe('here');
}

/** The most memory that it has had is below the bound; anything is where the system does not tell. */
function expectLean(bridge: BridgeProcess, bound = BOUND): void {
  expect(peakMemoryOf(bridge.pid) ?? 0).toBeLessThan(bound);
}

/** Does it so often, so many at a time, and counts what came. */
async function many<T extends string | number>(
  count: number,
  atOnce: number,
  act: (n: number) => Promise<T>,
): Promise<Map<T, number>> {
  const seen = new Map<T, number>();
  let begun = 0;
  const worker = async () => {
    while (begun < count) {
      begun += 1;
      const what = await act(begun);
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return seen;
}

/** Calls that a session makes one after the other until it is told to stop: how many were answered. */
function keepCalling(client: RawClient): () => Promise<number> {
  let isOver = false;
  let answered = 0;
  const calls = (async () => {
    while (!isOver) {
      await expectServed(client);
      answered += 1;
    }
  })();
  return async () => {
    isOver = true;
    await calls;
    return answered;
  };
}

const nest = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe('a body', () => {
  test('of a hundred thousand levels passes as it is, and one that never closes is no JSON [http.guard] [http.passthrough]', async () => {
    await using bridge = await startBridge();
    using client = await settleIn(bridge);
    const params = `{"x":${nest(100_000)}}`;
    const text = await (
      await client.post(`{"jsonrpc":"2.0","id":1,"method":"vendor/echo","params":${params}}`, JSON_ONLY)
    ).text();
    expect(text.includes('"result"') || text.includes('"error"')).toBe(true);
    const refused = await client.post('['.repeat(100_000));
    expect(refused.status).toBe(400);
    expect((await refused.json()).error?.code).toBe(-32700);
    await expectServed(client);
    expectLean(bridge);
  });

  // What is kept of an initialize must not overflow the stack.
  test('that opens a session may be as deep [http.guard]', async () => {
    await using bridge = await startBridge();
    using client = makeClient(bridge.url);
    const deep = JSON.stringify(initializeMessage(NEWEST)).replace(
      '"capabilities":{}',
      `"capabilities":{"experimental":{"x":${nest(100_000)}}}`,
    );
    const reply = await client.post(deep);
    expect([200, 400]).toContain(reply.status);
    await reply.text();
    expect(bridge.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  // A level costs the parser some 100 bytes and 1 µs.
  test('of four million levels takes no memory that others would miss [http.guard]', async () => {
    await using bridge = await startBridge();
    using client = await settleIn(bridge);
    await (await client.post(`{"jsonrpc":"2.0","id":1,"method":"ping","params":${nest(4_000_000)}}`)).text();
    await expectServed(client);
    expectLean(bridge);
  });

  test('with a batch of a hundred thousand messages is refused with what is too much [http.guard]', async () => {
    await using bridge = await startBridge();
    using client = await settleIn(bridge);
    const one = '{"jsonrpc":"2.0","method":"notifications/x"}';
    const reply = await client.post(`[${Array(100_000).fill(one).join(',')}]`);
    expect(reply.status).toBe(400);
    expect((await reply.json()).error?.message).toContain('A batch of 100000 messages is not 1 to 100.');
    await expectServed(client);
    expectLean(bridge);
  });

  test('with an id, or a progress token, of a million characters is served like any other', async () => {
    await using bridge = await startBridge();
    using client = await settleIn(bridge);
    const long = 'k'.repeat(MB);
    expect((await client.ask(rpc(long, 'ping'))).id).toBe(long);
    for (let i = 0; i < 3; i += 1) {
      const params = { name: 'wait', arguments: { ms: 1 }, _meta: { progressToken: long } };
      expect(await client.ask(rpc(i, 'tools/call', params), EVENTS)).toMatchObject({ id: i });
    }
    await expectServed(client);
    expectLean(bridge);
  });

  test('that is a notification, 20,000 times on four connections, is taken each time', async () => {
    await using bridge = await startBridge();
    using client = await settleIn(bridge);
    using other = await settleIn(bridge);
    const calls = keepCalling(other);
    const message = '{"jsonrpc":"2.0","method":"notifications/x"}';
    const post = requestText('POST', client.session, { 'Content-Type': 'application/json' }, message);
    const taken = await Promise.all(Array.from({ length: 4 }, () => pour(bridge, post, 5_000)));
    expect(taken).toEqual(Array(4).fill(5_000));
    expect(await calls()).toBeGreaterThan(0);
    await expectServed(client);
    expectLean(bridge);
  });
});

describe('an id', () => {
  test('has 128 characters at most, and a header has its bound, too [http.guard]', async () => {
    await using bridge = await startBridge();
    using client = makeClient(bridge.url);
    client.session = 'x'.repeat(128);
    await expectServed(client);
    for (const verb of ['POST', 'GET', 'DELETE']) {
      const statusOf = async (id: string) => {
        const text = requestText(verb, id, { 'Content-Type': 'application/json', Connection: 'close' }, '{}');
        return (await answerTo(bridge, text)).slice(0, 12);
      };
      expect(await statusOf('x'.repeat(129))).toBe('HTTP/1.1 400');
      expect(await statusOf('x'.repeat(100_000))).toBe('HTTP/1.1 431');
    }
    await expectServed(client);
  });

  test('that nobody knows, 500 of them in 500 GETs, costs no server and little memory [session.recreate]', async () => {
    await using bridge = await startBridge();
    using client = await settleIn(bridge);
    const calls = keepCalling(client);
    const seen = await many(500, 16, (n) => glance(bridge, { 'Mcp-Session-Id': `nobody-knows-${n}` }));
    expect([...seen]).toEqual([[200, 500]]);
    expect(await calls()).toBeGreaterThan(0);
    expect(bridge.look()).toHaveLength(1);
    expectLean(bridge);
  });

  test('that is asked for a thousand times at once is one stream at a time: the others are told to stop [http.streams]', async () => {
    await using bridge = await startBridge();
    using client = await settleIn(bridge);
    const calls = keepCalling(client);
    const holders: Reply[] = [];
    const seen = await many(1_000, 32, async () => {
      const reply = await client.get();
      if (reply.status === 200) holders.push(reply);
      else await reply.text();
      return reply.status;
    });
    expect(holders).toHaveLength(4);
    expect(seen.get(409)).toBe(996);
    expect(await calls()).toBeGreaterThan(0);
    expect(await bridge.health()).toMatchObject({ sessions: { total: 1, connected: 1 } });
    expectLean(bridge);
  });

  test('of a last event may be anything: a stream, or that there is none [http.resume]', async () => {
    await using bridge = await startBridge();
    using client = await settleIn(bridge);
    const weird = [
      ['g.999999999999999', 200],
      ['g.0, g.1', 200],
      ['__proto__.0', 200],
      ['constructor', 200],
      ['%00', 200],
      ['x'.repeat(10_000), 200],
      ['p1.999999999999999', 405],
      ['p0.0', 405],
      ['p999999999999999.0', 405],
    ] as const;
    for (const [id, status] of weird) {
      expect(await glance(bridge, { 'Mcp-Session-Id': client.session ?? '', 'Last-Event-ID': id })).toBe(
        status,
      );
      await until(async () => (await bridge.health()).sessions.connected === 0, 'its end');
    }
    await expectServed(client);
  });
});

describe('a client that does not read', () => {
  // One connection may have 48 MiB that are not read, and there may be 4096 of them.
  test('what it is to be told again, on forty connections, is not all kept for it', async () => {
    await using bridge = await startBridge({ server: fixture('big-answers') });
    using client = await settleIn(bridge);
    using other = await settleIn(bridge);
    await client.ask(call(1, 'flood', { count: 48, bytes: MB / 4 }), EVENTS);
    const get = requestText('GET', client.session, { Accept: 'text/event-stream', 'Last-Event-ID': 'p2.0' });
    const sockets = Array.from({ length: 40 }, () => {
      const socket = connect(Number(new URL(bridge.url).port), '127.0.0.1').on('error', () => {});
      socket.pause();
      socket.write(get);
      return socket;
    });
    try {
      for (let i = 0; i < 100; i += 1) await expectServed(other);
      expectLean(bridge);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe('a server', () => {
  test('whose list is a hundred thousand levels deep ends no other session, and not the bridge [session.dedicated]', async () => {
    await using bridge = await startBridge({ server: fixture('hostile') });
    using client = await settleIn(bridge);
    using other = await settleIn(bridge);
    const reply = await client.post(rpc(1, 'prompts/list'), JSON_ONLY).catch((error: Error) => error);
    if (!(reply instanceof Error)) await reply.text();
    await expectServed(other);
  });

  test('whose answer or notification is as deep is passed on [http.passthrough]', async () => {
    await using bridge = await startBridge({ server: fixture('hostile') });
    using client = await settleIn(bridge);
    for (const name of ['deep', 'flood-deep']) {
      const text = await (await client.post(call(name, name, { levels: 100_000 }), EVENTS)).text();
      expect(text).toContain(nest(100_000));
    }
    await expectServed(client);
    expectLean(bridge);
  });

  test('that tells fifty thousand things to nobody has the last thousand kept [http.resume]', async () => {
    await using bridge = await startBridge({ server: fixture('hostile') });
    using client = await settleIn(bridge);
    using other = await settleIn(bridge);
    const calls = keepCalling(other);
    const count = 50_000;
    for (const name of ['tell-much', 'progress-much'])
      expect(textOf(await client.ask(call(name, name, { count }), JSON_ONLY))).toBe(`told ${count}`);
    expect(await calls()).toBeGreaterThan(0);
    const kept: (string | undefined)[] = [];
    for await (const { id, data } of (await client.get({ 'Last-Event-ID': 'g.0' })).events()) {
      if (data) kept.push(id);
      if (id === `g.${count}`) break;
    }
    expect(kept).toHaveLength(1_000);
    expectLean(bridge);
  });
});

describe('a crowd', () => {
  /** Answers `initialize`, except of those that call themselves stuck; and calls. */
  const TINY = `
    let rest = '';
    process.stdin.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\\n');
      rest = lines.pop();
      for (const line of lines) {
        const { id, method, params } = JSON.parse(line);
        if (id === undefined || params?.clientInfo?.name === 'stuck') continue;
        const hello = { protocolVersion: params?.protocolVersion, capabilities: {}, serverInfo: { name: 't', version: '1' } };
        const result = method === 'initialize' ? hello : { content: [{ type: 'text', text: 'here' }] };
        console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
      }
    });`;
  const FOUR = { server: ['node', '-e', TINY], options: ['--max-backends', '4'] };
  const STUCK = rpc(1, 'initialize', {
    protocolVersion: NEWEST,
    capabilities: { stuck: {} },
    clientInfo: { name: 'stuck', version: '1' },
  });

  test('of a thousand may wait for four servers; the next ones are refused at once, and who was there is served', async () => {
    await using bridge = await startBridge(FOUR);
    using client = await settleIn(bridge);
    await client.get();
    using crowd = makeClient(bridge.url);
    const waiting = Array.from({ length: 1_003 }, () => crowd.post(STUCK).catch(() => undefined));
    await until(async () => (await bridge.health()).sessions.total === 1_004, 'the crowd');
    const refused = await crowd.post(STUCK);
    expect(refused.status).toBe(429);
    expect((await refused.json()).error).toEqual({
      code: -32000,
      message: 'Too many sessions are open, or wait for a server. End some of them, or come back later.',
    });
    await expectServed(client);
    expect(bridge.look().length).toBeLessThanOrEqual(4);
    crowd[Symbol.dispose]();
    for (const reply of waiting) (await reply)?.drop();
    await expectServed(client);
    expectLean(bridge);
  });

  test('of a hundred that open sessions as fast as they can runs four servers, and who was there is served meanwhile [session.idle]', async () => {
    await using bridge = await startBridge(FOUR);
    using client = await settleIn(bridge);
    await client.get();
    const calls = keepCalling(client);
    using crowd = makeClient(bridge.url);
    let most = 0;
    const seen = await many(100, 16, async (n) => {
      const reply = await crowd.post(initializeMessage(NEWEST));
      expect((await reply.answer()).result).toBeDefined();
      if (n % 10 === 0) most = Math.max(most, bridge.look().length);
      return reply.status;
    });
    expect([...seen]).toEqual([[200, 100]]);
    expect(await calls()).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(4);
    expectLean(bridge);
  });
});

/** An HTTP request as it stands on the wire. */
function requestText(
  method: string,
  session: string | undefined,
  headers: Readonly<Record<string, string>>,
  body?: string,
): string {
  const all = {
    Host: 'localhost',
    ...(session !== undefined && { 'Mcp-Session-Id': session }),
    ...headers,
    ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${method} /mcp HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

/** What comes back on a connection of its own, until it is closed: in order, or because too much was sent. */
function answerTo(bridge: BridgeProcess, request: string): Promise<string> {
  return new Promise((resolve) => {
    let came = '';
    const socket = connect(Number(new URL(bridge.url).port), '127.0.0.1', () => socket.write(request));
    socket.setEncoding('latin1').on('data', (text) => {
      came += text;
    });
    socket.on('error', () => {}).on('close', () => resolve(came));
  });
}

/** Writes a request so often on one connection; resolves with how often it was accepted. */
function pour(bridge: BridgeProcess, request: string, count: number): Promise<number> {
  const port = Number(new URL(bridge.url).port);
  return new Promise((resolve, reject) => {
    let accepted = 0;
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(request.repeat(count)));
    socket.setEncoding('latin1').on('data', (text) => {
      accepted += String(text).split('HTTP/1.1 202').length - 1;
      if (accepted < count) return;
      socket.destroy();
      resolve(accepted);
    });
    socket.on('error', reject);
  });
}

/** A GET that is left as soon as it is answered; resolves with the status. */
async function glance(bridge: BridgeProcess, headers: Readonly<Record<string, string>>): Promise<number> {
  using client = makeClient(bridge.url);
  return (await client.get(headers)).status;
}
