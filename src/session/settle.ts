// What an earlier bridge has left open in the streams of a session.
import { failureText } from '../errors.js';
import { asLine, type Line, param, parseJson, type RequestId } from '../protocol/jsonrpc.js';
import { CANCELLED } from '../protocol/mcp.js';
import { type SessionId, STANDALONE, type Store, type StreamId } from '../store/store.js';
import { BRIDGE_ENDED, takenBackText } from './failures.js';

/**
 * Closes it, for when the client comes back: what was asked there is taken back, and what was not answered gets an error.
 * Who would have answered is gone.
 */
export function settleStreams(store: Store, session: SessionId): void {
  takeBack(store, session, STANDALONE, said(store, session, STANDALONE));
  for (const [stream, requests] of store.unfinished(session)) {
    const lines = said(store, session, stream);
    const answered = new Set(lines.flatMap((line) => (line.kind === 'response' ? line.message.id : [])));
    takeBack(store, session, stream, lines);
    for (const id of requests)
      if (!answered.has(id)) store.append(session, stream, failureText(id, BRIDGE_ENDED));
    store.finish(session, stream);
  }
}

/** What is kept of a stream. */
function said(store: Store, session: SessionId, stream: StreamId): Line[] {
  const events = store.after(session, stream, 0)?.events ?? [];
  return events.flatMap(({ text }) => asLine(parseJson(text), text) ?? []);
}

/** Takes back what was asked in these lines, unless they take it back. Whether the client has answered is not on record. */
function takeBack(store: Store, session: SessionId, stream: StreamId, lines: readonly Line[]): void {
  const open = new Set<RequestId>();
  for (const { kind, message } of lines) {
    if (kind === 'request') open.add(message.id);
    else if (kind === 'notification' && message.method === CANCELLED)
      open.delete(param(message, 'requestId') as RequestId);
  }
  for (const id of open) store.append(session, stream, takenBackText(id));
}
