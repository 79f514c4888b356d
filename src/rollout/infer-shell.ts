// The words of a shell's command line, as far as they can be told without running it.

export interface ShellLine {
  /** Its commands, in order: what stands between `&&`, `||`, `|`, `;` and `&`. */
  readonly commands: readonly (readonly string[])[];
  /** One command, and none of its words means anything but itself. */
  readonly simple: boolean;
}

const BLANK = /[ \t]/;
const OPERATOR = /^(?:&&|\|\||[|;&\n])/;
/** What a shell would replace or redirect: the word stays as it is written. */
const MEANT = /[$`()<>*?{}#~]/;

/** Reads a line as a POSIX shell cuts it; nothing is expanded. */
export function readShellLine(text: string): ShellLine {
  const reader = new Reader(text);
  reader.read();
  return { commands: reader.commands, simple: reader.commands.length === 1 && !reader.expands };
}

class Reader {
  readonly commands: string[][] = [];
  expands = false;
  #words: string[] = [];
  #word: string | undefined;
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  read(): void {
    while (this.#at < this.#text.length) this.#step();
    this.#endCommand();
  }

  #step(): void {
    const rest = this.#text.slice(this.#at);
    const [operator] = OPERATOR.exec(rest) ?? [];
    const c = rest[0] ?? '';
    this.#at += operator?.length ?? 1;
    if (operator) this.#endCommand();
    else if (BLANK.test(c)) this.#endWord();
    else if (c === "'") this.#add(this.#until("'"));
    else if (c === '"') this.#addQuoted();
    else if (c === '\\') this.#add(this.#next());
    else this.#addPlain(c);
  }

  #addPlain(c: string): void {
    if (MEANT.test(c)) this.expands = true;
    this.#add(c);
  }

  #addQuoted(): void {
    this.#add('');
    for (let c = this.#next(); c !== '"' && c !== ''; c = this.#next()) {
      if (c === '$' || c === '`') this.expands = true;
      this.#add(c === '\\' ? this.#escaped() : c);
    }
  }

  /** Between double quotes a backslash is one, unless it stands before what it can take the meaning of. */
  #escaped(): string {
    const c = this.#next();
    return '$`"\\'.includes(c) ? c : `\\${c}`;
  }

  #until(end: string): string {
    const to = this.#text.indexOf(end, this.#at);
    const text = this.#text.slice(this.#at, to < 0 ? undefined : to);
    this.#at += text.length + 1;
    return text;
  }

  #next(): string {
    const c = this.#text[this.#at] ?? '';
    this.#at += 1;
    return c;
  }

  #add(text: string): void {
    this.#word = (this.#word ?? '') + text;
  }

  #endWord(): void {
    if (this.#word !== undefined) this.#words.push(this.#word);
    this.#word = undefined;
  }

  #endCommand(): void {
    this.#endWord();
    if (this.#words.length > 0) this.commands.push(this.#words);
    this.#words = [];
  }
}
