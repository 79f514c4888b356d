// What a server says on stderr: all of it for the log, the last of it for errors.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Stderr } from '../../src/backend/stderr.js';

function listen(...chunks: readonly (string | Buffer)[]) {
  const lines: string[] = [];
  const stderr = new Stderr((line) => lines.push(line));
  for (const chunk of chunks) stderr.push(Buffer.from(chunk));
  return { lines, stderr };
}

function hear(...chunks: readonly (string | Buffer)[]) {
  const { lines, stderr } = listen(...chunks);
  stderr.end();
  return { lines, tail: stderr.tail() };
}

describe('the log gets', () => {
  test('each line when it has ended, and the rest at the end', () => {
    const { lines, stderr } = listen('one\ntw', 'o\nthr');
    expect(lines).toEqual(['one', 'two']);
    stderr.push(Buffer.from('ee'));
    stderr.end();
    stderr.end();
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  test('lines as they were written: blank ones, colours, spaces, a CR in the middle', () => {
    const { lines } = hear('\n  \n\x1b[31mred\x1b[0m \n10 %\r20 %\nend\r\n');
    expect(lines).toEqual(['', '  ', '\x1b[31mred\x1b[0m ', '10 %\r20 %', 'end']);
  });

  test('the same lines, wherever the bytes are cut', () => {
    const text = fc.array(fc.constantFrom('\n', '\r\n', 'grüße', '😀', ' ', 'x'), { maxLength: 30 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), (parts, places) => {
        const bytes = Buffer.from(parts.join(''));
        const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b)];
        const chunks = cuts.map((from, i) => bytes.subarray(from, cuts[i + 1] ?? bytes.length));
        expect(hear(...chunks)).toEqual(hear(bytes));
        expect(hear(bytes).lines.join('\n')).toBe(parts.join('').replaceAll('\r\n', '\n').replace(/\n$/, ''));
      }),
    );
  });

  test('a line that does not end in pieces of 8192 characters', () => {
    const { lines, stderr } = listen(...Array<string>(5).fill('x'.repeat(4_000)));
    expect(lines.map(({ length }) => length)).toEqual([8_192, 8_192]);
    stderr.end();
    expect(lines.join('')).toBe('x'.repeat(20_000));
  });
});

describe('the tail has', () => {
  test('nothing where nothing was said', () => {
    expect(hear().tail).toEqual([]);
    expect(hear('\n\n \n').tail).toEqual([]);
  });

  test('the lines that say something, without colours and without what trails', () => {
    expect(hear('\x1b[1;31merror\x1b[0m: no database  \n\n\x1b[2m\x1b[0m\n  at main\n').tail).toEqual([
      'error: no database',
      '  at main',
    ]);
  });

  test('no line that has not ended yet', () => {
    const { stderr } = listen('one\ntwo');
    expect(stderr.tail()).toEqual(['one']);
  });

  test('the last twenty lines', () => {
    const all = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    expect(hear(all.join('\n')).tail).toEqual(all.slice(10));
  });

  test('4096 characters at most, whole lines of them, the last ones', () => {
    const all = Array.from({ length: 10 }, (_, i) => String(i).repeat(1_000));
    expect(hear(all.join('\n')).tail).toEqual(all.slice(6));
  });

  test('the beginning of a last line that alone is too long', () => {
    expect(hear(`before\n${'x'.repeat(5_000)}\n`).tail).toEqual(['x'.repeat(4_096)]);
  });

  test('never more than that, whatever was said', () => {
    const anything = fc.array(fc.string({ maxLength: 3_000, size: 'max' }), { maxLength: 30 });
    fc.assert(
      fc.property(anything, (lines) => {
        const { tail } = hear(lines.join('\n'));
        expect(tail.length).toBeLessThanOrEqual(20);
        expect(tail.join('').length).toBeLessThanOrEqual(4_096);
      }),
      { numRuns: 50, endOnFailure: true },
    );
  });
});
