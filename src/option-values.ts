// The text of an option → its value, or what is wrong with it in words.
import type { OptionRow } from './options.js';

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

type Units = Readonly<Record<string, number>>;
const MILLISECONDS: Units = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
const BYTES: Units = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 };

/** '200ms', '5s', '30m', '1h', '7d' → milliseconds; of bare numbers only 0 says what it means. */
export function parseDuration(text: string): Checked<number> {
  const value = text === '0' ? 0 : measure(text, MILLISECONDS);
  return value === undefined ? unlike('a time such as 200ms, 5s or 30m', text) : { ok: true, value };
}

/** '16MiB', '4MB', '1024' → bytes. */
export function parseSize(text: string): Checked<number> {
  const value = measure(text.toLowerCase(), BYTES);
  return value === undefined ? unlike('a size such as 16MiB, 4MB or 1024', text) : { ok: true, value };
}

function measure(text: string, units: Units): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(text) ?? [];
  const size = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return number === undefined || size === undefined ? undefined : Math.round(Number(number) * size);
}

function parseWhole(text: string): Checked<number> {
  return /^\d+$/.test(text) ? { ok: true, value: Number(text) } : unlike('a whole number', text);
}

/** One value of an option from its text. */
export function parseValue(row: OptionRow, text: string): Checked<string | number | boolean> {
  switch (row.type) {
    case 'number':
      return parseWithin(row, text, parseWhole);
    case 'duration':
      return parseWithin(row, text, parseDuration);
    case 'size':
      return parseWithin(row, text, parseSize);
    case 'boolean':
      return parseBoolean(text);
    case 'choice':
      return parseChoice(row.choices ?? [], text);
    case 'string':
    case 'list':
      return parseText(row, text);
  }
}

type Parse = (text: string) => Checked<number>;

function parseWithin({ min = '', max = '' }: OptionRow, text: string, parse: Parse): Checked<number> {
  const [parsed, least, most] = [parse(text), parse(min), parse(max)];
  if (!parsed.ok) return parsed;
  const below = least.ok && parsed.value < least.value;
  const above = most.ok && parsed.value > most.value;
  return below || above ? unlike(`${min} to ${max}`, text) : parsed;
}

function parseBoolean(text: string): Checked<boolean> {
  const on = text === 'true' || text === '1';
  return on || text === 'false' || text === '0' ? { ok: true, value: on } : unlike('true or false', text);
}

function parseChoice(choices: readonly string[], text: string): Checked<string> {
  if (choices.includes(text)) return { ok: true, value: text };
  const near = nearest(text, choices);
  return unlike(`one of ${choices.join(', ')}`, text, near && `; did you mean ${near}?`);
}

function parseText(row: OptionRow, text: string): Checked<string> {
  const expected = row.expected ?? 'a text';
  if (text === '' && row.emptiable) return { ok: true, value: text };
  if (text && (row.pattern ?? /^/).test(text)) return { ok: true, value: text };
  return row.secret && text ? { ok: false, message: `expected ${expected}` } : unlike(expected, text);
}

function unlike(expected: string, text: string, more = ''): { readonly ok: false; readonly message: string } {
  return { ok: false, message: `expected ${expected}, got ${show(text)}${more}` };
}

/** A user's text as it stands in a one-line message. */
export function show(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  if (short === '') return 'nothing';
  return /^[^\s\p{C}]+$/u.test(short) ? short : JSON.stringify(short.replace(/[\s\p{C}]/gu, ' '));
}

/** The name a mistyped word was probably meant to be. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const ranked = names.map((name) => ({ name, far: distance(word.toLowerCase(), name) }));
  const [best] = ranked.sort((a, b) => a.far - b.far);
  if (best && best.far <= Math.min(3, Math.ceil(word.length / 2))) return best.name;
  return word.length < 3 ? undefined : names.find((name) => name.includes(word) || word.includes(name));
}

/** Letters to add, drop or replace on the way from a to b. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, x] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, y] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (x === y ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
