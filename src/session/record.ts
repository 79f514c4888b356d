// What is on record of a session: when it begins, and after what changes it.
import {
  type NotificationLine,
  notificationText,
  param,
  type RequestLine,
  requestText,
} from '../protocol/jsonrpc.js';
import { INITIALIZE, INITIALIZED, SET_LEVEL, SUBSCRIBE, UNSUBSCRIBE } from '../protocol/mcp.js';
import type { SessionRecord } from '../store/store.js';

/**
 * What is repeated to the next backend: so many subscriptions, the characters of all of them, and of any one text. A record
 * is written as a whole with each change of it.
 */
const MOST = { subscriptions: 1_000, characters: 512 * 1024, text: 64 * 1024 };

const LASTING: ReadonlySet<string> = new Set([SET_LEVEL, SUBSCRIBE, UNSUBSCRIBE]);

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

/** The record after the client has said `notifications/initialized`; a server must be told, if only in short. */
export function afterInitialized(record: SessionRecord, { text }: NotificationLine): SessionRecord {
  return { ...record, initialized: isKept(text) ? text : notificationText(INITIALIZED) };
}

/** The record after the server accepted a request, or the same record if that changes nothing that lasts. */
export function afterRequest(record: SessionRecord, { message, text }: RequestLine): SessionRecord {
  const uri = param(message, 'uri');
  switch (message.method) {
    case SET_LEVEL:
      return { ...record, setLevel: isKept(text) ? text : undefined };
    case SUBSCRIBE:
      if (typeof uri !== 'string' || !isKept(text)) return record;
      return { ...record, subscriptions: newest(record.subscriptions, uri, text) };
    case UNSUBSCRIBE:
      if (typeof uri !== 'string') return record;
      return { ...record, subscriptions: withoutKey(record.subscriptions, uri) };
    default:
      return record;
  }
}

/** Whether a request sets what every next backend is told too: it makes of one backend what the others become. */
export function isLasting({ message }: RequestLine): boolean {
  return LASTING.has(message.method);
}

/** The characters of a record. */
export function sizeOf({
  initialize,
  initialized = '',
  setLevel = '',
  subscriptions,
}: SessionRecord): number {
  return initialize.length + initialized.length + setLevel.length + charactersOf(subscriptions);
}

function isKept(text: string): boolean {
  return text.length <= MOST.text;
}

/** With one more at the end; of too many, or too much, without the oldest. */
function newest(map: ReadonlyMap<string, string>, key: string, text: string): ReadonlyMap<string, string> {
  const copy = new Map(map);
  copy.delete(key);
  copy.set(key, text);
  let characters = charactersOf(copy);
  for (const [oldest, its] of copy) {
    if (copy.size <= MOST.subscriptions && characters <= MOST.characters) break;
    copy.delete(oldest);
    characters -= oldest.length + its.length;
  }
  return copy;
}

function charactersOf(map: ReadonlyMap<string, string>): number {
  let sum = 0;
  for (const [key, text] of map) sum += key.length + text.length;
  return sum;
}

function withoutKey<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
