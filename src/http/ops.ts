// The paths beside the endpoint: is the bridge well, is it ready; who asks must be allowed to.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Refusal, refusal } from '../errors.js';

/** What these paths tell; made elsewhere. */
export interface Ops {
  health(): object;
  isReady(): boolean;
}

/** Whether there is something at this path. */
export function isOps(path: string): boolean {
  return path === '/health' || path === '/ready';
}

/** Answers one of these paths. */
export function ops(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  facts: Ops,
): Refusal | undefined {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refusal('method-refused', `There is no ${request.method} here.`);
  }
  if (path === '/health') return reply(response, 200, facts.health());
  const ready = facts.isReady();
  return reply(response, ready ? 200 : 503, { ready });
}

function reply(response: ServerResponse, status: number, body: object): undefined {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
