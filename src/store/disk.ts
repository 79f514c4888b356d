// The store on disk: answered from memory, and every change is in a file before it is done.
import path from 'node:path';
import type { RequestId } from '../protocol/jsonrpc.js';
import type { CompactedPlan } from './compacted.js';
import { Ended } from './ended.js';
import { EventsFile } from './events-file.js';
import { Logs } from './logs.js';
import { MemoryStore } from './memory.js';
import { EVENTS_LOG, SESSIONS_LOG } from './names.js';
import { SessionsFile } from './sessions-file.js';
import type { Backlog, SessionId, SessionRecord, Store, StreamId } from './store.js';

/** Journals up to these sizes are not rewritten (bytes). */
const LEAST = { sessions: 256 * 1024, events: 4 * 1024 * 1024 };

export interface DiskDoors {
  /**
   * Something could not be written: `error`, in that file. Said once until something can be written again; the store goes
   * on in memory meanwhile, and then puts all of it in the file.
   */
  readonly onFault: (file: string, error: Error) => void;
  /** That file could not be read: what it kept is missing. `aside`: its new name; undefined: it could not be renamed. */
  readonly onUnreadable: (file: string, error: Error, aside: string | undefined) => void;
}

export interface DiskPlan extends DiskDoors {
  /** Is there, and no other process writes in it. */
  readonly folder: string;
  /** Other sizes up to which journals are not rewritten (bytes). */
  readonly least?: { readonly sessions: number; readonly events: number };
}

/** What it was given before its process ended, however that ended, the next one on the same folder knows. */
export class DiskStore implements Store {
  readonly #memory: MemoryStore;
  readonly #sessions: SessionsFile;
  readonly #events: EventsFile;
  /** Lines in its files that could not be understood, and were left out. */
  readonly skipped: number;

  constructor({ folder, onFault, onUnreadable, least = LEAST }: DiskPlan) {
    const logs = new Logs();
    const ended = new Ended();
    const unreadable = new Set<string>();
    const planOf = (name: string, least: number): CompactedPlan => {
      const file = path.join(folder, name);
      return {
        ...{ file, least },
        onFault: (error) => onFault(file, error),
        onUnreadable: (error, aside) => {
          unreadable.add(name);
          onUnreadable(file, error, aside);
        },
      };
    };
    this.#memory = new MemoryStore(logs, ended);
    this.#sessions = new SessionsFile(planOf(SESSIONS_LOG, least.sessions), ended);
    this.#events = new EventsFile(planOf(EVENTS_LOG, least.events), logs);
    const skipped = this.#sessions.read(this);
    this.skipped = skipped + this.#events.read((session) => this.record(session) !== undefined);
    if (unreadable.has(EVENTS_LOG)) this.#countAnew();
  }

  save(record: SessionRecord): void {
    this.#memory.save(record);
    this.#sessions.save(record);
  }

  record(session: SessionId): SessionRecord | undefined {
    return this.#memory.record(session);
  }

  records(): Iterable<SessionRecord> {
    return this.#memory.records();
  }

  forget(session: SessionId): void {
    // In this order: a session on record whose events are forgotten would count them from 1 again.
    this.#sessions.forget(session);
    this.#events.forget(session);
    this.#memory.forget(session);
  }

  end(session: SessionId): void {
    this.#sessions.end(session);
    this.#events.forget(session);
    this.#memory.end(session);
  }

  hasEnded(session: SessionId): boolean {
    return this.#memory.hasEnded(session);
  }

  begin(session: SessionId, stream: StreamId, requests: readonly RequestId[]): void {
    this.#events.begin(session, stream, requests);
  }

  append(session: SessionId, stream: StreamId, text: string, sent = false): number {
    return this.#events.append(session, stream, text, sent);
  }

  sent(session: SessionId, seq: number): void {
    this.#events.sent(session, seq);
  }

  lastSent(session: SessionId): number {
    return this.#memory.lastSent(session);
  }

  finish(session: SessionId, stream: StreamId): void {
    this.#events.finish(session, stream);
  }

  after(session: SessionId, stream: StreamId, seq: number): Backlog | undefined {
    return this.#memory.after(session, stream, seq);
  }

  unfinished(session: SessionId): ReadonlyMap<StreamId, readonly RequestId[]> {
    return this.#memory.unfinished(session);
  }

  lastPost(session: SessionId): number {
    return this.#memory.lastPost(session);
  }

  countFrom(session: SessionId, n: number): void {
    this.#events.countFrom(session, n);
  }

  note(name: string): string | undefined {
    return this.#memory.note(name);
  }

  keepNote(name: string, text: string | undefined): void {
    this.#memory.keepNote(name, text);
    this.#sessions.keepNote(name, text);
  }

  /** Puts in the files what they lack: they could not be written for a while, or were taken away. Never throws. */
  mend(): void {
    this.#sessions.mend();
    this.#events.mend();
  }

  /** Nothing is written any more. */
  close(): void {
    this.#sessions.close();
    this.#events.close();
  }

  /** Events have been given out that are not known any more: none that comes gets the id of one of them. */
  #countAnew(): void {
    for (const { id } of this.records()) {
      this.#events.forget(id);
      this.#events.countFrom(id, Date.now());
    }
  }
}
