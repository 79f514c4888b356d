// sessions.log: which sessions are on record, which were ended, and the notes.
import { Compacted, type CompactedPlan } from './compacted.js';
import type { Ended } from './ended.js';
import { KeptLines } from './kept-lines.js';
import {
  applySessionLine,
  endedLine,
  forgottenLine,
  noteLine,
  recordLine,
  type SessionChanges,
} from './session-lines.js';
import type { SessionId, SessionRecord } from './store.js';

/** What stands around an id in the line of an ended session, with the line end. */
const ENDED_AROUND = endedLine('').length + 1;

export class SessionsFile implements SessionChanges {
  readonly #records = new KeptLines();
  readonly #notes = new KeptLines();
  readonly #ended: Ended;
  readonly #journal: Compacted;

  constructor(plan: CompactedPlan, ended: Ended) {
    this.#ended = ended;
    this.#journal = new Compacted(plan, {
      bytes: () => this.#bytes(),
      count: () => this.#records.size + this.#notes.size + this.#ended.size,
      lines: () => this.#lines(),
    });
  }

  /**
   * Tells what the file says, in the order in which it was kept; `changes` brings it here again, as if it were new.
   *
   * Returns how many lines could not be understood.
   */
  read(changes: SessionChanges): number {
    const found = this.#journal.read((line) => applySessionLine(line, changes));
    this.#journal.tidy(found);
    return found.skipped;
  }

  save(record: SessionRecord): void {
    const line = recordLine(record);
    if (this.#records.put(record.id, line)) this.#journal.append(line);
  }

  forget(session: SessionId): void {
    if (this.#records.drop(session)) this.#journal.append(forgottenLine(session));
  }

  end(session: SessionId): void {
    const wasOnRecord = this.#records.drop(session);
    if (!wasOnRecord && this.#ended.has(session)) return;
    this.#ended.add(session);
    this.#journal.append(endedLine(session));
  }

  keepNote(name: string, text: string | undefined): void {
    const line = noteLine(name, text);
    const isNews = text === undefined ? this.#notes.drop(name) : this.#notes.put(name, line);
    if (isNews) this.#journal.append(line);
  }

  mend(): void {
    this.#journal.mend();
  }

  close(): void {
    this.#journal.close();
  }

  #bytes(): number {
    const ended = this.#ended.characters + ENDED_AROUND * this.#ended.size;
    return this.#records.bytes + this.#notes.bytes + ended;
  }

  /** Those that ended come first: a line of theirs forgets the record. */
  *#lines(): Iterable<string> {
    for (const session of this.#ended.sessions()) yield endedLine(session);
    yield* this.#records.all();
    yield* this.#notes.all();
  }
}
