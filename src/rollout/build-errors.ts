// The words of a compiler that matter: from its first error on, without warnings, without colours, no more than a call can carry.
import { stripVTControlCharacters } from 'node:util';

/** Bytes of UTF-8, the count of what is left out included. */
const MOST_BYTES = 4_096;
const ROOM_FOR_COUNT = 64;
/** Of a longer line only so many characters are kept. */
const LONGEST_LINE = 600;

/** First lines of an error: of rustc, gcc, clang, tsc, esbuild, go, javac, kotlinc, maven, gradle, dotnet, python, make, linkers. */
const ERROR = [
  /^\s*(fatal )?error(\[\w+\]| \w+)?: /i,
  /^\S.*?(:\d+(:\d+)?|\(\d+(,\d+)*\))(:| -) (fatal )?error\b/i,
  /^\s*[✘✖✗×] /,
  /^\[ERROR\] /,
  /^e: /,
  /^\S+\.go:\d+(:\d+)?: /,
  /^(go|vet): \S/,
  /^(\*{3} +|\s+)File ".*", line \d+/,
  /^Traceback \(most recent call last\):/,
  /^(\w+\.)*\w*(Error|Exception)\b( \[\w+\])?: /,
  /^FAILURE: /,
  /^(\S*\/)?(ld|ld\.\w+|lld|rust-lld|collect2)(\.exe)?: /,
  /^g?make(\[\d+\])?: \*\*\* /,
  /^(CMake Error|FAILED:) /,
];

/** First lines that are not counted: they say again that there was an error, or more of the same one. */
const NOT_COUNTED =
  /^error: (could not compile|aborting due to)|^g?make(\[\d+\])?: \*\*\* |^FAILURE: |^collect2: |^\s+File "|^(\w+\.)*\w*(Error|Exception)\b/;

const WARNING = [
  /^\s*warning(\[\w+\]| \w+)?: /i,
  /^\S.*?(:\d+(:\d+)?|\(\d+(,\d+)*\))(:| -) warning\b/i,
  /^\S.*: \w*Warning: /,
  /^\s*▲ /,
  /^\[WARN(ING)?\] /,
  /^w: /,
  /^\(!\) /,
  /^CMake Warning/,
  /^npm warn\b/i,
];

/** Lines before an error or warning that belong to it. */
const PRELUDE =
  /^In file included from |^ +from .+[:,]$|: In (member )?function |: At (top level|global scope):|^# \S+$|^> Task \S+ FAILED$/;

/** What a tool says of its own progress. */
const PROGRESS =
  /^ +(Compiling|Checking|Building|Finished|Running|Blocking|Updating|Downloaded|Downloading|Locking|Fresh) |^> Task \S+( UP-TO-DATE| NO-SOURCE| FROM-CACHE)?$|^\[INFO\]|^go: (downloading|finding|extracting|upgraded|added) /;

/** Takes the output of a build line by line, and keeps of it what its errors need: bounded, however long it is. */
export class BuildErrors {
  readonly #tail: string[] = [];
  readonly #kept: string[] = [];
  #tailBytes = 0;
  #left = MOST_BYTES - ROOM_FOR_COUNT;
  #prelude: string[] = [];
  #inWarning: 'no' | 'yes' | 'after-blank' = 'no';
  #isFull = false;
  #linesLeftOut = 0;
  #errorsLeftOut = 0;

  push(line: string): void {
    const text = plain(line);
    if (PROGRESS.test(text)) this.#inWarning = 'no';
    else if (isOneOf(WARNING, text)) this.#beginWarning();
    else if (isOneOf(ERROR, text)) this.#beginError(text);
    else if (PRELUDE.test(text)) this.#prelude.push(text);
    else this.#goOn(text);
  }

  /** Errors from the first one on; the last lines where none looks like one. */
  text(): string {
    if (this.#kept.length === 0) return this.#tail.join('\n').trim();
    const kept = this.#kept.join('\n').trimEnd();
    return this.#linesLeftOut === 0 ? kept : `${kept}\n${this.#count()}`;
  }

  #beginWarning(): void {
    this.#prelude = [];
    this.#inWarning = 'yes';
  }

  #beginError(text: string): void {
    for (const line of this.#prelude) this.#keep(line);
    this.#prelude = [];
    this.#inWarning = 'no';
    this.#keep(text);
    if (this.#isFull && !NOT_COUNTED.test(text)) this.#errorsLeftOut += 1;
  }

  /** A warning goes on over blank lines as long as what follows is indented. */
  #goOn(text: string): void {
    if (this.#inWarning === 'after-blank' && /^\S/.test(text)) this.#inWarning = 'no';
    if (this.#inWarning !== 'no') this.#inWarning = text === '' ? 'after-blank' : this.#inWarning;
    else if (this.#kept.length > 0 || this.#isFull) this.#keepWithPrelude(text);
    else this.#keepTail(text);
  }

  #keepWithPrelude(text: string): void {
    for (const line of this.#prelude) this.#keep(line);
    this.#prelude = [];
    this.#keep(text);
  }

  #keep(line: string): void {
    this.#left -= Buffer.byteLength(line) + 1;
    if (this.#left < 0) this.#isFull = true;
    if (!this.#isFull) this.#kept.push(line);
    else if (line !== '') this.#linesLeftOut += 1;
  }

  #keepTail(line: string): void {
    this.#tail.push(line);
    this.#tailBytes += Buffer.byteLength(line) + 1;
    while (this.#tailBytes > MOST_BYTES) this.#tailBytes -= Buffer.byteLength(this.#tail.shift() ?? '') + 1;
  }

  #count(): string {
    const lines = `${this.#linesLeftOut} more line${this.#linesLeftOut === 1 ? '' : 's'}`;
    if (this.#errorsLeftOut === 0) return `… and ${lines}`;
    return `… and ${this.#errorsLeftOut} more error${this.#errorsLeftOut === 1 ? '' : 's'} (${lines})`;
  }
}

/** Without colours, and of what was written over itself only the last. */
function plain(line: string): string {
  const text = stripVTControlCharacters(line).trimEnd();
  const last = text.slice(text.lastIndexOf('\r') + 1);
  return last.length > LONGEST_LINE ? `${last.slice(0, LONGEST_LINE)}…` : last;
}

function isOneOf(patterns: readonly RegExp[], text: string): boolean {
  return patterns.some((pattern) => pattern.test(text));
}
