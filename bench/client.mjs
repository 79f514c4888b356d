// A raw keep-alive HTTP client: one MCP session, any number of tool calls outstanding, one connection each.
import { once } from 'node:events';
import { connect } from 'node:net';
import { makeHttpReader } from './http-reader.mjs';
import { makeMessageReader } from './messages.mjs';

const PROTOCOL = '2025-11-25';
const PATIENCE_MS = 60_000;
const TEXT_BYTES = 64;

/** Makes the handshake with a bridge; the session is what later calls need of it. */
export async function openSession({ port, path }, signal) {
  const session = { port, path, lastId: 0, head: makeRequestHead('POST', { port, path }) };
  const connection = await openConnection(session, signal);
  try {
    await shakeHands(session, connection);
  } finally {
    connection.close();
  }
  return session;
}

async function shakeHands(session, connection) {
  const { port, path } = session;
  const { head, message, sentAt, answeredAt } = await connection.exchange(
    request(session, 'initialize', hello()),
  );
  session.initializeMs = answeredAt - sentAt;
  const id = head.headers.get('mcp-session-id');
  if (!message.result) throw new Error(`initialize was answered ${JSON.stringify(message)}`);
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': message.result.protocolVersion };
  if (id) {
    session.id = id;
    session.head = makeRequestHead('POST', { port, path }, headers);
    session.endHead = makeRequestHead('DELETE', { port, path }, headers);
  }
  await connection.exchange(notification('notifications/initialized'));
}

/** The client says that it is done with the session. */
export async function endSession(session, signal) {
  const connection = await openConnection({ ...session, head: session.endHead }, signal);
  try {
    await connection.exchange({ id: undefined, body: '' });
  } finally {
    connection.close();
  }
}

/** A connection on which one session after the other is opened, asked once, and ended. */
export async function openLives({ port, path }, signal) {
  const head = makeRequestHead('POST', { port, path });
  const session = { port, path, lastId: 0, head };
  const connection = await openConnection(session, signal);
  return {
    async live(method, params) {
      session.head = head;
      await shakeHands(session, connection);
      const { message } = await connection.exchange(request(session, method, params));
      session.head = session.endHead;
      await connection.exchange({ id: undefined, body: '' });
      return message;
    },
    close: connection.close,
  };
}

/**
 * A connection for the requests of a session, one at a time. `ask` returns
 * `{ message, sentAt, headAt, answeredAt }`; a refusal, or no answer, is an error.
 */
export async function openLine(session, signal) {
  const connection = await openConnection(session, signal);
  return {
    ask: (method, params) => connection.exchange(request(session, method, params)),
    close: connection.close,
  };
}

/**
 * Keeps `outstanding` calls on their way for so many milliseconds.
 * Returns the latency of each call answered in that time; a wrong answer, or none, is an error.
 */
export async function keepCalling(session, { outstanding, milliseconds, signal }) {
  const connections = await Promise.all(
    Array.from({ length: outstanding }, () => openConnection(session, signal)),
  );
  const latencies = [];
  const end = performance.now() + milliseconds;
  try {
    await Promise.all(
      connections.map(async (connection) => {
        while (performance.now() < end) {
          const { sentAt, answeredAt } = await callEcho(session, connection);
          if (answeredAt <= end) latencies.push(answeredAt - sentAt);
        }
      }),
    );
  } finally {
    for (const connection of connections) connection.close();
  }
  return latencies;
}

/** The text differs in each call, so that an answer that went to the wrong call is seen. */
async function callEcho(session, connection) {
  const text = String(session.lastId + 1).padStart(TEXT_BYTES, '.');
  const params = { name: 'echo', arguments: { text } };
  const { sentAt, answeredAt, message } = await connection.exchange(request(session, 'tools/call', params));
  if (message.result?.content?.[0]?.text !== text) {
    throw new Error(`a call of ${text} was answered ${JSON.stringify(message)}`);
  }
  return { sentAt, answeredAt };
}

function hello() {
  return { protocolVersion: PROTOCOL, capabilities: {}, clientInfo: { name: 'bench', version: '1.0.0' } };
}

function request(session, method, params) {
  session.lastId += 1;
  return { id: session.lastId, body: JSON.stringify({ jsonrpc: '2.0', id: session.lastId, method, params }) };
}

function notification(method) {
  return { id: undefined, body: JSON.stringify({ jsonrpc: '2.0', method }) };
}

/** One socket; one exchange at a time. */
async function openConnection(session, signal) {
  const socket = connect({ port: session.port, host: '127.0.0.1', noDelay: true, signal });
  await once(socket, 'connect');
  let exchange;

  const settle = (error) => {
    const { resolve, reject, ...outcome } = exchange ?? {};
    exchange = undefined;
    if (error) reject?.(error);
    else resolve(outcome);
  };
  const read = makeHttpReader({
    onHead(answer) {
      if (!exchange) throw new Error('an answer came that nobody had asked for');
      exchange.head = answer;
      exchange.headAt = performance.now();
      exchange.messages = makeMessageReader(answer.headers.get('content-type') ?? '', (message) => {
        if (message.id !== exchange.id || 'method' in message) return;
        exchange.answeredAt = performance.now();
        exchange.message = message;
      });
    },
    onBody(bytes) {
      if (exchange.head.status >= 300) exchange.refusal.push(bytes);
      else exchange.messages.read(bytes);
    },
    onEnd() {
      if (exchange.head.status < 300) exchange.messages.end();
      settle(whatIsWrong(exchange));
    },
  });
  socket.on('data', (chunk) => {
    try {
      read(chunk);
    } catch (error) {
      socket.destroy(error);
    }
  });
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no answer for ${PATIENCE_MS / 1000} s`)));
  socket.on('error', settle);
  socket.on('close', () => settle(new Error('the bridge closed the connection before it answered')));

  return {
    exchange: ({ id, body }) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) throw new Error('the bridge closed the connection between two calls');
        exchange = { id, resolve, reject, refusal: [], sentAt: performance.now() };
        socket.write(`${session.head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
      }),
    close: () => socket.destroy(),
  };
}

function whatIsWrong({ id, head, message, refusal }) {
  if (head.status >= 300) return new Error(`status ${head.status}: ${Buffer.concat(refusal)}`);
  if (id !== undefined && !message)
    return new Error(`status ${head.status}, ended without the response to ${id}`);
}

/** Everything up to the value of content-length. */
function makeRequestHead(method, { port, path }, headers = {}) {
  const fields = {
    host: `127.0.0.1:${port}`,
    connection: 'keep-alive',
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}content-length: `;
}
