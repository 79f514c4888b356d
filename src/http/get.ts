// GET: the standalone stream of a session, or the rest of a stream that the client lost.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Refusal, refusal } from '../errors.js';
import { LAST_EVENT_HEADER } from '../protocol/mcp.js';
import type { Registry } from '../session/registry.js';
import { HttpConnection } from './connection.js';
import { findSession } from './find-session.js';
import { accepted, checkRevision } from './guard.js';
import type { Unread } from './unread.js';

/** Opens the stream, or tells why not. */
export function get(
  request: IncomingMessage,
  response: ServerResponse,
  { registry, unread }: { readonly registry: Registry; readonly unread: Unread },
): Refusal | undefined {
  const { events, any } = accepted(request.headers.accept);
  if (!events && !any) {
    return refusal(
      'not-acceptable',
      'A GET is answered with a stream of events, which Accept does not name.',
    );
  }
  const found = findSession(request.headers, registry, 'stream');
  if (!found.ok) return found;
  const { session } = found;
  const revision = checkRevision(request.headers, session.revision);
  if (!revision.ok) return revision;
  if (unread.tooMuch) return refusal('too-much-unread', 'Too much waits for clients that do not read.');
  const connection = new HttpConnection(response, { sessionId: session.id, events: true });
  const lastEventId = request.headers[LAST_EVENT_HEADER];
  const stream = session.attach(connection, typeof lastEventId === 'string' ? lastEventId : undefined);
  if (stream === 'finished') return refusal('stream-finished', 'This stream has ended.');
  if (stream === 'taken') {
    return refusal('stream-taken', 'Two clients of this session take its stream from each other.');
  }
  unread.watch(response);
  response.once('close', () => session.detach(stream, connection));
  return undefined;
}
