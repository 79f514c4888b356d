// From the headers of an exchange to the session it belongs to.
import type { IncomingHttpHeaders } from 'node:http';
import { type Refusal, refusal } from '../errors.js';
import type { Registry } from '../session/registry.js';
import type { Session } from '../session/session.js';
import { checkSessionId } from './guard.js';

/** The session that the headers name, or why there is none. */
export function findSession(
  headers: IncomingHttpHeaders,
  registry: Registry,
): { readonly ok: true; readonly session: Session } | Refusal {
  const named = checkSessionId(headers);
  if (!named.ok) return named;
  const session = registry.find(named.id);
  return session ? { ok: true, session } : refusal('session-unknown', 'Session not found.');
}
