// Surgery on JSON texts: finds or replaces one value and leaves every other character as it came.
//
// JSON.parse and JSON.stringify would lose big integers, `1.0` and duplicate keys. All texts here but that of
// `isDeeper` are valid JSON, parsed by the caller before, so the scanner checks nothing. It loops instead of calling
// itself: nesting costs no stack.

/** The keys from the root object down to a value. Array elements have no path. */
export type JsonPath = readonly string[];

/** From the first character of a value to just after its last. */
type Span = { readonly start: number; readonly end: number };

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Puts the JSON text `json` where the value at `path` stands; without such a value, `text` as it was.
 *
 * Finds the value JSON.parse would: keys are compared unescaped, and of duplicate keys the last one counts.
 */
export function replaceAt(text: string, path: JsonPath, json: string): string {
  const span = findValue(text, path);
  return span === undefined ? text : text.slice(0, span.start) + json + text.slice(span.end);
}

/**
 * The raw text of the value at `path`, so that an id keeps all its digits; undefined if there is none.
 *
 * The engine may keep all of `text` in memory for as long as this part of it is kept.
 */
export function valueAt(text: string, path: JsonPath): string | undefined {
  const span = findValue(text, path);
  return span === undefined ? undefined : text.slice(span.start, span.end);
}

/** The raw texts of the elements of an array, as in a JSON-RPC batch; none if the root is no array. */
export function elements(text: string): string[] {
  const open = skipGap(text, 0);
  if (text.charCodeAt(open) !== OPEN_BRACKET) return [];
  const found: string[] = [];
  let at = skipGap(text, open + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = skipValue(text, at);
    found.push(text.slice(at, end));
    at = skipGap(text, end);
  }
  return found;
}

/** Whether the brackets outside of its strings are nested deeper than that; of any text, JSON or not. */
export function isDeeper(text: string, levels: number): boolean {
  // Most texts have fewer characters than levels are allowed.
  if (text.length <= levels) return false;
  let depth = 0;
  let at = 0;
  while (at < text.length && depth <= levels) {
    const code = text.charCodeAt(at);
    at = code === QUOTE ? skipString(text, at) : at + 1;
    depth += levelsBy(code);
  }
  return depth > levels;
}

function findValue(text: string, path: JsonPath): Span | undefined {
  let span: Span | undefined = { start: skipGap(text, 0), end: text.trimEnd().length };
  for (const key of path) {
    span = findMember(text, span.start, key);
    if (span === undefined) return undefined;
  }
  return span;
}

function findMember(text: string, open: number, key: string): Span | undefined {
  if (text.charCodeAt(open) !== OPEN_BRACE) return undefined;
  let found: Span | undefined;
  let at = skipGap(text, open + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = skipString(text, at);
    const start = skipGap(text, keyEnd);
    const end = skipValue(text, start);
    if (isKey(text.slice(at, keyEnd), key)) found = { start, end };
    at = skipGap(text, end);
  }
  return found;
}

function isKey(quoted: string, key: string): boolean {
  return quoted.includes('\\') ? JSON.parse(quoted) === key : quoted.slice(1, -1) === key;
}

/** To the next token, over what can only stand between tokens: white space, `,` and `:`. */
function skipGap(text: string, from: number): number {
  let at = from;
  while (isGap(text.charCodeAt(at))) at += 1;
  return at;
}

function isGap(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09 || code === COMMA || code === COLON;
}

function skipValue(text: string, start: number): number {
  const code = text.charCodeAt(start);
  if (code === QUOTE) return skipString(text, start);
  return code === OPEN_BRACE || code === OPEN_BRACKET ? skipNested(text, start) : skipScalar(text, start);
}

/** indexOf runs through megabytes of string far faster than a loop over its characters. */
function skipString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote === -1 ? text.length : quote + 1;
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before -= 1;
  return (at - before) % 2 === 0;
}

function skipNested(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    at = code === QUOTE ? skipString(text, at) : at + 1;
    depth += levelsBy(code);
    if (depth === 0) return at;
  }
  return at;
}

/** How many levels deeper it is after this character. */
function levelsBy(code: number): number {
  if (code === OPEN_BRACE || code === OPEN_BRACKET) return 1;
  return code === CLOSE_BRACE || code === CLOSE_BRACKET ? -1 : 0;
}

function skipScalar(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && !isScalarEnd(text.charCodeAt(at))) at += 1;
  return at;
}

function isScalarEnd(code: number): boolean {
  return isGap(code) || code === CLOSE_BRACE || code === CLOSE_BRACKET;
}
