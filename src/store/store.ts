// What outlives a connection: sessions, the events of their streams, and notes on the server. The interface.
import type { RequestId } from '../protocol/jsonrpc.js';

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
  /** What tells one list from another, of each list that the client was last shown; by method. */
  readonly shown: ReadonlyMap<string, string>;
  /** When a client last used it, as far as that was kept (ms since 1970). */
  readonly usedAt: number;
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
  record(session: SessionId): SessionRecord | undefined;
  /** Every session on record. */
  records(): Iterable<SessionRecord>;
  /** Forgets the session and its events, as if it had never been. */
  forget(session: SessionId): void;
  /** Forgets the session and its events; that it has ended stays known. Returns when that is kept. */
  end(session: SessionId): void;
  /** Whether a session with this id was ended for good. */
  hasEnded(session: SessionId): boolean;
  /**
   * A client learns of a stream that these requests are answered on. If the bridge ends before they are, the next one tells
   * the client so.
   */
  begin(session: SessionId, stream: StreamId, requests: readonly RequestId[]): void;
  /** Keeps an event, the next one of its stream; returns its seq when it is kept. `sent`: it is on its way to the client. */
  append(session: SessionId, stream: StreamId, text: string, sent?: boolean): number;
  /** All events of the standalone stream up to this one are on their way to the client. */
  sent(session: SessionId, seq: number): void;
  /** The last event of the standalone stream that was on its way to the client; 0 if none was. */
  lastSent(session: SessionId): number;
  /** No event will follow in this stream; it may be forgotten when room is needed. */
  finish(session: SessionId, stream: StreamId): void;
  /** The events of a stream after `seq`, or undefined if the stream is not known (any more). */
  after(session: SessionId, stream: StreamId, seq: number): Backlog | undefined;
  /** The streams of requests that are not finished, with the requests they were begun with. */
  unfinished(session: SessionId): ReadonlyMap<StreamId, readonly RequestId[]>;
  /** The highest n of a stream `p<n>` that a client has learnt of; 0 if there is none. */
  lastPost(session: SessionId): number;
  /**
   * The streams of this session, and the events of its standalone one, are counted from `n` on: lower numbers may have been
   * given out by an earlier bridge that has kept nothing of it.
   */
  countFrom(session: SessionId, n: number): void;
  /** What is known of the server itself, by name. */
  note(name: string): string | undefined;
  /** Keeps a note, or forgets it. */
  keepNote(name: string, text: string | undefined): void;
  /** Nothing is kept any more after this. */
  close(): void;
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
