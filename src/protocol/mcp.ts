// The words of MCP that the bridge itself understands: revisions, headers, methods. All else passes unread.

/** Revisions with sessions, oldest first; the strings compare as dates. */
const SESSION_REVISIONS: ReadonlySet<string> = new Set([
  '2024-10-07',
  '2024-11-05',
  '2025-03-26',
  '2025-06-18',
  '2025-11-25',
]);

/** What the bridge asks for where it speaks for itself. */
export const LATEST_REVISION = '2025-11-25';

/** The first revision without sessions. */
export const STATELESS_FROM = '2026-07-28';

/** What a client that sends no revision header is taken to speak (2025-11-25, transports, protocol version header). */
export const DEFAULT_REVISION = '2025-03-26';

export const SESSION_HEADER = 'mcp-session-id';
export const REVISION_HEADER = 'mcp-protocol-version';
export const LAST_EVENT_HEADER = 'last-event-id';

export const INITIALIZE = 'initialize';
export const INITIALIZED = 'notifications/initialized';
export const CANCELLED = 'notifications/cancelled';
export const PROGRESS = 'notifications/progress';
export const SET_LEVEL = 'logging/setLevel';
export const LOG_MESSAGE = 'notifications/message';
export const ROOTS_CHANGED = 'notifications/roots/list_changed';
export const UPDATED = 'notifications/resources/updated';
export const SUBSCRIBE = 'resources/subscribe';
export const UNSUBSCRIBE = 'resources/unsubscribe';

/** Of the log, the most verbose first (2025-11-25, logging). */
export const LOG_LEVELS: readonly string[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

export function isSessionRevision(revision: string): boolean {
  return SESSION_REVISIONS.has(revision);
}

/** Batches came with 2025-03-26 and went with 2025-06-18. */
export function allowsBatches(revision: string): boolean {
  return revision === '2025-03-26';
}

/** Clients older than 2025-11-25 fail on an event with empty data, so only newer ones are primed. */
export function understandsPriming(revision: string): boolean {
  return revision >= '2025-11-25';
}

/** Reads, and requests that set what they say: executing one twice is executing it once. */
const SAFE_TO_REPEAT: ReadonlySet<string> = new Set([
  'ping',
  'tools/list',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  SET_LEVEL,
  SUBSCRIBE,
  UNSUBSCRIBE,
]);

/** Whether a request that may have reached a lost backend may be sent to the next one. */
export function isSafeToRepeat(method: string): boolean {
  return SAFE_TO_REPEAT.has(method);
}

/** `notifications/tools/list_changed` and its kin. */
export function isListChanged(method: string): boolean {
  return method.startsWith('notifications/') && method.endsWith('/list_changed');
}
