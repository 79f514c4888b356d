// What is on record of a session: when it begins, and after what changes it.
import { notificationText, param, type RequestLine, requestText } from '../protocol/jsonrpc.js';
import { INITIALIZE, INITIALIZED, SET_LEVEL, SUBSCRIBE, UNSUBSCRIBE } from '../protocol/mcp.js';
import type { SessionRecord } from '../store/store.js';

/** Subscriptions that are repeated to the next backend: a record is written with each change of it. */
const MOST_SUBSCRIPTIONS = 1_000;

/** A session that a client opens. */
export function newRecord(id: string, { text }: RequestLine): SessionRecord {
  return { id, initialize: text, subscriptions: new Map(), shown: new Map(), usedAt: Date.now() };
}

/**
 * A session whose client opened it with an earlier bridge that has kept no record of it: a client without capabilities that
 * speaks `revision`.
 */
export function strangerRecord(id: string, revision: string): SessionRecord {
  const params = {
    protocolVersion: revision,
    capabilities: {},
    clientInfo: { name: 'mcp-bridge', version: '1' },
  };
  const initialize = requestText('mcp-bridge', INITIALIZE, params);
  return {
    ...{ id, initialize, revision, initialized: notificationText(INITIALIZED) },
    ...{ subscriptions: new Map(), shown: new Map(), usedAt: Date.now() },
  };
}

/** The record after the server accepted a request, or the same record if that changes nothing that lasts. */
export function afterRequest(record: SessionRecord, { message, text }: RequestLine): SessionRecord {
  switch (message.method) {
    case SET_LEVEL:
      return { ...record, setLevel: text };
    case SUBSCRIBE:
      return { ...record, subscriptions: newest(record.subscriptions, uriOf(message), text) };
    case UNSUBSCRIBE:
      return { ...record, subscriptions: withoutKey(record.subscriptions, uriOf(message)) };
    default:
      return record;
  }
}

function uriOf(message: { params?: unknown }): string {
  return String(param(message, 'uri'));
}

/** With one more at the end; of too many, without the oldest. */
function newest(map: ReadonlyMap<string, string>, key: string, text: string): ReadonlyMap<string, string> {
  const copy = new Map(map);
  copy.delete(key);
  copy.set(key, text);
  const [oldest] = copy.keys();
  if (copy.size > MOST_SUBSCRIPTIONS && oldest !== undefined) copy.delete(oldest);
  return copy;
}

function withoutKey<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
