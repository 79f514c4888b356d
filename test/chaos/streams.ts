// What event ids say, and which exchange answers what.
import type { Exchange } from './history.js';

/** `p3` of `p3.7`. */
export function streamOf(eventId: string): string {
  return eventId.slice(0, eventId.lastIndexOf('.'));
}

/** 7 of `p3.7`. */
export function seqOf(eventId: string): number {
  return Number(eventId.slice(eventId.lastIndexOf('.') + 1));
}

export function hasAnswerOf({ events }: Exchange, id: number | string | undefined): boolean {
  return events.some(({ message }) => message?.kind === 'answer' && message.id === id);
}

/** Its connection died before the client knew an event id of it: nobody can come back to it. */
export function isBlind({ end, events, request, status }: Exchange): boolean {
  const isDead = end === 'cut' || end === 'lost' || status === REQUEST_TIMEOUT;
  return request !== undefined && isDead && !events.some(({ id, message }) => id !== undefined || message);
}

/**
 * Node's fetch keeps a connection whose first request was aborted before it was sent. Nothing comes on it for so long that
 * the bridge gives it up, with this status; the next request may be on its way then, and is not run.
 */
export const REQUEST_TIMEOUT = 408;

export function groupBy<T, K>(list: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of list) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
