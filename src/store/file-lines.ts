// Lines of a file: read a piece at a time, because a file may be larger than a string can be; written whole.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';

const NEWLINE = 0x0a;
const READ = 1024 * 1024;
const WRITE = 256 * 1024;

/** What a bridge writes is for its user alone. */
export const PRIVATE_FILE = 0o600;

/**
 * Calls `take` with every line of a file that has its line end, as UTF-8, without it.
 *
 * Returns how many bytes these lines take: what follows them is the beginning of a line that was never finished. Throws
 * what the file system throws.
 */
export function readLines(file: string, take: (line: string) => void): number {
  const fd = openSync(file, 'r');
  try {
    return readLinesOf(fd, take);
  } finally {
    closeSync(fd);
  }
}

function readLinesOf(fd: number, take: (line: string) => void): number {
  let piece = Buffer.allocUnsafe(READ);
  let held = 0;
  let whole = 0;
  for (;;) {
    if (held === piece.length) piece = Buffer.concat([piece], 2 * piece.length);
    const read = readSync(fd, piece, held, piece.length - held, null);
    if (read === 0) return whole;
    const end = takeLines(piece.subarray(0, held + read), held, take);
    piece.copyWithin(0, end, held + read);
    held += read - end;
    whole += end;
  }
}

/** Takes the lines that end at `from` or after it; returns where the last one ends. */
function takeLines(bytes: Buffer, from: number, take: (line: string) => void): number {
  let start = 0;
  let stop = bytes.indexOf(NEWLINE, from);
  while (stop !== -1) {
    take(bytes.toString('utf8', start, stop));
    start = stop + 1;
    stop = bytes.indexOf(NEWLINE, start);
  }
  return start;
}

/** Makes a file of these lines, whatever was there; returns how many bytes they take. */
export function writeLines(file: string, lines: Iterable<string>): number {
  const fd = openSync(file, 'w', PRIVATE_FILE);
  try {
    return writeLinesTo(fd, lines);
  } finally {
    closeSync(fd);
  }
}

function writeLinesTo(fd: number, lines: Iterable<string>): number {
  let text = '';
  let written = 0;
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < WRITE) continue;
    written += writeText(fd, text);
    text = '';
  }
  return written + writeText(fd, text);
}

/** Opens a file to be appended to, or makes one; `size`: how long it is (bytes). */
export function openToAppend(file: string): { fd: number; size: number } {
  const fd = openSync(file, 'a', PRIVATE_FILE);
  return { fd, size: fstatSync(fd).size };
}

/** Closes it if it is open. Never throws: what cannot be closed is closed. */
export function letGo(fd: number | undefined): void {
  try {
    if (fd !== undefined) closeSync(fd);
  } catch {
    // There is nothing better to do.
  }
}

/** Writes all of a text, in one call unless the system takes only a part of it; returns how many bytes it takes. */
export function writeText(fd: number, text: string): number {
  const length = Buffer.byteLength(text);
  const written = length === 0 ? 0 : writeSync(fd, text);
  if (written < length) writeRest(fd, Buffer.from(text).subarray(written));
  return length;
}

function writeRest(fd: number, bytes: Buffer): void {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
}
