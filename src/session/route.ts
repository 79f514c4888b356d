// Which stream a message of a backend belongs to. stdio does not say what a message is about, so this is a rule.
import type { Line } from '../protocol/jsonrpc.js';
import { isObject, param } from '../protocol/jsonrpc.js';
import type { Stream } from './stream.js';

export interface Roads {
  /** The streams of the requests in flight, oldest request first. */
  readonly inFlight: readonly Stream[];
  readonly standalone: Stream;
}

const RELATED_TASK = 'io.modelcontextprotocol/related-task';

/**
 * Requests and notifications that name no request: with one request in flight they belong to it, else to the
 * standalone stream if the client has it open, else to the newest request whose client listens, else they wait on the
 * standalone stream. What a task says is not about the request that started it.
 */
export function routeOf(line: Line, { inFlight, standalone }: Roads): Stream {
  const [only, ...others] = inFlight;
  if (only && others.length === 0 && carriesEvents(only) && !isAboutTask(line)) return only;
  if (standalone.connection) return standalone;
  return inFlight.findLast((stream) => stream.connection && carriesEvents(stream)) ?? standalone;
}

/** Its client can be told something before the answer: now, or when it comes back. */
function carriesEvents(stream: Stream): boolean {
  return stream.connection ? stream.connection.events : stream.resumable;
}

function isAboutTask(line: Line): boolean {
  const meta = line.kind === 'response' ? undefined : param(line.message, '_meta');
  return isObject(meta) && RELATED_TASK in meta;
}
