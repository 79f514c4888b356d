// From a message to the client: into the log of its stream, and out on the connection, if one is attached.
import { failureText } from '../errors.js';
import { notificationText, type RequestId } from '../protocol/jsonrpc.js';
import { replaceAt, valueAt } from '../protocol/rewrite.js';
import { eventText, primingText, retryText } from '../protocol/sse.js';
import {
  type Backlog,
  eventId,
  parseEventId,
  type SessionId,
  STANDALONE,
  type Store,
  type StreamId,
} from '../store/store.js';
import { batchTooLong } from './failures.js';
import { type Connection, makeStream, type NoStream, type Stream } from './stream.js';

export interface OutboxOptions {
  readonly store: Store;
  readonly session: SessionId;
  /** How long a client waits before it comes back (ms). */
  readonly retry: number;
  /** Whether this client understands priming events. */
  readonly primes: () => boolean;
}

/** Answers that are gathered for one JSON body have at most so many characters together. */
const LONGEST_BODY = 64 * 1024 * 1024;

/** So many takeovers of the standalone stream in so long (ms), and the newcomer is refused. */
const TAKEOVERS = { most: 3, within: 30_000 };

export class Outbox {
  readonly standalone: Stream = makeStream(STANDALONE, undefined, [], false);
  readonly #options: OutboxOptions;
  /** Streams of POSTs that are not finished and whose client could come back. */
  readonly #resumable = new Map<StreamId, Stream>();
  #posts: number;
  /** The last event of the standalone stream that was written to a connection. */
  #written: number;
  #takeovers: number[] = [];
  readonly #announced = new Set<string>();
  #isClosed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#posts = options.store.lastPost(options.session);
    this.#written = options.store.lastSent(options.session);
  }

  /** The stream of a POST with these requests. */
  open(connection: Connection, requests: readonly RequestId[], batch: boolean): Stream {
    this.#posts += 1;
    return makeStream(`p${this.#posts}`, connection, requests, batch);
  }

  /** The client's headers, now: what it waits for will take a while. */
  begin(stream: Stream): void {
    const { connection } = stream;
    if (!connection || connection.begun) return;
    const primes = connection.events && this.#options.primes();
    connection.begin(primes ? primingText(eventId(stream.id, 0), this.#options.retry) : '');
    if (connection.events) this.#makeResumable(stream);
  }

  /** The answer to one of the stream's requests; the last one ends the stream. */
  answer(stream: Stream, text: string): void {
    stream.waiting -= 1;
    const last = stream.waiting <= 0;
    const { connection } = stream;
    if (connection && !connection.events) {
      stream.bodies.push(fits(stream, text) ? text : tooLong(text));
      if (last) connection.body(stream.batch ? `[${stream.bodies.join(',')}]` : text);
      return;
    }
    const isAlone = last && !stream.batch && this.#announced.size === 0;
    if (isAlone && connection && !connection.begun) return connection.body(text);
    if (connection) this.#sayAnnounced(stream);
    this.say(stream, text);
    if (last) this.finish(stream);
  }

  /** Whether the stream can still carry a message to its client, now or when it comes back. */
  canSay(stream: Stream): boolean {
    if (stream.connection) return stream.connection.events;
    return stream === this.standalone || this.#resumable.has(stream.id);
  }

  /**
   * A notification of the bridge's own: on the standalone stream if the client has it open, else before the next answer
   * that can carry it. Said once, however often it is announced before that.
   */
  announce(method: string): void {
    if (this.standalone.connection) this.say(this.standalone, notificationText(method));
    else this.#announced.add(method);
  }

  /** Any message on a stream that is not the last of it. */
  say(stream: Stream, text: string): void {
    this.begin(stream);
    // Nobody knows this stream and nobody listens: its client left before it heard of it.
    if (!stream.resumable || this.#isClosed) return;
    const { store, session } = this.#options;
    const seq = store.append(session, stream.id, text, stream.connection !== undefined);
    if (!stream.connection) return;
    stream.connection.write(eventText(eventId(stream.id, seq), text));
    if (stream === this.standalone) this.#written = seq;
  }

  /** One request less to wait for, without an answer: it was cancelled. */
  skip(stream: Stream): void {
    stream.waiting -= 1;
    if (stream.waiting > 0) return;
    const { connection, bodies } = stream;
    if (connection && bodies.length > 0) connection.body(`[${bodies.join(',')}]`);
    else this.finish(stream);
  }

  finish(stream: Stream): void {
    if (stream.resumable) this.#options.store.finish(this.#options.session, stream.id);
    this.#resumable.delete(stream.id);
    stream.connection?.end();
    stream.connection = undefined;
  }

  /** A GET: the standalone stream, or the one that `lastEventId` names, from there on. */
  attach(connection: Connection, lastEventId: string | undefined, now: number): Stream | NoStream {
    const last = lastEventId === undefined ? undefined : parseEventId(lastEventId);
    if (last && last.stream !== STANDALONE) return this.#resume(connection, last.stream, last.seq);
    if (this.standalone.connection && !this.#mayTakeOver(now)) return 'taken';
    const seq = last?.seq ?? this.#written;
    this.#connect(this.standalone, connection, seq, this.#backlog(STANDALONE, seq));
    this.#sayAnnounced(this.standalone);
    return this.standalone;
  }

  /** The client has gone; the stream stays. */
  detach(stream: Stream, connection: Connection, now: number): void {
    if (stream.connection !== connection) return;
    stream.connection = undefined;
    stream.leftAt = now;
  }

  /**
   * Ends every connection; streams that are not finished can be resumed, if anybody is there to ask. `comeBackAfter`: how
   * long a client is to wait before it does (ms).
   */
  close(comeBackAfter?: number): void {
    this.#isClosed = true;
    for (const stream of [this.standalone, ...this.#resumable.values()]) {
      if (comeBackAfter !== undefined) stream.connection?.write(retryText(comeBackAfter));
      stream.connection?.end();
      stream.connection = undefined;
    }
  }

  #sayAnnounced(stream: Stream): void {
    for (const method of this.#announced) this.say(stream, notificationText(method));
    this.#announced.clear();
  }

  #makeResumable(stream: Stream): void {
    stream.resumable = true;
    if (stream === this.standalone) return;
    this.#resumable.set(stream.id, stream);
    this.#options.store.begin(this.#options.session, stream.id, stream.requests);
  }

  #backlog(stream: StreamId, seq: number): Backlog {
    return this.#options.store.after(this.#options.session, stream, seq) ?? { events: [], finished: false };
  }

  #resume(connection: Connection, id: StreamId, seq: number): Stream | NoStream {
    const backlog = this.#backlog(id, seq);
    const live = this.#resumable.get(id);
    if (!live && backlog.events.length === 0) return 'finished';
    const stream = live ?? makeStream(id, undefined, [], false);
    this.#connect(stream, connection, seq, backlog);
    if (!live) connection.end();
    return stream;
  }

  #connect(stream: Stream, connection: Connection, seq: number, backlog: Backlog): void {
    stream.connection?.end();
    stream.connection = connection;
    stream.leftAt = undefined;
    stream.resumable = true;
    connection.begin(this.#options.primes() ? primingText(eventId(stream.id, seq), this.#options.retry) : '');
    for (const event of backlog.events)
      connection.write(eventText(eventId(stream.id, event.seq), event.text));
    const last = backlog.events.at(-1)?.seq;
    if (stream !== this.standalone || last === undefined) return;
    this.#written = last;
    this.#options.store.sent(this.#options.session, last);
  }

  #mayTakeOver(now: number): boolean {
    this.#takeovers = this.#takeovers.filter((then) => now - then < TAKEOVERS.within);
    if (this.#takeovers.length >= TAKEOVERS.most) return false;
    this.#takeovers.push(now);
    return true;
  }
}

function fits({ bodies }: Stream, text: string): boolean {
  return bodies.reduce((sum, { length }) => sum + length, text.length) <= LONGEST_BODY;
}

/** The error in the place of an answer, with its id as it was written. */
function tooLong(answer: string): string {
  return replaceAt(failureText('', batchTooLong(LONGEST_BODY)), ['id'], valueAt(answer, ['id']) ?? 'null');
}
