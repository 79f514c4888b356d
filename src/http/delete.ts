// DELETE: the client ends its session.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from '../errors.js';
import type { Registry } from '../session/registry.js';
import { findSession } from './find-session.js';

/** Ends the session and its backend, or tells why not. */
export function del(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
): Refusal | undefined {
  const found = findSession(request.headers, registry, 'end');
  if (!found.ok) return found;
  found.session.end();
  response.writeHead(200).end();
  return undefined;
}
