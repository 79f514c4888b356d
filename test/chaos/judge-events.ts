// Events: no gap and no doubling in what a client that resumes is shown; what servers told has reached their clients.
import type { Exchange, History, Life, Outage, WireEvent } from './history.js';
import { describe } from './judge-exchanges.js';
import { groupBy, isBlind, seqOf, streamOf } from './streams.js';

/** What a server tells so long before its bridge is killed may still be in its pipe (ms). */
const IN_PIPE = 1_000;
/** What was written to a connection so long around its blind life went down with it (ms). */
const AROUND = 500;

export function judgeEvents(history: History): string[] {
  const lives = new Map(history.lives.map((life) => [life.life, life]));
  const groups = groupBy(history.exchanges, ({ client }) => client);
  const own = [...groups].flatMap(([client, exchanges]) => [
    ...exchanges.flatMap(judgeOrder),
    ...judgeOwners(exchanges),
    ...judgeSameness(client, exchanges),
    ...judgeTold(client, exchanges, lives),
  ]);
  return [
    ...own,
    ...history.lives.flatMap((life) => judgeLoss(life, groups.get(life.who ?? '') ?? [], history.outages)),
  ];
}

/** In one connection: one stream, each event after the one before it, from where the client has asked for. */
function judgeOrder(exchange: Exchange): string[] {
  const { events, after, request } = exchange;
  let last = after;
  for (const { id, message } of events) {
    if (id === undefined) continue;
    // Where a client asks for no point in a stream, that of a request begins at its beginning, the standalone one anywhere.
    const before = last ?? (request ? `${streamOf(id)}.0` : undefined);
    last = id;
    if (before === undefined) continue;
    // An event without a message only says where the stream goes on.
    const due = seqOf(before) + (message ? 1 : 0);
    if (streamOf(id) !== streamOf(before)) return [`${describe(exchange)}: ${id} in the stream of ${before}`];
    if (seqOf(id) > due) return [`${describe(exchange)}: ${id} after ${before}: events are missing`];
    if (seqOf(id) < due) return [`${describe(exchange)}: ${id} after ${before}: shown twice`];
  }
  return [];
}

/** The stream of a POST is that POST's for ever. */
function judgeOwners(exchanges: readonly Exchange[]): string[] {
  const owners = new Map<string, Exchange>();
  return exchanges.flatMap((exchange) => {
    const first = exchange.request && exchange.events.find(({ id }) => id)?.id;
    if (!first) return [];
    const owner = owners.get(streamOf(first));
    owners.set(streamOf(first), exchange);
    return owner
      ? `${describe(exchange)}: on ${streamOf(first)}, which was opened for ${describe(owner)}`
      : [];
  });
}

/** An event that is shown again is the same event. */
function judgeSameness(client: string, exchanges: readonly Exchange[]): string[] {
  const digests = new Map<string, string>();
  return withIds(exchanges).flatMap(({ id, digest }) => {
    const known = digests.get(id);
    digests.set(id, digest);
    return known === undefined || known === digest ? [] : `${client}: two events are called ${id}`;
  });
}

/** What a server told comes once, in its order in each stream, to its own client. */
function judgeTold(
  client: string,
  exchanges: readonly Exchange[],
  lives: ReadonlyMap<string, Life>,
): string[] {
  const places = new Map<string, string>();
  const lastOf = new Map<string, number>();
  const byId = new Map(withIds(exchanges).map((event) => [event.id, event]));
  const inOrder = [...byId.values()].toSorted((a, b) => seqOf(a.id) - seqOf(b.id));
  return inOrder.flatMap(({ id, message }) => {
    if (message?.kind !== 'told') return [];
    const what = `${message.life} ${message.seq}`;
    const complaints = [];
    const before = places.get(what);
    places.set(what, id);
    if (before) complaints.push(`${client}: told twice what ${what} said, in ${before} and ${id}`);
    const track = `${streamOf(id)} ${message.life}`;
    if ((lastOf.get(track) ?? 0) > message.seq) complaints.push(`${client}: ${id} (${what}) is out of order`);
    lastOf.set(track, message.seq);
    const who = lives.get(message.life)?.who;
    if (who !== client) complaints.push(`${client}: told what ${what} said to ${who}`);
    return complaints;
  });
}

/** What a server told has come, unless it went down with a bridge or with a connection that nobody can come back to. */
function judgeLoss(
  { life, who, told, startedAt }: Life,
  exchanges: readonly Exchange[],
  outages: readonly Outage[],
): string[] {
  const come = new Set(
    exchanges.flatMap(({ events }) =>
      events.flatMap(({ message }) => (message?.kind === 'told' && message.life === life ? message.seq : [])),
    ),
  );
  const highest = Math.max(0, ...come);
  const kill = outages.find(({ killedAt }) => killedAt >= startedAt);
  const blind = exchanges.filter(isBlind);
  const lost = told.filter(({ seq, n, at }) => {
    if (come.has(seq)) return false;
    const wasInPipe = kill !== undefined && seq > highest && at > kill.killedAt - IN_PIPE;
    return !wasInPipe && !blind.some((exchange) => exchange.request?.n === n || isAround(exchange, at));
  });
  const [first] = lost;
  if (!first) return [];
  const seqs = lost.map(({ seq }) => seq).join(', ');
  return [
    `${first.at} ${who}: ${seqs} of ${told.length} that ${life} told (call ${first.n} first) have never come`,
  ];
}

function isAround({ sentAt, endedAt = Number.POSITIVE_INFINITY }: Exchange, at: number): boolean {
  return at >= sentAt - AROUND && at <= endedAt + AROUND;
}

function withIds(
  exchanges: readonly Exchange[],
): (WireEvent & { readonly id: string; readonly digest: string })[] {
  return exchanges.flatMap(({ events }) =>
    events.flatMap((event) =>
      event.id === undefined || event.digest === undefined
        ? []
        : { ...event, id: event.id, digest: event.digest },
    ),
  );
}
