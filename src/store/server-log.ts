// What servers say on stderr, on disk: the last of it.
import { renameSync } from 'node:fs';
import path from 'node:path';
import { letGo, openToAppend, writeText } from './file-lines.js';
import { SERVER_LOG, SERVER_OLD_LOG } from './names.js';

/** Bytes. */
const MOST = 5 * 1024 * 1024;

export class ServerLog {
  readonly #file: string;
  readonly #old: string;
  readonly #most: number;
  #fd: number | undefined;
  #size = 0;
  #isClosed = false;

  /** Writes `server.log` in a folder; at `most` bytes (5 MiB) that becomes `server.old.log`, and a new one is begun. */
  constructor(folder: string, most = MOST) {
    this.#file = path.join(folder, SERVER_LOG);
    this.#old = path.join(folder, SERVER_OLD_LOG);
    this.#most = most;
  }

  /** Writes `<ISO time> <label> <text>`; returns when the system has it. What cannot be written is left out. */
  write(label: string, text: string, at = new Date()): void {
    if (this.#isClosed) return;
    try {
      this.#write(`${at.toISOString()} ${label} ${text}\n`);
    } catch {
      // It was shown too, and the next line may work.
      this.#letGo();
    }
  }

  /** Nothing is written any more after this. */
  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  #write(line: string): void {
    const length = Buffer.byteLength(line);
    let fd = this.#opened();
    if (this.#size > 0 && this.#size + length > this.#most) {
      this.#letGo();
      renameSync(this.#file, this.#old);
      fd = this.#opened();
    }
    this.#size += writeText(fd, line);
  }

  #opened(): number {
    if (this.#fd === undefined) ({ fd: this.#fd, size: this.#size } = openToAppend(this.#file));
    return this.#fd;
  }

  #letGo(): void {
    letGo(this.#fd);
    this.#fd = undefined;
  }
}
