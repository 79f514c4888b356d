// The three pipes of a child: lines in, lines out, and what it says on stderr.
import { asLine, type Line, parseJson } from '../protocol/jsonrpc.js';
import { elements } from '../protocol/rewrite.js';
import { makeLineSplitter } from '../protocol/stdio.js';
import type { Child } from './spawn.js';
import { Stderr } from './stderr.js';

export interface PipeDoors {
  onLine(line: Line): void;
  /** A line of stdout that is no JSON-RPC message. */
  onNoise(text: string): void;
  onStderr(text: string): void;
  /** Anything at all came. */
  onOutput(): void;
  /** It has closed a pipe; the process may live on. */
  onClosed(reason: string): void;
  /** It wrote a line that nobody can hold; nothing of it is read any more. */
  onTooLong(reason: string): void;
}

/** A line of stdout longer than this breaks the pipe (bytes). */
const LONGEST_LINE = 32 * 1024 * 1024;
/** So much may wait for a server that does not read its stdin (bytes). */
const STDIN_LIMIT = 64 * 1024 * 1024;

export class Pipes {
  readonly #child: Child;
  readonly #doors: PipeDoors;
  readonly #stderr: Stderr;
  #endStdout = (): void => {};
  #outgoing = '';

  constructor(child: Child, doors: PipeDoors) {
    this.#child = child;
    this.#doors = doors;
    this.#stderr = new Stderr((text) => doors.onStderr(text));
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => {});
    child.stdin.on('close', () => doors.onClosed('it closed its stdin'));
    this.#readStdout();
    this.#readStderr();
  }

  /** The last lines of stderr. */
  get tail(): readonly string[] {
    return this.#stderr.tail();
  }

  /** Writes one line to stdin. `full`: it is not read; `gone`: it is closed. */
  send(text: string): 'sent' | 'full' | 'gone' {
    const { stdin } = this.#child;
    if (!stdin.writable) return 'gone';
    if (stdin.writableLength + this.#outgoing.length > STDIN_LIMIT) return 'full';
    // What is sent in one turn of the event loop leaves in one write: under load, writes are what costs most.
    if (this.#outgoing === '') setImmediate(this.#write);
    this.#outgoing += `${text}\n`;
    return 'sent';
  }

  endStdin(): void {
    this.#write();
    this.#child.stdin.end();
  }

  /** Calls back when stdout and stderr have been read to their end, or after `grace` ms: somebody may hold them open. */
  whenRead(grace: number, done: () => void): void {
    const { stdout, stderr } = this.#child;
    const check = () => {
      if (stdout.closed && stderr.closed) done();
    };
    for (const pipe of [stdout, stderr]) pipe.once('close', check);
    setTimeout(done, grace).unref();
    setImmediate(check);
  }

  /** What came of a last line is handed on, even if somebody holds the pipes open. */
  destroy(): void {
    this.#endStdout();
    this.#stderr.end();
    for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) pipe.destroy();
  }

  readonly #write = (): void => {
    const lines = this.#outgoing;
    this.#outgoing = '';
    if (lines !== '' && this.#child.stdin.writable) this.#child.stdin.write(lines);
  };

  #readStdout(): void {
    const splitter = makeLineSplitter(LONGEST_LINE, {
      onLine: (text) => this.#onText(text),
      onTooLong: () =>
        this.#doors.onTooLong(`a line of more than ${LONGEST_LINE / 2 ** 20} MiB on its stdout`),
    });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#doors.onOutput();
      splitter.push(chunk);
    });
    this.#endStdout = () => splitter.end();
    this.#child.stdout.on('end', () => {
      splitter.end();
      this.#doors.onClosed('it closed its stdout');
    });
  }

  #readStderr(): void {
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#doors.onOutput();
      this.#stderr.push(chunk);
    });
    this.#child.stderr.on('end', () => this.#stderr.end());
  }

  #onText(text: string): void {
    // A banner is told from a message without the cost of an exception.
    const value = /^\s*[[{]/.test(text) ? parseJson(text) : undefined;
    if (!Array.isArray(value) || value.length === 0) return this.#onMessage(value, text);
    // A server of 2025-03-26 may answer in batches.
    const texts = elements(text);
    for (const [i, one] of value.entries()) this.#onMessage(one, texts[i] ?? '');
  }

  #onMessage(value: unknown, text: string): void {
    const line = asLine(value, text);
    if (line) this.#doors.onLine(line);
    else this.#doors.onNoise(text);
  }
}
