// POST: a message of the client. A request is answered with one JSON body if its answer is there in a moment, else with
// a stream of events.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Refusal, refusal } from '../errors.js';
import { eraOf } from '../protocol/era.js';
import type { Line, RequestId, RequestLine } from '../protocol/jsonrpc.js';
import { allowsBatches, INITIALIZE } from '../protocol/mcp.js';
import type { Registry } from '../session/registry.js';
import type { Session } from '../session/session.js';
import { type Body, parseBody, readBody } from './body.js';
import { HttpConnection } from './connection.js';
import { findSession, refuse } from './find-session.js';
import { type Accepted, checkPostHeaders, checkRevision, revisionOf } from './guard.js';

/** How long an answer may take and still be one JSON body (ms). */
const MOMENT = 25;

/** It is kept for as long as the session is (characters). */
const LONGEST_INITIALIZE = 1024 * 1024;

const NO_BODY = { 'Content-Length': 0 };

export interface PostRooms {
  readonly registry: Registry;
  readonly maxBody: number;
}

/** A POST whose headers are in order. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly accepts: Accepted;
}

/** Answers the exchange, now or later; or tells why it refuses to. */
export async function post(
  request: IncomingMessage,
  response: ServerResponse,
  { registry, maxBody }: PostRooms,
): Promise<Refusal | undefined> {
  const checked = checkPostHeaders(request.headers);
  if (!checked.ok) return checked;
  const exchange = { request, response, accepts: checked.accepts };
  const bytes = await readBody(request, maxBody);
  if ('ok' in bytes) return bytes;
  const body = parseBody(bytes);
  if (!body.ok) return body;
  const asks = body.lines.find(({ kind }) => kind === 'request');
  // Answers and cancellations still pass: calls that finish may wait for them.
  if (registry.isClosing && asks) return refusal('stopping', 'Not run: the bridge is stopping.', idOf(asks));
  const stateless = refuseStateless(body, request);
  if (stateless) return stateless;
  const [first] = body.lines;
  if (!body.batch && first && isInitialize(first)) return initialize(exchange, registry, first);
  const found = findSession(request.headers, registry, asks ? 'request' : 'message');
  if (found.ok) return converse(exchange, found.session, body);
  if (found.code !== 'session-unheard') return found;
  response.writeHead(202, NO_BODY).end();
  return undefined;
}

function initialize(exchange: Exchange, registry: Registry, line: RequestLine): Refusal | undefined {
  if (line.text.length > LONGEST_INITIALIZE) {
    const message = `The initialize is longer than ${LONGEST_INITIALIZE} characters.`;
    return refusal('initialize-too-large', message, line.message.id);
  }
  const session = registry.open(line);
  if (session === 'full') return refuse(session, registry);
  session.open(line, openStream(exchange, session, [line.message.id], false));
  return undefined;
}

function converse(exchange: Exchange, session: Session, { lines, batch }: Body): Refusal | undefined {
  const revision = checkRevision(exchange.request.headers, session.revision);
  if (!revision.ok) return revision;
  if (batch && (!allowsBatches(session.revision) || lines.some(isInitialize))) {
    return refusal(
      'batch-refused',
      `Revision ${session.revision} has no batches, and initialize is never in one.`,
    );
  }
  const requests = lines.flatMap((line) => (line.kind === 'request' ? line.message.id : []));
  const stream = requests.length > 0 ? openStream(exchange, session, requests, batch) : undefined;
  for (const line of lines) {
    if (line.kind !== 'request') session.receive(line);
    else if (stream) session.call(line, stream);
  }
  if (!stream) exchange.response.writeHead(202, NO_BODY).end();
  return undefined;
}

/** The stream that the requests of this POST are answered on. */
function openStream(
  { response, accepts }: Exchange,
  session: Session,
  requests: readonly RequestId[],
  batch: boolean,
) {
  const connection = new HttpConnection(response, { sessionId: session.id, events: accepts.events });
  const stream = session.openStream(connection, requests, batch);
  if (!accepts.json) session.beginStream(stream);
  const moment = setTimeout(() => session.beginStream(stream), MOMENT);
  response.once('close', () => {
    clearTimeout(moment);
    session.detach(stream, connection);
  });
  return stream;
}

function idOf(line: Line): RequestId | null {
  return line.kind === 'request' ? line.message.id : null;
}

function isInitialize(line: Line): line is RequestLine {
  return line.kind === 'request' && line.message.method === INITIALIZE;
}

/** Revisions without sessions are refused in the way that makes their clients fall back to `initialize`. */
function refuseStateless({ lines }: Body, request: IncomingMessage): Refusal | undefined {
  const line = lines.find((each) => eraOf(each, revisionOf(request.headers)) === 'stateless');
  if (!line || line.kind === 'response') return undefined;
  const id = line.kind === 'request' ? line.message.id : null;
  return refusal(
    'era-unsupported',
    `Method not found: ${line.message.method} of a revision without sessions.`,
    id,
  );
}
