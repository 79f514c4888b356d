// What a request must be before anything reads it: from whom, to whom, of what kind. Pure: headers in, verdict out.
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Refusal, refusal } from '../errors.js';
import type { Options } from '../options.js';
import { isSessionRevision, REVISION_HEADER, SESSION_HEADER } from '../protocol/mcp.js';

export type Checked = { readonly ok: true } | Refusal;

export type GuardOptions = Pick<Options, 'allowHost' | 'allowOrigin' | 'token'>;

const OK: Checked = { ok: true };
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const LONGEST_SESSION_ID = 128;

/**
 * Who asks, and whom they mean to ask: against web pages that reach for local servers (DNS rebinding; 2025-11-25,
 * transports, security warning). `localAddress`: where the socket is connected.
 */
export function checkSource(
  headers: IncomingHttpHeaders,
  localAddress: string,
  options: GuardOptions,
): Checked {
  const host = hostnameOf(headers.host ?? '');
  if (
    !isOurs(host, localAddress) &&
    !options.allowHost.some((allowed) => matchesHost(allowed, headers.host, host))
  ) {
    return refusal('host-refused', `The host ${show(headers.host)} is not this machine.`);
  }
  if (headers.origin !== undefined && !isAllowedOrigin(headers.origin, localAddress, options)) {
    return refusal('origin-refused', `The origin ${show(headers.origin)} is not this machine.`);
  }
  return OK;
}

/** The bearer token, where one is needed. Browsers ask whether they may ask without it. */
export function checkToken(headers: IncomingHttpHeaders, { token }: GuardOptions): Checked {
  if (isTokenRight(headers.authorization, token)) return OK;
  return refusal('token-missing', 'The bearer token is missing or wrong.');
}

/** What a client takes as an answer; `any`: it says that it takes anything. */
export interface Accepted {
  readonly json: boolean;
  readonly events: boolean;
  readonly any: boolean;
}

/** The body is JSON, and the client takes JSON or events. */
export function checkPostHeaders(
  headers: IncomingHttpHeaders,
): { readonly ok: true; readonly accepts: Accepted } | Refusal {
  const type = mediaTypeOf(headers['content-type'] ?? '');
  if (type !== 'application/json') return refusal('content-type', `Content-Type is ${show(type)}.`);
  const accepts = accepted(headers.accept);
  if (accepts.json || accepts.events) return { ok: true, accepts };
  return refusal('not-acceptable', `Accept is ${show(headers.accept)}.`);
}

/** Clients leave one of the two out, or the whole header; one that does not name events may not be able to read them. */
export function accepted(accept: string | undefined): Accepted {
  const types = (accept || '*/*').split(',').map(mediaTypeOf);
  const any = types.includes('*/*');
  return {
    any,
    json: any || types.includes('application/json') || types.includes('application/*'),
    events: types.includes('text/event-stream') || types.includes('text/*'),
  };
}

/** The revision header, if there is one, names a revision (2025-11-25, transports, protocol version header). */
export function checkRevision(headers: IncomingHttpHeaders, agreed?: string): Checked {
  const revision = revisionOf(headers);
  if (revision === undefined || revision === agreed || isSessionRevision(revision)) return OK;
  return refusal('revision-unknown', `The revision ${show(revision)} is not one this session can have.`);
}

export function revisionOf(headers: IncomingHttpHeaders): string | undefined {
  return single(headers[REVISION_HEADER]);
}

/** The session id: visible ASCII, and no longer than any that is given out. */
export function checkSessionId(
  headers: IncomingHttpHeaders,
): { readonly ok: true; readonly id: string } | Refusal {
  const id = single(headers[SESSION_HEADER]);
  if (id === undefined) return refusal('session-missing', 'The Mcp-Session-Id header is missing.');
  if (id.length > LONGEST_SESSION_ID || !/^[\x21-\x7e]+$/.test(id)) {
    return refusal('session-malformed', 'The Mcp-Session-Id is not 1 to 128 characters of visible ASCII.');
  }
  return { ok: true, id };
}

/** Whether the origin may read answers; browsers need to be told. */
export function isAllowedOrigin(origin: string, localAddress: string, options: GuardOptions): boolean {
  if (options.allowOrigin.includes(origin)) return true;
  const hostname = URL.canParse(origin) ? new URL(origin).hostname : '';
  return hostname !== '' && isOurs(hostname, localAddress);
}

function isOurs(hostname: string, localAddress: string): boolean {
  if (LOOPBACK.has(hostname)) return true;
  // A socket that listens on both families shows IPv4 addresses as IPv6 ones.
  const own = localAddress.replace(/^::ffff:/, '');
  return hostname === own || hostname === `[${own}]`;
}

function matchesHost(allowed: string, host: string | undefined, hostname: string): boolean {
  return (
    allowed === '*' || allowed.toLowerCase() === hostname || allowed.toLowerCase() === host?.toLowerCase()
  );
}

/** `name:port`, `[::1]:port` or either without its port → the name, in lower case. */
function hostnameOf(host: string): string {
  const colon = host.lastIndexOf(':');
  const name = colon > host.lastIndexOf(']') ? host.slice(0, colon) : host;
  return name.toLowerCase();
}

function mediaTypeOf(header: string): string {
  const semicolon = header.indexOf(';');
  return (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase();
}

function isTokenRight(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const expected = Buffer.from(token);
  const came = Buffer.from(/^bearer +(.*)$/i.exec(authorization ?? '')?.[1] ?? '');
  return came.length === expected.length && timingSafeEqual(came, expected);
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function show(value: string | undefined): string {
  return value === undefined ? 'missing' : JSON.stringify(value.slice(0, 100));
}
