// Server-sent events as text (WHATWG HTML, server-sent events). Data is always one line: JSON has no raw line ends.

/** One message as an event. */
export function eventText(id: string, data: string): string {
  return `event: message\nid: ${id}\ndata: ${data}\n\n`;
}

/**
 * The event that opens a stream: an id without data, so that a client can come back before the first message, and
 * how long it waits before it does (ms). (2025-11-25, transports, sending messages, 6.)
 */
export function primingText(id: string, retry: number): string {
  return `id: ${id}\nretry: ${retry}\ndata: \n\n`;
}

/** How long a client that reads it waits before it comes back (ms), without an event. */
export function retryText(retry: number): string {
  return `retry: ${retry}\n\n`;
}

/** Says nothing, and keeps connections open that are cut when nothing is said. */
export const KEEP_ALIVE = ': keep-alive\n\n';
