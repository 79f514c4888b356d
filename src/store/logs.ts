// The events of every session's streams in memory, bounded: what does not fit any more is forgotten, oldest first.
import type { RequestId } from '../protocol/jsonrpc.js';
import { type Backlog, type SessionId, STANDALONE, type StoredEvent, type StreamId } from './store.js';

const EVENTS_PER_STREAM = 1_000;
const STREAMS_PER_SESSION = 256;
/** Characters of all events of a session, and of all sessions. */
const SIZE_PER_SESSION = 16 * 1024 * 1024;
const SIZE = 64 * 1024 * 1024;
/** What a line of a journal has at most besides the session's id and the text (bytes). */
const AROUND = 64;

/** What is kept of a stream. */
export interface StreamLog {
  readonly events: readonly StoredEvent[];
  /** Of the last event that it ever had; 0 if it had none. */
  readonly seq: number;
  readonly finished: boolean;
  readonly requests: readonly RequestId[];
}

/** What is kept of a session. */
export interface SessionLogs {
  readonly streams: ReadonlyMap<StreamId, StreamLog>;
  readonly lastPost: number;
  readonly lastSent: number;
}

interface Log extends StreamLog {
  events: StoredEvent[];
  seq: number;
  finished: boolean;
  requests: readonly RequestId[];
}

interface Kept extends SessionLogs {
  readonly streams: Map<StreamId, Log>;
  /** Characters of its events. */
  size: number;
  /** Bytes of its lines in a journal. */
  bytes: number;
  /** Bytes of a line besides its text. */
  readonly head: number;
  lastPost: number;
  lastSent: number;
}

export class Logs {
  /** The one that grew last is the last one. */
  readonly #kept = new Map<SessionId, Kept>();
  #latest: Kept | undefined;
  #size = 0;
  #bytes = 0;

  /** What all of it takes in a journal; rather more than less. */
  get bytes(): number {
    return this.#bytes;
  }

  /** All of it, in the order in which it is forgotten. */
  sessions(): ReadonlyMap<SessionId, SessionLogs> {
    return this.#kept;
  }

  forget(session: SessionId): void {
    const kept = this.#kept.get(session);
    this.#size -= kept?.size ?? 0;
    this.#bytes -= kept?.bytes ?? 0;
    this.#kept.delete(session);
  }

  /** Takes back what a journal tells of a session that is not known yet. */
  restoreSession(session: SessionId, lastPost: number, lastSent: number): void {
    Object.assign(this.#keptOf(session), { lastPost, lastSent });
  }

  /** Begins to count, in a session of which nothing is known. */
  countFrom(session: SessionId, n: number): void {
    this.restoreSession(session, n, n);
    this.restoreStream(session, STANDALONE, { seq: n, finished: false, requests: [] });
  }

  /** Takes back what a journal tells of a stream, without its events. */
  restoreStream(session: SessionId, stream: StreamId, log: Omit<StreamLog, 'events'>): void {
    const kept = this.#keptOf(session);
    kept.streams.set(stream, { ...log, events: [] });
    this.#weigh(kept, kept.head + bytesOf(log.requests));
  }

  begin(session: SessionId, stream: StreamId, requests: readonly RequestId[]): void {
    const kept = this.#keptOf(session);
    const log = this.#logOf(kept, stream);
    this.#weigh(kept, bytesOf(requests) - bytesOf(log.requests));
    log.requests = requests;
    if (stream !== STANDALONE) kept.lastPost = Math.max(kept.lastPost, Number(stream.slice(1)));
  }

  append(session: SessionId, stream: StreamId, text: string, sent: boolean): number {
    const seq = (this.#kept.get(session)?.streams.get(stream)?.seq ?? 0) + 1;
    this.put(session, stream, { seq, text }, sent);
    return seq;
  }

  /** Keeps an event under its own seq, unless that is behind the last one of its stream. */
  put(session: SessionId, stream: StreamId, event: StoredEvent, sent: boolean): void {
    const kept = this.#keptOf(session);
    const log = this.#logOf(kept, stream);
    if (event.seq <= log.seq) return;
    log.seq = event.seq;
    log.events.push(event);
    this.#count(kept, event.text, 1);
    this.#toEnd(session, kept);
    if (sent && stream === STANDALONE) kept.lastSent = event.seq;
    this.#makeRoom(kept, log);
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
    const kept = this.#kept.get(session);
    const log = kept?.streams.get(stream);
    if (!kept || !log) return;
    log.finished = true;
    // Nobody is told any more what it was begun for.
    this.#weigh(kept, bytesOf([]) - bytesOf(log.requests));
    log.requests = [];
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
    const head = session.length + AROUND;
    const made: Kept = {
      streams: new Map(),
      size: 0,
      bytes: 0,
      head,
      lastPost: 0,
      lastSent: 0,
    };
    this.#kept.set(session, made);
    this.#latest = made;
    this.#weigh(made, head);
    return made;
  }

  #logOf(kept: Kept, stream: StreamId): Log {
    const known = kept.streams.get(stream);
    if (known) return known;
    while (kept.streams.size >= STREAMS_PER_SESSION && this.#dropFinished(kept));
    const made: Log = { events: [], seq: 0, finished: false, requests: [] };
    kept.streams.set(stream, made);
    this.#weigh(kept, kept.head);
    return made;
  }

  #toEnd(session: SessionId, kept: Kept): void {
    if (this.#latest === kept) return;
    this.#latest = kept;
    this.#kept.delete(session);
    this.#kept.set(session, kept);
  }

  #makeRoom(kept: Kept, grown: Log): void {
    if (grown.events.length > EVENTS_PER_STREAM) this.#dropOldest(kept, grown);
    while (kept.size > SIZE_PER_SESSION && this.#dropFrom(kept, grown));
    if (this.#size <= SIZE) return;
    // Who has been silent longest loses first.
    for (const other of this.#kept.values()) {
      if (other.size === 0) continue;
      while (this.#size > SIZE && this.#dropFrom(other, grown));
      if (this.#size <= SIZE) return;
    }
  }

  /** The oldest event of a session, but never the one that has just come: its client may be reading it. */
  #dropFrom(kept: Kept, grown: Log): boolean {
    for (const log of kept.streams.values()) {
      if (log.events.length <= (log === grown ? 1 : 0)) continue;
      this.#dropOldest(kept, log);
      return true;
    }
    return false;
  }

  #dropOldest(kept: Kept, log: Log): void {
    const oldest = log.events.shift();
    if (oldest) this.#count(kept, oldest.text, -1);
  }

  /** Counts an event in or out. */
  #count(kept: Kept, text: string, sign: 1 | -1): void {
    kept.size += sign * text.length;
    this.#size += sign * text.length;
    this.#weigh(kept, sign * (kept.head + Buffer.byteLength(text)));
  }

  #weigh(kept: Kept, bytes: number): void {
    kept.bytes += bytes;
    this.#bytes += bytes;
  }

  /** Drops the oldest stream that is finished, if there is one; one that is not may still be read from the start. */
  #dropFinished(kept: Kept): boolean {
    const [stream, log] = [...kept.streams].find(([, { finished }]) => finished) ?? [];
    if (stream === undefined || !log) return false;
    while (log.events.length > 0) this.#dropOldest(kept, log);
    this.#weigh(kept, -kept.head - bytesOf(log.requests));
    return kept.streams.delete(stream);
  }
}

function bytesOf(requests: readonly RequestId[]): number {
  return requests.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(requests));
}
