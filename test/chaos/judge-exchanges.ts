// Each HTTP exchange by itself: its status, the session it speaks of, and whether its connection was kept.
import type { Exchange, History, Outage } from './history.js';
import { hasAnswerOf, REQUEST_TIMEOUT, streamOf } from './streams.js';

/** A connection may break so long before we know that the bridge was killed, and after it is back (ms). */
const SLACK = 100;
/** The bridge's own bound: so many takeovers of the standalone stream in so long (ms). */
const TAKEOVERS = { most: 3, within: 30_000 };

export function judgeExchanges({ exchanges, outages }: History): string[] {
  const sessions = new Map<string, string>();
  return exchanges.flatMap((exchange) => {
    const { client, session, end } = exchange;
    const known = session && sessions.get(client);
    if (session && !known) sessions.set(client, session);
    const complaints = [];
    if (session && known && session !== known)
      complaints.push(`another session id: ${session}, not ${known}`);
    if (end === 'lost' && !wasDown(exchange, outages)) complaints.push('lost while the bridge was up');
    if (end === undefined) complaints.push('never ended');
    if (!isStatusRight(exchange, exchanges)) complaints.push(`answered ${exchange.status}`);
    return complaints.map((complaint) => `${describe(exchange)}: ${complaint}`);
  });
}

/** Whether the bridge was away at some time of the exchange. */
export function wasDown(
  { sentAt, endedAt = Number.POSITIVE_INFINITY }: Exchange,
  outages: readonly Outage[],
): boolean {
  return outages.some(({ killedAt, backAt }) => endedAt >= killedAt - SLACK && sentAt <= backAt + SLACK);
}

export function describe({ client, method, request, after, sentAt }: Exchange): string {
  const what = request
    ? `${request.method} ${request.n === undefined ? `id ${request.id}` : `call ${request.n}`}`
    : '';
  return [`${sentAt}`, client, method, what, after && `after ${after}`].filter(Boolean).join(' ');
}

function isStatusRight(exchange: Exchange, exchanges: readonly Exchange[]): boolean {
  const { status, method, request } = exchange;
  switch (status) {
    case undefined:
      // Its connection died before; how, is looked at elsewhere.
      return true;
    case 200:
      return true;
    case 202:
      return method === 'POST' && !request;
    case 405:
      return method === 'GET' && isFinished(exchange, exchanges);
    case REQUEST_TIMEOUT:
      return method === 'POST';
    case 409:
      return method === 'GET' && hasTakenOverOften(exchange, exchanges);
    default:
      return false;
  }
}

/** The client has had the answers of the stream that it comes back to. */
function isFinished({ client, after }: Exchange, exchanges: readonly Exchange[]): boolean {
  const stream = after && streamOf(after);
  if (!stream || stream === 'g') return false;
  const own = exchanges.filter((each) => each.client === client);
  const opener = own.find(
    ({ request, events }) => request && events.some(({ id }) => id && streamOf(id) === stream),
  );
  return opener?.request !== undefined && own.some((each) => hasAnswerOf(each, opener.request?.id));
}

function hasTakenOverOften({ client, sentAt }: Exchange, exchanges: readonly Exchange[]): boolean {
  const before = exchanges.filter(
    (each) =>
      each.client === client &&
      each.method === 'GET' &&
      (each.after === undefined || streamOf(each.after) === 'g') &&
      each.sentAt < sentAt &&
      sentAt - each.sentAt < TAKEOVERS.within,
  );
  return before.length > TAKEOVERS.most;
}
