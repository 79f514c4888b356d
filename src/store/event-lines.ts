// The lines of events.log: a letter, the session, and what it is about; the text of an event as it came, at the end.
//
//     e <session> <stream> <seq> <0|1> <text>          an event; 1: on its way to the client
//     b <session> <stream> <requests>                  a stream begins
//     f <session> <stream>                             a stream is finished
//     s <session> <seq>                                events of the standalone stream are on their way up to this one
//     x <session>                                      all of the session is forgotten
//
// And where the file was rewritten, before the events that are left, or where counting begins:
//
//     k <session> <last post> <last sent>              what is known of the session
//     t <session> <stream> <seq> <0|1> <requests>      a stream, the last event that is gone; 1: finished
import { isRequestId, parseJson, type RequestId } from '../protocol/jsonrpc.js';
import type { Logs, SessionLogs, StreamLog } from './logs.js';
import type { SessionId, StreamId } from './store.js';

export function eventLine(
  session: SessionId,
  stream: StreamId,
  seq: number,
  sent: boolean,
  text: string,
): string {
  return `e ${session} ${stream} ${seq} ${sent ? 1 : 0} ${text}`;
}

export function begunLine(session: SessionId, stream: StreamId, requests: readonly RequestId[]): string {
  return `b ${session} ${stream} ${JSON.stringify(requests)}`;
}

export function finishedLine(session: SessionId, stream: StreamId): string {
  return `f ${session} ${stream}`;
}

export function sentLine(session: SessionId, seq: number): string {
  return `s ${session} ${seq}`;
}

export function forgottenLine(session: SessionId): string {
  return `x ${session}`;
}

/** How many lines `linesOf` has. */
export function countOf(logs: Logs): number {
  let count = 0;
  for (const { streams } of logs.sessions().values()) {
    count += 1;
    for (const { events } of streams.values()) count += 1 + events.length;
  }
  return count;
}

/** The fewest lines that tell all of the logs. */
export function* linesOf(logs: Logs): Iterable<string> {
  for (const session of logs.sessions().keys()) yield* linesOfSession(logs, session);
}

/** The fewest lines that tell all of a session. */
export function* linesOfSession(logs: Logs, session: SessionId): Iterable<string> {
  const kept = logs.sessions().get(session);
  if (kept) yield* linesOfKept(session, kept);
}

function* linesOfKept(session: SessionId, { lastPost, lastSent, streams }: SessionLogs): Iterable<string> {
  yield `k ${session} ${lastPost} ${lastSent}`;
  for (const [stream, log] of streams) {
    yield streamLine(session, stream, log);
    for (const { seq, text } of log.events) yield eventLine(session, stream, seq, false, text);
  }
}

function streamLine(
  session: SessionId,
  stream: StreamId,
  { events, seq, finished, requests }: StreamLog,
): string {
  const gone = events[0] ? events[0].seq - 1 : seq;
  return `t ${session} ${stream} ${gone} ${finished ? 1 : 0} ${JSON.stringify(requests)}`;
}

/** What a line is read with: its head, and what the words of that (from 1) and the text behind it change. */
interface Kind {
  readonly head: RegExp;
  /** False where the text is not understood. */
  apply(logs: Logs, words: readonly string[], text: string): boolean;
}

const KINDS: Readonly<Record<string, Kind>> = {
  e: {
    head: /^e (\S+) (g|p\d{1,15}) (\d{1,15}) ([01]) /,
    apply(logs, [, session = '', stream = '', seq = '', sent = ''], text) {
      logs.put(session, stream, { seq: Number(seq), text }, sent === '1');
      return true;
    },
  },
  b: {
    head: /^b (\S+) (g|p\d{1,15}) (?=\[)/,
    apply(logs, [, session = '', stream = ''], text) {
      const requests = requestsOf(text);
      if (requests) logs.begin(session, stream, requests);
      return requests !== undefined;
    },
  },
  f: {
    head: /^f (\S+) (g|p\d{1,15})$/,
    apply(logs, [, session = '', stream = '']) {
      logs.finish(session, stream);
      return true;
    },
  },
  s: {
    head: /^s (\S+) (\d{1,15})$/,
    apply(logs, [, session = '', seq = '']) {
      logs.sent(session, Number(seq));
      return true;
    },
  },
  x: {
    head: /^x (\S+)$/,
    apply(logs, [, session = '']) {
      logs.forget(session);
      return true;
    },
  },
  k: {
    head: /^k (\S+) (\d{1,15}) (\d{1,15})$/,
    apply(logs, [, session = '', lastPost = '', lastSent = '']) {
      logs.restoreSession(session, Number(lastPost), Number(lastSent));
      return true;
    },
  },
  t: {
    head: /^t (\S+) (g|p\d{1,15}) (\d{1,15}) ([01]) (?=\[)/,
    apply(logs, [, session = '', stream = '', seq = '', finished = ''], text) {
      const requests = requestsOf(text);
      if (requests)
        logs.restoreStream(session, stream, { seq: Number(seq), finished: finished === '1', requests });
      return requests !== undefined;
    },
  },
};

/** Does what a line says; false where it says nothing that is understood. */
export function applyEventLine(line: string, logs: Logs): boolean {
  const kind = KINDS[line.charAt(0)];
  const match = kind?.head.exec(line);
  if (!kind || !match) return false;
  return kind.apply(logs, match, line.slice(match[0].length));
}

function requestsOf(text: string): RequestId[] | undefined {
  const value = parseJson(text);
  return Array.isArray(value) && value.every(isRequestId) ? value : undefined;
}
