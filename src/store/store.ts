// What outlives a connection: sessions, and the events of their streams. The interface; memory.ts keeps it in memory.

export type SessionId = string;
/** `g`: the standalone stream that a GET opens. `p<n>`: the stream of the n-th POST of the session. */
export type StreamId = string;
/** `<stream>.<seq>`: unique in its session, and tells its stream (2025-11-25, transports, resumability). */
export type EventId = string;

/** What has to be known of a session to go on with it in another process. */
export interface SessionRecord {
  readonly id: SessionId;
  /** The client's `initialize` request as it came. */
  readonly initialize: string;
  /** The revision agreed on; undefined until the server has answered `initialize`. */
  readonly revision?: string | undefined;
  /** The client's `notifications/initialized` as it came, once it has come. */
  readonly initialized?: string | undefined;
  /** The last `logging/setLevel` request that the server accepted. */
  readonly setLevel?: string | undefined;
  /** The `resources/subscribe` requests in force, by URI. */
  readonly subscriptions: ReadonlyMap<string, string>;
}

/** One message in the log of a stream; seq counts from 1. */
export interface StoredEvent {
  readonly seq: number;
  readonly text: string;
}

/** What is left of a stream after a point in it. */
export interface Backlog {
  readonly events: readonly StoredEvent[];
  /** No event will follow these. */
  readonly finished: boolean;
}

export interface Store {
  /** Keeps the record; returns when it is kept. */
  save(record: SessionRecord): void;
  /** Forgets the session and its events. */
  forget(session: SessionId): void;
  /** Keeps an event, the next one of its stream; returns its seq when it is kept. */
  append(session: SessionId, stream: StreamId, text: string): number;
  /** No event will follow in this stream; it may be forgotten when room is needed. */
  finish(session: SessionId, stream: StreamId): void;
  /** The events of a stream after `seq`, or undefined if the stream is not known (any more). */
  after(session: SessionId, stream: StreamId, seq: number): Backlog | undefined;
}

export const STANDALONE: StreamId = 'g';

export function eventId(stream: StreamId, seq: number): EventId {
  return `${stream}.${seq}`;
}

/** The parts of an event id, or undefined where it is none of ours. */
export function parseEventId(id: string): { stream: StreamId; seq: number } | undefined {
  const match = /^(g|p\d{1,15})\.(\d{1,15})$/.exec(id);
  return match?.[1] && match[2] ? { stream: match[1], seq: Number(match[2]) } : undefined;
}
