// From an exchange to its verb: who may ask, which path, which method; and the words of every refusal.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Refusal, refusal, refusalReply } from '../errors.js';
import type { Options } from '../options.js';
import type { Registry } from '../session/registry.js';
import { del } from './delete.js';
import type { Handler } from './endpoint.js';
import { get } from './get.js';
import { checkSource, checkToken } from './guard.js';
import { isOps, type Ops, ops } from './ops.js';
import { post } from './post.js';
import { Unread } from './unread.js';

export type HttpReport = { readonly kind: 'http.failed'; readonly error: unknown };

export interface Rooms {
  readonly registry: Registry;
  readonly ops: Ops;
  readonly options: Pick<Options, 'path' | 'maxBody' | 'allowHost' | 'allowOrigin' | 'token'>;
  readonly report: (report: HttpReport) => void;
}

/** So long a client may go on sending a body that was refused, before it is cut off (ms). */
const REFUSED_BODY_GRACE = 2_000;

interface Within extends Rooms {
  readonly unread: Unread;
  /** The path of the endpoint. */
  readonly endpoint: string;
}

export function makeHandler(rooms: Rooms): Handler {
  const within = { ...rooms, unread: new Unread(), endpoint: pathOf(rooms.options.path) };
  return (request, response) => {
    answer(request, response, within).then(
      (refused) => {
        if (refused) refuse(request, response, refused);
      },
      (error: unknown) => {
        rooms.report({ kind: 'http.failed', error });
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end();
      },
    );
  };
}

/** What answers while the bridge stops: nothing is started any more. */
export const refuseAll: Handler = (request, response) => {
  refuse(request, response, refusal('stopping', 'The bridge is stopping.'));
};

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { registry, ops: facts, options, unread, endpoint }: Within,
): Promise<Refusal | undefined> {
  const localAddress = request.socket.localAddress ?? '';
  const source = checkSource(request.headers, localAddress, options);
  if (!source.ok) return source;
  if (request.headers.origin !== undefined && allowBrowser(request, response)) return undefined;
  const path = pathOf(request.url ?? '/');
  const isEndpoint = path === endpoint;
  // Clients look for an authorization server at /.well-known/*: anything but a plain 404 misleads them.
  if (!isEndpoint && !isOps(path)) return refusal('path-unknown', 'Not found.');
  const token = checkToken(request.headers, options);
  if (!token.ok) return token;
  if (!isEndpoint) return ops(path, request, response, facts);
  switch (request.method) {
    case 'POST':
      return post(request, response, { registry, maxBody: options.maxBody });
    case 'GET':
      return get(request, response, { registry, unread });
    case 'DELETE':
      return del(request, response, registry);
    default:
      return refusal('method-refused', `There is no ${request.method} here.`);
  }
}

/** A body that still comes is read and thrown away for a while: cut off at once, its sender would not see the refusal. */
function refuse(request: IncomingMessage, response: ServerResponse, refused: Refusal): void {
  const { status, body } = refusalReply(refused);
  if (!request.complete) {
    request.resume();
    const cutOff = setTimeout(() => request.destroy(), REFUSED_BODY_GRACE);
    request.once('close', () => clearTimeout(cutOff));
  }
  if (status === 405 && !response.hasHeader('Allow')) response.setHeader('Allow', 'GET, POST, DELETE');
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
}

/** The origin was checked. Whether the exchange was only the browser's question if it may ask (Fetch, CORS). */
function allowBrowser(request: IncomingMessage, response: ServerResponse): boolean {
  response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '');
  response.setHeader('Vary', 'Origin');
  response.setHeader('Access-Control-Expose-Headers', 'Mcp-Session-Id');
  if (request.method !== 'OPTIONS') return false;
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, DELETE');
  response.setHeader(
    'Access-Control-Allow-Headers',
    request.headers['access-control-request-headers'] ?? '*',
  );
  response.writeHead(204).end();
  return true;
}

/** Without the query, and without a slash at the end; of the absolute form too (RFC 9112, 3.2.2). */
export function pathOf(url: string): string {
  const target = url.startsWith('/') ? url : url.replace(/^http:\/\/[^/?]*/i, '') || '/';
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
