// Which era an exchange belongs to: revisions with sessions (… 2025-11-25), or stateless (2026-07-28 …).
import { isObject, type Line, param } from './jsonrpc.js';
import { INITIALIZE, STATELESS_FROM } from './mcp.js';

export type Era = 'sessions' | 'stateless';

const DATE = /^\d{4}-\d\d-\d\d$/;

const CLAIM = 'io.modelcontextprotocol/protocolVersion';

/**
 * Body first, header second (2026-07-28, basic/versioning): a message that claims a revision in its `_meta` is
 * stateless, `initialize` without a claim is not, and for all else the header tells.
 */
export function eraOf(line: Line, header: string | undefined): Era {
  if (line.kind === 'response') return 'sessions';
  if (claims(line.message)) return 'stateless';
  if (line.message.method === INITIALIZE) return 'sessions';
  // Revisions are dates; what is none is for the check of the revision to refuse.
  return header !== undefined && DATE.test(header) && header >= STATELESS_FROM ? 'stateless' : 'sessions';
}

function claims(message: { params?: unknown }): boolean {
  const meta = param(message, '_meta');
  return isObject(meta) && CLAIM in meta;
}
