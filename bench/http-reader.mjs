// The least of HTTP/1.1 a client needs: bytes in; heads, pieces of bodies and ends of answers out.

const EMPTY = Buffer.alloc(0);
const MORE = -1;

/**
 * Returns a function that takes what the socket read. It calls `onHead({ status, headers })`,
 * then `onBody(bytes)` any number of times, then `onEnd()`, for one answer after the other.
 *
 *   head ──▶ body ─────────────────────────────▶ end ──▶ head
 *     └────▶ size ──▶ piece ──▶ (CRLF) size … 0 ──▶ trailer ──▶ end
 */
export function makeHttpReader({ onHead, onBody, onEnd }) {
  let state = 'head';
  let left = 0;
  let rest = EMPTY;

  const steps = {
    head(bytes, start) {
      const end = bytes.indexOf('\r\n\r\n', start, 'latin1');
      if (end < 0) return MORE;
      const head = parseHead(bytes.latin1Slice(start, end));
      onHead(head);
      ({ state, left } = getBodyState(head));
      if (state === 'body' && left === 0) finish();
      return end + 4;
    },
    body(bytes, start) {
      const end = take(bytes, start);
      if (left === 0) finish();
      return end;
    },
    size(bytes, start) {
      const end = bytes.indexOf('\r\n', start, 'latin1');
      if (end < 0) return MORE;
      left = Number.parseInt(bytes.latin1Slice(start, end), 16);
      if (Number.isNaN(left)) throw new Error('expected the size of a chunk in the answer');
      state = left === 0 ? 'trailer' : 'piece';
      return end + 2;
    },
    piece(bytes, start) {
      const end = take(bytes, start);
      if (left === 0) state = 'pieceEnd';
      return end;
    },
    pieceEnd(bytes, start) {
      if (bytes.length < start + 2) return MORE;
      state = 'size';
      return start + 2;
    },
    trailer(bytes, start) {
      const end = bytes.indexOf('\r\n', start, 'latin1');
      if (end < 0) return MORE;
      if (end === start) finish();
      return end + 2;
    },
  };

  function take(bytes, start) {
    const end = Math.min(bytes.length, start + left);
    left -= end - start;
    onBody(bytes.subarray(start, end));
    return end;
  }

  function finish() {
    state = 'head';
    onEnd();
  }

  return function read(chunk) {
    const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    rest = EMPTY;
    let at = 0;
    while (at < bytes.length) {
      const next = steps[state](bytes, at);
      if (next === MORE) {
        rest = bytes.subarray(at);
        return;
      }
      at = next;
    }
  };
}

function parseHead(text) {
  const [first, ...lines] = text.split('\r\n');
  const headers = new Map();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(first.split(' ')[1]), headers };
}

function getBodyState({ status, headers }) {
  if (status === 204 || status === 304) return { state: 'body', left: 0 };
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return { state: 'size', left: 0 };
  if (headers.has('content-length')) return { state: 'body', left: Number(headers.get('content-length')) };
  throw new Error(`expected content-length or chunked in the answer, got neither (status ${status})`);
}
