// What is on record of a session when it begins.
import { notificationText, type RequestLine, requestText } from '../protocol/jsonrpc.js';
import { INITIALIZE, INITIALIZED } from '../protocol/mcp.js';
import type { SessionRecord } from '../store/store.js';

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
