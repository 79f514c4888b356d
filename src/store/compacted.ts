// A journal that is rewritten when most of it is dead: a byte is copied about as often as one is appended.
import { type Found, Journal, type JournalDoors } from './journal.js';

export interface CompactedPlan extends JournalDoors {
  readonly file: string;
  /** A journal up to this size is not rewritten (bytes). */
  readonly least: number;
}

/** What a journal would hold if it were written anew. */
export interface Live {
  /** Bytes of its lines; never too few, or it would be rewritten for nothing. */
  bytes(): number;
  /** How many lines. */
  count(): number;
  lines(): Iterable<string>;
}

export class Compacted {
  readonly #journal: Journal;
  readonly #least: number;
  readonly #live: Live;
  #isReading = false;
  /** Where a rewrite failed, the next one waits until the journal has grown to this size (bytes). */
  #notBefore = 0;

  constructor(plan: CompactedPlan, live: Live) {
    this.#journal = new Journal(plan.file, plan);
    this.#least = plan.least;
    this.#live = live;
  }

  /**
   * Reads what is there, before anything is appended; what is appended meanwhile is what is read, and there already.
   * `take` tells whether it understood the line.
   */
  read(take: (line: string) => boolean): Found {
    this.#isReading = true;
    const found = this.#journal.read(take);
    this.#isReading = false;
    return found;
  }

  /** Takes out what is dead, if anything is in what was found. */
  tidy({ lines }: Found): void {
    if (this.#journal.isBehind || lines > this.#live.count()) this.#rewrite();
  }

  /** Keeps a line; returns when the system has it. Never throws. */
  append(line: string): void {
    if (this.#isReading) return;
    this.#journal.append(line);
    if (this.#isDue()) this.#rewrite();
  }

  /** Puts in the file what it lacks, if that can be done now. Never throws. */
  mend(): void {
    if (!this.#journal.isWhole()) this.#rewrite();
  }

  close(): void {
    this.#journal.close();
  }

  #isDue(): boolean {
    const { size, isBehind } = this.#journal;
    if (size < this.#notBefore) return false;
    return isBehind || (size > this.#least && size > 2 * this.#live.bytes());
  }

  #rewrite(): void {
    const isDone = this.#journal.rewrite(this.#live.lines());
    this.#notBefore = isDone ? 0 : this.#journal.size + this.#least / 4;
  }
}
