// The events of every session's streams in memory, bounded: what does not fit any more is forgotten, oldest first.
import type { RequestId } from '../protocol/jsonrpc.js';
import { type Backlog, type SessionId, STANDALONE, type StoredEvent, type StreamId } from './store.js';

const EVENTS_PER_STREAM = 1_000;
const STREAMS_PER_SESSION = 256;
/** Characters of all events of a session, and of all sessions. */
const SIZE_PER_SESSION = 16 * 1024 * 1024;
const SIZE = 64 * 1024 * 1024;

interface Log {
  events: StoredEvent[];
  seq: number;
  finished: boolean;
  requests: readonly RequestId[];
}

interface Kept {
  readonly streams: Map<StreamId, Log>;
  size: number;
  lastPost: number;
  lastSent: number;
}

export class Logs {
  /** The one that grew last is the last one. */
  readonly #kept = new Map<SessionId, Kept>();
  #size = 0;

  forget(session: SessionId): void {
    this.#size -= this.#kept.get(session)?.size ?? 0;
    this.#kept.delete(session);
  }

  begin(session: SessionId, stream: StreamId, requests: readonly RequestId[]): void {
    const kept = this.#keptOf(session);
    this.#logOf(kept, stream).requests = requests;
    if (stream !== STANDALONE) kept.lastPost = Math.max(kept.lastPost, Number(stream.slice(1)));
  }

  append(session: SessionId, stream: StreamId, text: string, sent: boolean): number {
    const kept = this.#keptOf(session);
    const log = this.#logOf(kept, stream);
    log.seq += 1;
    log.events.push({ seq: log.seq, text });
    kept.size += text.length;
    this.#size += text.length;
    this.#kept.delete(session);
    this.#kept.set(session, kept);
    if (sent && stream === STANDALONE) kept.lastSent = log.seq;
    this.#makeRoom(kept, log);
    return log.seq;
  }

  sent(session: SessionId, seq: number): void {
    this.#keptOf(session).lastSent = seq;
  }

  lastSent(session: SessionId): number {
    return this.#kept.get(session)?.lastSent ?? 0;
  }

  lastPost(session: SessionId): number {
    return this.#kept.get(session)?.lastPost ?? 0;
  }

  finish(session: SessionId, stream: StreamId): void {
    const log = this.#kept.get(session)?.streams.get(stream);
    if (log) log.finished = true;
  }

  after(session: SessionId, stream: StreamId, seq: number): Backlog | undefined {
    const log = this.#kept.get(session)?.streams.get(stream);
    return log && { events: log.events.filter((event) => event.seq > seq), finished: log.finished };
  }

  unfinished(session: SessionId): ReadonlyMap<StreamId, readonly RequestId[]> {
    const logs = [...(this.#kept.get(session)?.streams ?? [])];
    return new Map(
      logs
        .filter(([stream, { finished }]) => stream !== STANDALONE && !finished)
        .map(([stream, { requests }]) => [stream, requests]),
    );
  }

  #keptOf(session: SessionId): Kept {
    const known = this.#kept.get(session);
    if (known) return known;
    const made: Kept = { streams: new Map(), size: 0, lastPost: 0, lastSent: 0 };
    this.#kept.set(session, made);
    return made;
  }

  #logOf(kept: Kept, stream: StreamId): Log {
    const known = kept.streams.get(stream);
    if (known) return known;
    while (kept.streams.size >= STREAMS_PER_SESSION && this.#dropFinished(kept));
    const made: Log = { events: [], seq: 0, finished: false, requests: [] };
    kept.streams.set(stream, made);
    return made;
  }

  #makeRoom(kept: Kept, grown: Log): void {
    if (grown.events.length > EVENTS_PER_STREAM) this.#dropOldest(kept, grown);
    while (kept.size > SIZE_PER_SESSION && this.#dropFrom(kept, grown));
    if (this.#size <= SIZE) return;
    // Who has been silent longest loses first.
    for (const other of this.#kept.values()) {
      while (this.#size > SIZE && this.#dropFrom(other, grown));
      if (this.#size <= SIZE) return;
    }
  }

  /** The oldest event of a session, but never the one that has just come: its client may be reading it. */
  #dropFrom(kept: Kept, grown: Log): boolean {
    const log = [...kept.streams.values()].find((each) => each.events.length > (each === grown ? 1 : 0));
    if (log) this.#dropOldest(kept, log);
    return log !== undefined;
  }

  #dropOldest(kept: Kept, log: Log): void {
    const size = log.events.shift()?.text.length ?? 0;
    kept.size -= size;
    this.#size -= size;
  }

  /** Drops the oldest stream that is finished, if there is one; one that is not may still be read from the start. */
  #dropFinished(kept: Kept): boolean {
    const [stream, log] = [...kept.streams].find(([, { finished }]) => finished) ?? [];
    if (stream === undefined || !log) return false;
    while (log.events.length > 0) this.#dropOldest(kept, log);
    return kept.streams.delete(stream);
  }
}
