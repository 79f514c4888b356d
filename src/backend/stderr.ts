// What a server says on stderr: line by line for the log, and the last of it for the errors that it explains.
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

/** A line longer than this is handed on in pieces (characters). */
const LONGEST_LINE = 8_192;
const TAIL_LINES = 20;
const TAIL_CHARACTERS = 4_096;

export class Stderr {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';
  #tail: string[] = [];

  /** `onLine` gets each line as it was written, without its line end. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split(/\r?\n/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(this.#inPieces(line));
    this.#rest = this.#inPieces(this.#rest);
  }

  end(): void {
    if (this.#rest) this.#take(this.#rest);
    this.#rest = '';
  }

  /** The last lines that say something, without colours, at most 20 of them and 4 kB. */
  tail(): string[] {
    const kept: string[] = [];
    let left = TAIL_CHARACTERS;
    for (const line of this.#tail.toReversed()) {
      left -= line.length;
      if (left < 0) break;
      kept.unshift(line);
    }
    return kept;
  }

  /** Hands on what is too long for one line; returns what is left of it. */
  #inPieces(line: string): string {
    let left = line;
    while (left.length > LONGEST_LINE) {
      this.#take(left.slice(0, LONGEST_LINE));
      left = left.slice(LONGEST_LINE);
    }
    return left;
  }

  readonly #take = (line: string): void => {
    this.#onLine(line);
    const plain = stripVTControlCharacters(line).trimEnd();
    if (!plain) return;
    this.#tail.push(plain.slice(0, TAIL_CHARACTERS));
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
  };
}
