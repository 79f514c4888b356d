// The store in memory, bounded: what does not fit any more is forgotten, oldest first.
import type { RequestId } from '../protocol/jsonrpc.js';
import { Ended } from './ended.js';
import { Logs } from './logs.js';
import type { SessionId, SessionRecord, Store } from './store.js';

/** A store that ends with the process. */
export class MemoryStore implements Store {
  readonly #records = new Map<SessionId, SessionRecord>();
  readonly #ended: Ended;
  readonly #notes = new Map<string, string>();
  readonly #logs: Logs;

  constructor(logs = new Logs(), ended = new Ended()) {
    this.#logs = logs;
    this.#ended = ended;
  }

  save(record: SessionRecord): void {
    this.#records.set(record.id, record);
  }

  record(session: SessionId): SessionRecord | undefined {
    return this.#records.get(session);
  }

  records(): Iterable<SessionRecord> {
    return this.#records.values();
  }

  forget(session: SessionId): void {
    this.#records.delete(session);
    this.#logs.forget(session);
  }

  end(session: SessionId): void {
    this.forget(session);
    this.#ended.add(session);
  }

  hasEnded(session: SessionId): boolean {
    return this.#ended.has(session);
  }

  begin(session: SessionId, stream: string, requests: readonly RequestId[]): void {
    this.#logs.begin(session, stream, requests);
  }

  append(session: SessionId, stream: string, text: string, sent = false): number {
    return this.#logs.append(session, stream, text, sent);
  }

  sent(session: SessionId, seq: number): void {
    this.#logs.sent(session, seq);
  }

  lastSent(session: SessionId): number {
    return this.#logs.lastSent(session);
  }

  finish(session: SessionId, stream: string): void {
    this.#logs.finish(session, stream);
  }

  after(session: SessionId, stream: string, seq: number) {
    return this.#logs.after(session, stream, seq);
  }

  unfinished(session: SessionId) {
    return this.#logs.unfinished(session);
  }

  lastPost(session: SessionId): number {
    return this.#logs.lastPost(session);
  }

  countFrom(session: SessionId, n: number): void {
    this.#logs.countFrom(session, n);
  }

  note(name: string): string | undefined {
    return this.#notes.get(name);
  }

  keepNote(name: string, text: string | undefined): void {
    if (text === undefined) this.#notes.delete(name);
    else this.#notes.set(name, text);
  }

  close(): void {}
}
