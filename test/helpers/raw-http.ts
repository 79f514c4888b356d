// A client without opinions: sends what it is told, and shows what came back as it came.
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const NEWEST = '2025-11-25';

/** A POST with these is answered with one body: what else the server says goes to the standalone stream. */
export const JSON_ONLY = { Accept: 'application/json' };

const EVENT_DEADLINE = 10_000;

/** Headers to send; undefined leaves out one that would be sent by itself. */
export type RawHeaders = Readonly<Record<string, string | undefined>>;

export interface RpcReply {
  readonly jsonrpc: string;
  readonly id?: unknown;
  readonly result?: { readonly [key: string]: unknown; readonly content?: readonly { text: string }[] };
  readonly error?: { readonly code: number; readonly message: string };
}

/** One block of an event stream. */
export interface StreamEvent {
  readonly id?: string;
  readonly data?: string;
  readonly retry?: number;
  readonly comment?: string;
}

/** An answer whose headers have come. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The media type, without parameters. */
  readonly type: string | undefined;
  text(): Promise<string>;
  json(): Promise<RpcReply>;
  /** The blocks of the stream; leaving the loop early drops the connection. */
  events(): AsyncGenerator<StreamEvent, void, undefined>;
  /** The response in it, whether it came as one body or as an event. */
  answer(): Promise<RpcReply>;
  /** Ends the connection from this side. */
  drop(): void;
}

export interface RawClient extends Disposable {
  /** Set by `initialize`, and sent with all that follows. */
  session: string | undefined;
  revision: string | undefined;
  /** A message, as an object or as its text or bytes. */
  post(message: object | string | Buffer, headers?: RawHeaders): Promise<Reply>;
  get(headers?: RawHeaders): Promise<Reply>;
  del(headers?: RawHeaders): Promise<Reply>;
  /** Any method, on any path. */
  send(method: string, path: string, headers?: RawHeaders, body?: string | Buffer): Promise<Reply>;
  /** Opens a session: `initialize`, its answer, `notifications/initialized`. */
  initialize(revision?: string): Promise<RpcReply>;
  /** A request and its response. */
  ask(message: object | string, headers?: RawHeaders): Promise<RpcReply>;
}

export interface ClientPlan {
  /** One connection for all that is asked one after the other. */
  readonly keepAlive?: boolean;
}

/** A client of the endpoint at `url`. */
export function makeClient(url: string, { keepAlive = false }: ClientPlan = {}): RawClient {
  const agent = new Agent({ keepAlive });
  const open = new Set<Reply>();
  const { hostname, port, pathname } = new URL(url);

  async function send(method: string, path: string, headers: RawHeaders = {}, body?: string | Buffer) {
    const all = { 'Mcp-Session-Id': client.session, 'MCP-Protocol-Version': client.revision, ...headers };
    const set = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
    const plan = { agent, hostname, port, method, path, headers: Object.fromEntries(set) };
    const reply = await new Promise<Reply>((resolve, reject) => {
      const sent = request(plan, (response) => resolve(makeReply(response)));
      sent.on('error', reject).end(body);
    });
    open.add(reply);
    return reply;
  }

  const client: RawClient = {
    session: undefined,
    revision: undefined,
    send,
    post: (message, headers) => {
      const body =
        typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message);
      const own = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
      return send('POST', pathname, { ...own, ...headers }, body);
    },
    get: (headers) => send('GET', pathname, { Accept: 'text/event-stream', ...headers }),
    del: (headers) => send('DELETE', pathname, headers),
    ask: async (message, headers) => (await client.post(message, headers)).answer(),
    initialize: async (revision = NEWEST) => {
      const reply = await client.post(initializeMessage(revision));
      const answer = await reply.answer();
      client.session = reply.headers['mcp-session-id']?.toString();
      client.revision = String(answer.result?.protocolVersion);
      const initialized = await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
      await initialized.text();
      return answer;
    },
    [Symbol.dispose]: () => {
      for (const reply of open) reply.drop();
      agent.destroy();
    },
  };
  return client;
}

export function initializeMessage(revision: string): object {
  const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  return rpc('init', 'initialize', params);
}

/** The next event that carries a message. */
export async function nextMessage(events: AsyncGenerator<StreamEvent, void>): Promise<StreamEvent> {
  for (;;) {
    const next = await Promise.race([events.next(), sleep(EVENT_DEADLINE, undefined, { ref: false })]);
    if (!next) throw new Error(`No event came in ${EVENT_DEADLINE / 1000} s.`);
    if (!next.value) throw new Error('The stream ended.');
    if (next.value.data) return next.value;
  }
}

/** A request. */
export function rpc(id: number | string, method: string, params?: object): object {
  return { jsonrpc: '2.0', id, method, params };
}

/** A request that calls a tool. */
export function call(id: number | string, name: string, args: object = {}): object {
  return rpc(id, 'tools/call', { name, arguments: args });
}

export function notification(method: string, params?: object): object {
  return { jsonrpc: '2.0', method, params };
}

/** The first text that a tool answered with. */
export function textOf({ result }: RpcReply): string | undefined {
  return result?.content?.[0]?.text;
}

function makeReply(response: IncomingMessage): Reply {
  // Whoever reads is told by the iterator; a connection that nobody reads may break unheard.
  response.on('error', () => {});
  const text = async () => {
    let whole = '';
    for await (const chunk of response.setEncoding('utf8')) whole += chunk;
    return whole;
  };
  const json = async () => JSON.parse(await text()) as RpcReply;
  const type = response.headers['content-type']?.split(';')[0];
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    type,
    text,
    json,
    events: () => readEvents(response),
    answer: async () => (type === 'text/event-stream' ? responseIn(readEvents(response)) : json()),
    drop: () => response.destroy(),
  };
}

async function responseIn(events: AsyncIterable<StreamEvent>): Promise<RpcReply> {
  const seen: StreamEvent[] = [];
  let answer: RpcReply | undefined;
  for await (const event of events) {
    seen.push(event);
    const message: object = event.data ? JSON.parse(event.data) : {};
    if ('result' in message || 'error' in message) answer = message as RpcReply;
  }
  if (!answer) throw new Error(`The stream ended without a response: ${JSON.stringify(seen)}`);
  return answer;
}

async function* readEvents(response: IncomingMessage): AsyncGenerator<StreamEvent, void, undefined> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    rest += chunk;
    // Data is one line: a long one is not looked through again with each piece of it.
    if (!chunk.includes('\n')) continue;
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) yield parseEvent(block);
  }
}

function parseEvent(block: string): StreamEvent {
  const lines = block.split('\n').map((line) => /^([^:]*): ?(.*)$/s.exec(line) ?? []);
  const fields = Object.fromEntries(lines.map(([, name = '', value]) => [name || 'comment', value]));
  const { id, data, retry, comment } = fields;
  return {
    ...(id !== undefined && { id }),
    ...(data !== undefined && { data }),
    ...(retry !== undefined && { retry: Number(retry) }),
    ...(comment !== undefined && { comment }),
  };
}

/** Writes bytes to a fresh connection, and gives all that came back until it ended. */
export function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let came = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1').on('data', (chunk) => {
      came += chunk;
    });
    socket.on('error', reject).on('close', () => resolve(came));
  });
}
