// A file of lines that only grows, until it is rewritten. What it was given before a SIGKILL is in it.
import { renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { codeOf } from './error-code.js';
import { letGo, openToAppend, readLines, writeLines, writeText } from './file-lines.js';

/** What was found in a journal. */
export interface Found {
  /** Whole lines, with those that were skipped. */
  readonly lines: number;
  /** Lines that nobody understood. */
  readonly skipped: number;
}

export interface JournalDoors {
  /** It cannot be written: hears of the first fault, and of the next one only after something could be written again. */
  onFault(error: Error): void;
  /** It could not be read: what it kept is missing. `aside`: the file's new name; undefined: it could not be renamed. */
  onUnreadable(error: Error, aside: string | undefined): void;
}

export class Journal {
  readonly #file: string;
  readonly #doors: JournalDoors;
  #fd: number | undefined;
  /** Bytes of its whole lines. */
  #size = 0;
  /** The file may go on after its whole lines with a part of one. */
  #isTorn = false;
  #isFaulty = false;
  #hasLost = false;
  #isClosed = false;

  constructor(file: string, doors: JournalDoors) {
    this.#file = file;
    this.#doors = doors;
  }

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** It can be written again, but lacks what it was given while it could not: it is to be rewritten. */
  get isBehind(): boolean {
    return this.#hasLost && !this.#isFaulty;
  }

  /** Whether the file has all that it was given. One that was taken away or cut is said, as what cannot be written is. */
  isWhole(): boolean {
    try {
      const size = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
      if (size < this.#size) throw new Error('it was removed or cut');
      return !this.#hasLost;
    } catch (error) {
      this.#tell(error);
      return false;
    }
  }

  /**
   * Reads what is there, before anything is appended. `take` tells whether it understood the line.
   *
   * A last line that was never finished is cut off. A file that cannot be read is put aside.
   */
  read(take: (line: string) => boolean): Found {
    let lines = 0;
    let skipped = 0;
    const count = (line: string) => {
      lines += 1;
      if (!take(line)) skipped += 1;
    };
    try {
      this.#size = readLines(this.#file, count);
      this.#isTorn = statSync(this.#file).size > this.#size;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#putAside(error);
    }
    return { lines, skipped };
  }

  /** Keeps a line, which has no line end in it; returns when the system has it. Never throws. */
  append(line: string): void {
    if (this.#isClosed) return;
    try {
      this.#write(`${line}\n`);
      this.#isFaulty = false;
    } catch (error) {
      this.#hasLost = true;
      this.#tell(error);
    }
  }

  /** Puts these lines in the place of all others; false if that failed, and then nothing has changed. Never throws. */
  rewrite(lines: Iterable<string>): boolean {
    if (this.#isClosed) return false;
    const fresh = `${this.#file}.tmp`;
    try {
      const size = writeLines(fresh, lines);
      this.#letGo();
      renameSync(fresh, this.#file);
      this.#size = size;
      this.#isTorn = this.#isFaulty = this.#hasLost = false;
      return true;
    } catch (error) {
      this.#tell(error);
      remove(fresh);
      return false;
    }
  }

  /** Nothing is kept any more after this. */
  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  #write(text: string): void {
    // The next line must not be glued to a part of this one.
    if (this.#isTorn) truncateSync(this.#file, this.#size);
    const fd = this.#opened();
    this.#isTorn = true;
    this.#size += writeText(fd, text);
    this.#isTorn = false;
  }

  #opened(): number {
    if (this.#fd === undefined) ({ fd: this.#fd, size: this.#size } = openToAppend(this.#file));
    return this.#fd;
  }

  #letGo(): void {
    letGo(this.#fd);
    this.#fd = undefined;
  }

  /** What was read of it before the fault is in no file then. */
  #putAside(error: unknown): void {
    this.#hasLost = true;
    const aside = `${this.#file}.unreadable`;
    const isAside = attempt(() => renameSync(this.#file, aside));
    this.#doors.onUnreadable(asError(error), isAside ? aside : undefined);
  }

  #tell(error: unknown): void {
    if (this.#isFaulty) return;
    this.#isFaulty = true;
    this.#doors.onFault(asError(error));
  }
}

function remove(file: string): void {
  attempt(() => rmSync(file, { force: true }));
}

/** Whether it could be done. Where not, there is nothing better to do. */
function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
