// What a client is answered on: a stream, and the connection that carries it while there is one.
import type { RequestId } from '../protocol/jsonrpc.js';
import { STANDALONE, type StreamId } from '../store/store.js';

/** One open HTTP response, as a session sees it. http/ makes them. */
export interface Connection {
  /** Whether it can carry events; if not, only the body of an answer. */
  readonly events: boolean;
  /** Whether its headers were sent: it is too late for one JSON body. */
  readonly begun: boolean;
  /** Sends the headers, and in an event stream what comes before the first event. Once. */
  begin(priming: string): void;
  /** Writes text of events, after `begin`. */
  write(text: string): void;
  /** The whole answer as one JSON body, and the end. */
  body(json: string): void;
  /** The end, without an answer where none was sent. */
  end(): void;
}

/** One SSE stream of a session; it lives on without a connection. */
export interface Stream {
  readonly id: StreamId;
  /** Came as a batch: answered as one too. */
  readonly batch: boolean;
  connection: Connection | undefined;
  /** What it was opened for. The standalone stream was opened for none, and never ends. */
  readonly requests: readonly RequestId[];
  /** Requests that are not answered yet. */
  waiting: number;
  /** The client knows an id of this stream, so it can come back to it. */
  resumable: boolean;
  /** When its client left it (ms, monotonic), if it did. */
  leftAt: number | undefined;
  /** Answers gathered for one JSON body. */
  bodies: string[];
}

/** Why a GET gets no stream: nothing is left to resume, or others take the standalone stream from each other. */
export type NoStream = 'finished' | 'taken';

/** The stream that was opened for these requests, or the standalone one. */
export function makeStream(
  id: StreamId,
  connection: Connection | undefined,
  requests: readonly RequestId[],
  batch: boolean,
): Stream {
  const resumable = id === STANDALONE;
  const waiting = requests.length;
  return { id, batch, connection, requests, waiting, resumable, leftAt: undefined, bodies: [] };
}
