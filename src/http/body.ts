// The body of a POST: read once, bounded, and parsed once into the messages it carries.
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { type Refusal, refusal } from '../errors.js';
import { asLine, isObject, isRequestId, type Line, parseJson } from '../protocol/jsonrpc.js';
import { elements, isDeeper } from '../protocol/rewrite.js';
import { toWireLine } from '../protocol/stdio.js';

export interface Body {
  readonly ok: true;
  readonly lines: readonly Line[];
  /** The messages came as a JSON array. */
  readonly batch: boolean;
}

/** Messages in one batch. */
const LARGEST_BATCH = 100;
/** A level costs the parser a hundred times what it costs the sender. */
const MOST_LEVELS = 200_000;

/** The whole body, or why not. Never settles if the client leaves before its end: nobody is there to answer. */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer | Refusal> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = Number(request.headers['content-length'] ?? 0) > limit ? Number.POSITIVE_INFINITY : 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= limit) return;
      request.off('data', onData);
      resolve(refusal('body-too-large', `The body is larger than ${limit} bytes.`));
    };
    request.on('data', onData);
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  });
}

/** The messages of a body, each with its own text, safe for one stdio line. */
export function parseBody(bytes: Buffer): Body | Refusal {
  const text = isUtf8(bytes) ? toWireLine(bytes.toString()) : '';
  if (isDeeper(text, MOST_LEVELS)) {
    return refusal('not-json', `The body is nested deeper than ${MOST_LEVELS} levels.`);
  }
  const value = parseJson(text);
  if (value === undefined) return refusal('not-json', 'The body is not JSON.');
  if (Array.isArray(value)) return parseBatch(value, text);
  const line = asLine(value, text);
  return line ? { ok: true, lines: [line], batch: false } : notJsonRpc(value);
}

function parseBatch(values: readonly unknown[], text: string): Body | Refusal {
  if (values.length === 0 || values.length > LARGEST_BATCH) {
    return refusal('not-jsonrpc', `A batch of ${values.length} messages is not 1 to ${LARGEST_BATCH}.`);
  }
  const texts = elements(text);
  const lines: Line[] = [];
  for (const [i, value] of values.entries()) {
    const line = asLine(value, texts[i] ?? '');
    if (!line) return notJsonRpc(value);
    lines.push(line);
  }
  return { ok: true, lines, batch: true };
}

function notJsonRpc(value: unknown): Refusal {
  const id = isObject(value) && isRequestId(value.id) ? value.id : null;
  return refusal('not-jsonrpc', 'The body is JSON, but no JSON-RPC 2.0 message.', id);
}
