// Bytes into lines and back: cut anywhere, the same lines must come out.
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { makeLineSplitter, toWireLine } from '../../src/protocol/stdio.js';

const TOO_LONG = Symbol('too long');
type Heard = string | typeof TOO_LONG;

function makeListener(limit: number) {
  const heard: Heard[] = [];
  const doors = { onLine: (line: string) => heard.push(line), onTooLong: () => heard.push(TOO_LONG) };
  return { heard, splitter: makeLineSplitter(limit, doors) };
}

function split(chunks: readonly (Buffer | string)[], limit = 1 << 20): Heard[] {
  const { heard, splitter } = makeListener(limit);
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return heard;
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...sorted].map((start, i) => bytes.subarray(start, sorted[i] ?? bytes.length));
}

/** What the splitter promises, said the slow way: on the whole text at once. */
function expectedLines(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, '').replaceAll('\r', ' '));
  return lines.filter((line) => line.trim() !== '');
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });
const wellFormed = fc.string({ unit: 'binary' });
const message = fc.record({ jsonrpc: fc.constant('2.0'), method: wellFormed }).map((m) => JSON.stringify(m));
const lineEnd = fc.constantFrom('\n', '\r\n', '\n\n', '\r\n \r\n');
const messyText = fc
  .array(fc.constantFrom('\n', '\r', ' ', '{}', 'é', '😀', '\u2028', '\t'), { maxLength: 40 })
  .map((parts) => parts.join(''));

afterEach(() => void vi.restoreAllMocks());

describe('cutting', () => {
  test('any messages, cut into any chunks, come out as the same lines', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(message, lineEnd)), cuts, (lines, places) => {
        const bytes = Buffer.from(lines.flat().join(''));
        expect(split(cut(bytes, places))).toEqual(lines.map(([line]) => line));
      }),
    );
  });

  test('any mess of line ends and blanks, cut into any chunks, comes out as the slow way says', () => {
    fc.assert(
      fc.property(messyText, cuts, (text, places) => {
        expect(split(cut(Buffer.from(text), places))).toEqual(expectedLines(text));
      }),
      { numRuns: 1000 },
    );
  });

  test('a character split over two chunks stays whole', () => {
    const bytes = Buffer.from('{"a":"😀"}\n');
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(split([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(['{"a":"😀"}']);
    }
  });

  test('a line is given as soon as its newline is there', () => {
    const { heard, splitter } = makeListener(100);
    splitter.push(Buffer.from('{"a":1}\n{"b"'));
    expect(heard).toEqual(['{"a":1}']);
    splitter.push(Buffer.from(':2}\n'));
    expect(heard).toEqual(['{"a":1}', '{"b":2}']);
  });
});

describe('line ends', () => {
  test('one CR before the newline is dropped, also when it came in the chunk before', () => {
    expect(split(['{"a":1}\r\n', '{"b":2}\r', '\n'])).toEqual(['{"a":1}', '{"b":2}']);
  });

  test('a CR inside a line becomes a space, so that it cannot end an SSE field', () => {
    expect(split(['{"a":\r1}\r\r\n'])).toEqual(['{"a": 1} ']);
  });

  test('U+2028 and U+2029 are no line ends', () => {
    expect(split(['"\u2028\u2029"\n'])).toEqual(['"\u2028\u2029"']);
  });

  test('empty and white-space lines are skipped', () => {
    expect(split(['\n\r\n \t \n', '  ', ' \n{}\n', '\n'])).toEqual(['{}']);
  });

  test('bytes that are no UTF-8 are a line all the same', () => {
    expect(split([Buffer.from([0x61, 0xff, 0x62, 0x0a])])).toEqual(['a\ufffdb']);
  });
});

describe('the end of the pipe', () => {
  test('a last line without a newline is given', () => {
    expect(split(['{"a":1}\n{"b":', '2}'])).toEqual(['{"a":1}', '{"b":2}']);
  });

  test('a blank rest is not given', () => {
    expect(split(['{}\n \r'])).toEqual(['{}']);
  });

  test('what comes after the end is ignored', () => {
    const { heard, splitter } = makeListener(100);
    splitter.push(Buffer.from('a'));
    splitter.end();
    splitter.push(Buffer.from('b\n'));
    splitter.end();
    expect(heard).toEqual(['a']);
  });

  test('an end called from inside a line stops the rest of the chunk', () => {
    const lines: string[] = [];
    const onLine = (line: string) => {
      lines.push(line);
      splitter.end();
    };
    const splitter = makeLineSplitter(100, { onLine, onTooLong: () => {} });
    splitter.push(Buffer.from('a'));
    splitter.push(Buffer.from('a\nb\nc'));
    expect(lines).toEqual(['aa']);
  });
});

describe('the limit', () => {
  test('a line of just the limit passes, one byte more does not', () => {
    expect(split(['12345\n1234567\n'], 7)).toEqual(['12345', '1234567']);
    expect(split(['12345\n12345678\n'], 7)).toEqual(['12345', TOO_LONG]);
  });

  test('it counts bytes, not characters', () => {
    expect(split(['éé\n'], 4)).toEqual(['éé']);
    expect(split(['éé\n'], 3)).toEqual([TOO_LONG]);
  });

  test('it does not wait for the newline', () => {
    const { heard, splitter } = makeListener(4);
    splitter.push(Buffer.from('123'));
    splitter.push(Buffer.from('45'));
    expect(heard).toEqual([TOO_LONG]);
  });

  test('it is told once, and nothing is given after it', () => {
    expect(split(['123456', '123456', '\nok\n', '123456789\n', 'rest'], 5)).toEqual([TOO_LONG]);
  });

  test('where the chunks are cut makes no difference', () => {
    fc.assert(
      fc.property(messyText, fc.nat(12), cuts, (text, limit, places) => {
        const bytes = Buffer.from(text);
        expect(split(cut(bytes, places), limit)).toEqual(split([bytes], limit));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('work', () => {
  test('a line of 30 MiB in chunks of 64 KiB is searched once per chunk and joined once', () => {
    const concat = vi.spyOn(Buffer, 'concat');
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const search = vi.spyOn(chunk, 'indexOf');
    const { heard, splitter } = makeListener(31 * 1024 * 1024);
    for (let i = 0; i < 480; i += 1) splitter.push(chunk);
    splitter.push(Buffer.from('\n'));
    expect(heard.map((line) => line.toString().length)).toEqual([30 * 1024 * 1024]);
    expect(search).toHaveBeenCalledTimes(480);
    expect(concat).toHaveBeenCalledTimes(1);
  });

  test('whole lines in one chunk are never joined', () => {
    const concat = vi.spyOn(Buffer, 'concat');
    expect(split(['{}\n'.repeat(20_000)])).toHaveLength(20_000);
    expect(concat).not.toHaveBeenCalled();
  });
});

describe('toWireLine', () => {
  test('a pretty-printed body becomes one line with the same meaning', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('\n', '\r\n', '\r'), (value, end) => {
        const line = toWireLine(JSON.stringify(value, null, 2).replaceAll('\n', end));
        expect(line).not.toMatch(/[\r\n]/);
        expect(JSON.stringify(JSON.parse(line))).toBe(JSON.stringify(value));
      }),
    );
  });

  test('a text of one line stays as it is, escapes included', () => {
    const text = '{"a": "\\n\\r\u2028", "b": 1.0}';
    expect(toWireLine(text)).toBe(text);
  });

  test('only raw line ends are touched, not the escaped ones nor U+2028', () => {
    expect(toWireLine('{\n"a":\r"\\n\\r\u2028"}')).toBe('{ "a": "\\n\\r\u2028"}');
  });

  test('what it makes is given back by the splitter as it was', () => {
    const line = toWireLine('{\r\n  "id": 12345678901234567890\r\n}');
    expect(split([`${line}\n`])).toEqual(['{    "id": 12345678901234567890  }']);
  });
});
