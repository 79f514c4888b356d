// Lines on a stdio pipe: bytes from the backend into lines, an HTTP body into one line.

const LF = 0x0a;
const CR = 0x0d;

/** Takes the bytes of one stdout in order, for one life of one process. */
export interface LineSplitter {
  /** Keeps `chunk` until its last line ends: the caller must not write to it again. */
  push(chunk: Buffer): void;
  /** The pipe has ended. Whatever comes later is ignored. */
  end(): void;
}

/** Where the lines go. Both are called synchronously, in the order of the bytes. */
export interface LineDoors {
  /** One line that is not blank, without its line end and with no CR or LF in it. */
  onLine(line: string): void;
  /** A line went beyond the limit. Called at most once, and nothing is called after it. */
  onTooLong(): void;
}

/**
 * Splits bytes into the lines of the MCP stdio transport: UTF-8, one message per line.
 *
 * A line ends with LF or CR LF; blank lines are skipped. Bytes that are no UTF-8 become U+FFFD.
 * A last line without LF is given at the end: either it is a message that lost only its newline,
 * or it is half of one, no JSON, and noise to the reader.
 *
 * @param limit bytes a line may have before its LF, below the 512 MiB a string can hold
 */
export function makeLineSplitter(limit: number, doors: LineDoors): LineSplitter {
  // The beginning of a line whose LF has not come yet. A list, joined once, keeps long lines linear.
  let pieces: Buffer[] = [];
  let held = 0;
  let isOpen = true;

  function push(chunk: Buffer): void {
    let start = 0;
    let lf = isOpen ? chunk.indexOf(LF) : -1;
    while (isOpen && lf !== -1) {
      finishLine(chunk, start, lf);
      start = lf + 1;
      lf = chunk.indexOf(LF, start);
    }
    if (isOpen && start < chunk.length) hold(chunk.subarray(start));
  }

  function finishLine(chunk: Buffer, start: number, end: number): void {
    if (held === 0 && end - start <= limit) {
      giveLine(chunk, start, end);
    } else {
      hold(chunk.subarray(start, end));
      giveHeld();
    }
  }

  function hold(piece: Buffer): void {
    pieces.push(piece);
    held += piece.length;
    if (held > limit) giveUp();
  }

  function giveHeld(): void {
    if (held === 0) return;
    const whole = Buffer.concat(pieces, held);
    forget();
    giveLine(whole, 0, whole.length);
  }

  function giveLine(bytes: Buffer, start: number, end: number): void {
    const line = decodeLine(bytes, start, end);
    if (!isBlank(line)) doors.onLine(line);
  }

  function giveUp(): void {
    isOpen = false;
    forget();
    doors.onTooLong();
  }

  function forget(): void {
    pieces = [];
    held = 0;
  }

  function end(): void {
    isOpen = false;
    giveHeld();
  }

  return { push, end };
}

/**
 * Makes a JSON text safe to be one line: a raw CR or LF becomes a space.
 *
 * MCP stdio forbids newlines inside a message, and an HTTP body may be pretty-printed. The text must
 * have been parsed: in valid JSON both can stand only between tokens, so its meaning stays.
 */
export function toWireLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, ' ') : text;
}

/** Decodes from the bytes, not from a bigger string: a kept line must not keep its chunk alive. */
function decodeLine(bytes: Buffer, start: number, end: number): string {
  const hasCr = end > start && bytes[end - 1] === CR;
  const line = bytes.toString('utf8', start, hasCr ? end - 1 : end);
  // A CR inside would end a `data:` field when the line goes out as an SSE event.
  return line.includes('\r') ? line.replaceAll('\r', ' ') : line;
}

function isBlank(line: string): boolean {
  return !/\S/.test(line);
}
