// Lines by what they are about: a later one takes the place of an earlier one.
export class KeptLines {
  readonly #lines = new Map<string, string>();
  #bytes = 0;

  get size(): number {
    return this.#lines.size;
  }

  /** Of all lines, with their line ends. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False where that line is kept already. */
  put(key: string, line: string): boolean {
    const known = this.#lines.get(key);
    if (known === line) return false;
    this.#bytes += bytesOf(line) - (known === undefined ? 0 : bytesOf(known));
    this.#lines.set(key, line);
    return true;
  }

  /** False where there is none. */
  drop(key: string): boolean {
    const known = this.#lines.get(key);
    if (known === undefined) return false;
    this.#bytes -= bytesOf(known);
    return this.#lines.delete(key);
  }

  all(): Iterable<string> {
    return this.#lines.values();
  }
}

function bytesOf(line: string): number {
  return Buffer.byteLength(line) + 1;
}
