// events.log: the events of every session's streams.
import type { RequestId } from '../protocol/jsonrpc.js';
import { Compacted, type CompactedPlan } from './compacted.js';
import {
  applyEventLine,
  begunLine,
  countOf,
  eventLine,
  finishedLine,
  forgottenLine,
  linesOf,
  linesOfSession,
  sentLine,
} from './event-lines.js';
import type { Logs } from './logs.js';
import type { SessionId, StreamId } from './store.js';

export class EventsFile {
  readonly #logs: Logs;
  readonly #journal: Compacted;

  /** `logs`: what the file holds, and nobody else changes. */
  constructor(plan: CompactedPlan, logs: Logs) {
    this.#logs = logs;
    this.#journal = new Compacted(plan, {
      bytes: () => logs.bytes,
      count: () => countOf(logs),
      lines: () => linesOf(logs),
    });
  }

  /**
   * Takes what the file says into the logs, and forgets what is of no session on record.
   *
   * Returns how many lines could not be understood.
   */
  read(isOnRecord: (session: SessionId) => boolean): number {
    const found = this.#journal.read((line) => applyEventLine(line, this.#logs));
    // Said in the file too, or such an id would get them back if it came on record again.
    for (const session of [...this.#logs.sessions().keys()]) if (!isOnRecord(session)) this.forget(session);
    this.#journal.tidy(found);
    return found.skipped;
  }

  countFrom(session: SessionId, n: number): void {
    this.#logs.countFrom(session, n);
    for (const line of linesOfSession(this.#logs, session)) this.#journal.append(line);
  }

  begin(session: SessionId, stream: StreamId, requests: readonly RequestId[]): void {
    this.#logs.begin(session, stream, requests);
    this.#journal.append(begunLine(session, stream, requests));
  }

  /** The seq of the event. */
  append(session: SessionId, stream: StreamId, text: string, sent: boolean): number {
    // To JSON both are white space; here a line end would be the end of the event.
    const line = text.includes('\n') ? text.replaceAll('\n', ' ') : text;
    const seq = this.#logs.append(session, stream, line, sent);
    this.#journal.append(eventLine(session, stream, seq, sent, line));
    return seq;
  }

  sent(session: SessionId, seq: number): void {
    if (this.#logs.lastSent(session) === seq) return;
    this.#logs.sent(session, seq);
    this.#journal.append(sentLine(session, seq));
  }

  finish(session: SessionId, stream: StreamId): void {
    if (this.#logs.sessions().get(session)?.streams.get(stream)?.finished !== false) return;
    this.#logs.finish(session, stream);
    this.#journal.append(finishedLine(session, stream));
  }

  forget(session: SessionId): void {
    if (!this.#logs.sessions().has(session)) return;
    this.#logs.forget(session);
    this.#journal.append(forgottenLine(session));
  }

  mend(): void {
    this.#journal.mend();
  }

  close(): void {
    this.#journal.close();
  }
}
