// From the headers of an exchange to the session it belongs to.
import type { IncomingHttpHeaders } from 'node:http';
import { type Refusal, refusal } from '../errors.js';
import { DEFAULT_REVISION, isSessionRevision } from '../protocol/mcp.js';
import type { NoSession, Purpose, Registry } from '../session/registry.js';
import type { Session } from '../session/session.js';
import { checkSessionId, revisionOf } from './guard.js';

/** The session that the headers name, or why there is none. */
export function findSession(
  headers: IncomingHttpHeaders,
  registry: Registry,
  purpose: Purpose,
): { readonly ok: true; readonly session: Session } | Refusal {
  const named = checkSessionId(headers);
  if (!named.ok) return named;
  const revision = revisionOf(headers) ?? '';
  const spoken = isSessionRevision(revision) ? revision : DEFAULT_REVISION;
  const session = registry.find(named.id, purpose, spoken);
  return typeof session === 'string' ? refuse(session, registry) : { ok: true, session };
}

/** Why there is no session, in words. */
export function refuse(why: NoSession, registry: Pick<Registry, 'project'>): Refusal {
  switch (why) {
    case 'ended':
      return refusal('session-unknown', 'Session not found: it was ended by a DELETE.');
    case 'unheard':
      return refusal('session-unheard', 'Session not found.');
    case 'unknown':
      return refusal('session-unknown', 'Session not found.');
    case 'foreign':
      return refusal(
        'session-foreign',
        `Session not found: it is another project's; this is ${registry.project}.`,
      );
    case 'full':
      return refusal('sessions-full', 'Too many sessions are open, or wait for a server.');
  }
}
