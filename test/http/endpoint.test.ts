// The socket: where it listens, what is said when it cannot, and what comes before there is anybody to answer.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, Server as HttpServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { BridgeError } from '../../src/errors.js';
import { type Endpoint, type Handler, type ListenPlan, listen } from '../../src/http/endpoint.js';
import { exchange, makeClient } from '../helpers/raw-http.js';

const HOST = '127.0.0.1';
const ARRIVAL = 'http.server.request.start';
const HELLO: Handler = (request, response) => void response.end(`hello ${request.url}`);

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

async function open(plan: Partial<ListenPlan> = {}): Promise<Endpoint> {
  const endpoint = await listen({ host: HOST, ports: [0], from: 'a test', ...plan });
  cleanUps.push(() => endpoint.close());
  return endpoint;
}

/** A port that somebody else has. */
async function takePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  cleanUps.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

async function faultOf(plan: Partial<ListenPlan>): Promise<BridgeError> {
  const fault: unknown = await open(plan).catch((error: unknown) => error);
  if (fault instanceof BridgeError) return fault;
  throw new Error(`Expected a BridgeError, got ${String(fault)}`);
}

/** The sockets of the next requests to any server of this process, once so many have come. */
function arrivals(count: number): Promise<Socket[]> {
  return new Promise((resolve) => {
    const sockets: Socket[] = [];
    const note = (arrival: unknown) => {
      sockets.push((arrival as { socket: Socket }).socket);
      if (sockets.length < count) return;
      unsubscribe(ARRIVAL, note);
      resolve(sockets);
    };
    subscribe(ARRIVAL, note);
  });
}

function failWith(code: string): void {
  vi.spyOn(HttpServer.prototype, 'listen').mockImplementation(function (this: HttpServer) {
    setImmediate(() => this.emit('error', Object.assign(new Error(`listen ${code}`), { code })));
    return this;
  });
}

describe('the port', () => {
  test('is any free one when 0 is asked for, and is told [cli.port]', async () => {
    const [one, two] = [await open(), await open()];
    expect(one.port).toBeGreaterThan(0);
    expect(two.port).not.toBe(one.port);
  });

  test('is the first free one of those to be tried [cli.port]', async () => {
    const [taken, alsoTaken] = [await takePort(), await takePort()];
    const free = await open();
    await free.close();
    expect((await open({ ports: [taken, alsoTaken, free.port] })).port).toBe(free.port);
  });

  test('that is taken is a fault that says who chose it and what to do [cli.port]', async () => {
    const port = await takePort();
    const fault = await faultOf({ ports: [port], from: '.mcp.json (mine)' });
    expect(fault.message).toBe(
      `Port ${port} (.mcp.json (mine)) is in use on 127.0.0.1. Stop what listens there, or choose another with --port.`,
    );
    expect(fault.exitCode).toBe(1);
  });

  test('is a fault too where all of several are taken [cli.port]', async () => {
    const [first, second] = [await takePort(), await takePort()];
    const fault = await faultOf({ ports: [first, second] });
    expect(fault.message).toBe(
      `Ports ${first} to ${second} are all in use on 127.0.0.1. Stop what listens there, or choose another with --port.`,
    );
  });

  test('that the user has no right to is a fault that says so [cli.port]', async () => {
    failWith('EACCES');
    const fault = await faultOf({ ports: [80, 81] });
    expect(fault).toMatchObject({
      message: 'Port 80 needs more rights than this user has. Choose one above 1023 with --port.',
      exitCode: 1,
    });
  });
});

describe('a host', () => {
  test('that is not of this machine is a fault that names the options [cli.port]', async () => {
    // An address for documentation, which no machine has (RFC 5737).
    const fault = await faultOf({ host: '192.0.2.1' });
    expect(fault.message).toMatch(
      /^Cannot listen on 192\.0\.2\.1: .*EADDRNOTAVAIL.* Check --host and --port\.$/,
    );
    expect(fault.exitCode).toBe(1);
  });

  test('that nobody knows is a fault that names the options [cli.port]', async () => {
    failWith('ENOTFOUND');
    const fault = await faultOf({ host: 'nowhere.invalid' });
    expect(fault.message).toBe(
      'Cannot listen on nowhere.invalid: listen ENOTFOUND. Check --host and --port.',
    );
  });

  test('is the only one that is listened on', async () => {
    const { port } = await open({ host: '127.0.0.5' });
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      connect(port, HOST).once('error', resolve);
    });
    expect(error.code).toBe('ECONNREFUSED');
  });
});

describe('what comes before there is a handler', () => {
  test('is answered when there is one, in the order in which it came [http.never-absent]', async () => {
    const endpoint = await open();
    using client = makeClient(`http://${HOST}:${endpoint.port}/mcp`);
    const arrived: string[] = [];
    const allThere = arrivals(3);
    const early = ['/one', '/two', '/three'].map(async (path) => {
      const reply = await client.send('POST', path, { 'Content-Type': 'text/plain' }, `to ${path}`);
      return reply.text();
    });
    await allThere;
    endpoint.serve((request, response) => {
      arrived.push(request.url ?? '');
      request.setEncoding('utf8').on('data', (body) => response.end(`hello ${body}`));
    });
    expect(await Promise.all(early)).toEqual(['hello to /one', 'hello to /two', 'hello to /three']);
    expect(arrived.toSorted()).toEqual(['/one', '/three', '/two']);
    expect(await (await client.send('POST', '/late', {}, 'late')).text()).toBe('hello late');
    expect(arrived).toHaveLength(4);
  });

  test('is not served if it has left by then: nobody would hear of its end [http.never-absent]', async () => {
    const endpoint = await open();
    const there = arrivals(2);
    const socket = connect(endpoint.port, HOST);
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    socket.write(get('/gone') + get('/gone-too'));
    const [sent] = await there;
    socket.destroy();
    if (sent) await once(sent, 'close');
    const served: (string | undefined)[] = [];
    endpoint.serve((request, response) => {
      served.push(request.url);
      HELLO(request, response);
    });
    using client = makeClient(`http://${HOST}:${endpoint.port}/mcp`);
    expect(await (await client.send('GET', '/here')).text()).toBe('hello /here');
    expect(served).toEqual(['/here']);
  });
});

describe('the end', () => {
  test('of listening refuses newcomers and lets open exchanges go on', async () => {
    const endpoint = await open();
    let finish = () => {};
    endpoint.serve((_, response) => {
      response.write('begun, ');
      finish = () => void response.end('ended');
    });
    using client = makeClient(`http://${HOST}:${endpoint.port}/mcp`);
    const going = await client.send('GET', '/');
    endpoint.stopListening();
    await expect(client.send('GET', '/')).rejects.toThrow('ECONNREFUSED');
    finish();
    expect(await going.text()).toBe('begun, ended');
  });

  test('comes at once where connections are only kept', async () => {
    const endpoint = await open();
    endpoint.serve(HELLO);
    using client = makeClient(`http://${HOST}:${endpoint.port}/mcp`, { keepAlive: true });
    await (await client.send('GET', '/')).text();
    // The grace of connections that are in use never passes.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    await endpoint.close();
  });

  test('cuts what goes on for ever', async () => {
    const endpoint = await open();
    endpoint.serve((_, response) => void response.write('for ever'));
    using client = makeClient(`http://${HOST}:${endpoint.port}/mcp`);
    const going = await client.send('GET', '/');
    await endpoint.close();
    await expect(going.text()).rejects.toThrow('aborted');
  });
});

describe('who is slow', () => {
  test('has 15 s for the headers and 2 minutes for all of a request', async () => {
    const server = await serverOf(open);
    expect(server).toMatchObject({ headersTimeout: 60_000, requestTimeout: 120_000, maxConnections: 4_096 });
    // What is slow is found so often.
    expect(server).toMatchObject({ connectionsCheckingInterval: 5_000 });
  });

  test.each([
    ['says nothing at all', '', ''],
    ['never ends its headers', 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: ', 'x'],
    [
      'never ends its body',
      'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{',
      'x',
    ],
    [
      'never ends its chunks',
      'POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
      '1\r\nx\r\n',
    ],
  ])('is cut off who %s, and others are served', async (_, begun, more) => {
    // The same server in a hurry: these are looked at whenever it looks.
    const endpoint = await inHurry(open);
    endpoint.serve((request, response) => void request.resume().on('end', () => response.end('hello')));
    const slow = connect(endpoint.port, HOST);
    slow.write(begun);
    // A byte now and then makes nobody quick.
    const trickle = setInterval(() => slow.write(more), 20);
    cleanUps.push(async () => clearInterval(trickle));
    let came = '';
    slow.setEncoding('latin1').on('data', (text) => {
      came += text;
    });
    slow.on('error', () => {});
    using client = makeClient(`http://${HOST}:${endpoint.port}/mcp`);
    expect(await (await client.send('GET', '/')).text()).toBe('hello');
    await once(slow, 'close');
    expect(came).toMatch(/^HTTP\/1.1 408 /);
    expect(await (await client.send('GET', '/')).text()).toBe('hello');
  });

  test('is not cut off who waits for a slow answer', async () => {
    const endpoint = await inHurry(open);
    let finish = () => {};
    endpoint.serve((_, response) => {
      response.write('begun, ');
      finish = () => void response.end('ended');
    });
    using client = makeClient(`http://${HOST}:${endpoint.port}/mcp`);
    const going = await client.send('GET', '/');
    const slow = connect(endpoint.port, HOST)
      .on('error', () => {})
      .resume();
    await once(slow, 'close');
    finish();
    expect(await going.text()).toBe('begun, ended');
  });
});

/** The server behind an endpoint that is being opened. */
async function serverOf(begin: () => Promise<Endpoint>): Promise<HttpServer> {
  const listens = vi.spyOn(HttpServer.prototype, 'listen');
  await begin();
  return (listens.mock.contexts[0] as HttpServer | undefined) ?? expect.unreachable();
}

/** An endpoint whose server gives nobody much time. */
async function inHurry(begin: () => Promise<Endpoint>): Promise<Endpoint> {
  const { listen: original } = HttpServer.prototype;
  vi.spyOn(HttpServer.prototype, 'listen').mockImplementation(function (
    this: HttpServer,
    ...args: unknown[]
  ) {
    Object.assign(this, { headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 20 });
    return Reflect.apply(original, this, args);
  });
  return begin();
}

describe('what is no HTTP', () => {
  test('is answered with 400, and others are served', async () => {
    const endpoint = await open();
    endpoint.serve(HELLO);
    const huge = `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await exchange(endpoint.port, '\x16\x03\x01 no HTTP\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(await exchange(endpoint.port, huge)).toMatch(/^HTTP\/1.1 431 /);
    expect(await exchange(endpoint.port, 'GET / HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n')).toContain(
      'hello /',
    );
  });
});
