// Surgery on JSON texts: what JSON.parse sees is the measure, and no other character may change.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elements, isDeeper, type JsonPath, replaceAt, valueAt } from '../../src/protocol/rewrite.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const MARK = '"@@mark@@"';
const KEYS = ['id', 'params', '_meta', '', 'a"b', 'x\\', '\\u0069d', 'é', '😀', '{', '__proto__', '0'];

/** A string as JSON text, each UTF-16 unit raw or as a \u escape as the flags say. */
function quote(value: string, escapes: readonly boolean[]): string {
  const units = value.split('').map((unit, i) => {
    const escaped = `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    const raw = unit >= '\ud800' ? unit : JSON.stringify(unit).slice(1, -1);
    return escapes[i] ? escaped : raw;
  });
  return `"${units.join('')}"`;
}

const space = fc.constantFrom('', '', ' ', '\n', '\t', '\r\n  ');
const flags = fc.array(fc.boolean(), { maxLength: 8 });
const keyText = fc.tuple(fc.constantFrom(...KEYS), flags).map(([key, escapes]) => quote(key, escapes));
const trickyText = fc.constantFrom('"\\\\"', '"\\""', '"\\\\\\""', '"}"', '"[,:"', '"\\u0022"', '"\\\\\\\\"');
const stringText = fc.tuple(fc.string({ unit: 'binary' }), flags).map(([s, escapes]) => quote(s, escapes));
const scalarText = fc.oneof(
  fc.constantFrom('12345678901234567890', '1.0', '-0', '1e400', 'true', 'false', 'null', '0'),
  trickyText,
  stringText,
  keyText,
);

const inBrackets = (open: string, close: string) => (parts: string[]) => `${open}${parts.join(',')}${close}`;

/** JSON texts with any spacing, escaped keys, duplicate keys and numbers that no double holds. */
const { value: valueText, object: objectText } = fc.letrec<{ value: string; object: string }>((tie) => {
  const spaced = fc.tuple(space, tie('value'), space).map((parts) => parts.join(''));
  const member = fc
    .tuple(space, keyText, space, spaced)
    .map(([a, key, b, value]) => `${a}${key}${b}:${value}`);
  const emptyArray = space.map((gap) => `[${gap}]`);
  const emptyObject = space.map((gap) => `{${gap}}`);
  const array = fc.array(spaced, { minLength: 1, maxLength: 4 }).map(inBrackets('[', ']'));
  const object = fc.array(member, { minLength: 1, maxLength: 6 }).map(inBrackets('{', '}'));
  return {
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalarText,
      emptyArray,
      emptyObject,
      array,
      object,
    ),
    object,
  };
});

const rootText = fc.tuple(space, objectText, space).map((parts) => parts.join(''));
const anyPath = fc.array(fc.constantFrom(...KEYS), { maxLength: 3 });

function memberOf(value: Json | undefined, key: string): Json | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, key) ? value[key] : undefined;
}

function lookUp(text: string, path: JsonPath): Json | undefined {
  const root: Json = JSON.parse(text);
  return path.reduce<Json | undefined>(memberOf, root);
}

/** All paths of object members in a parsed value. */
function pathsIn(value: Json): string[][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[]];
  const below = Object.entries(value).flatMap(([key, inner]) => pathsIn(inner).map((path) => [key, ...path]));
  return [[], ...below];
}

function setMember(value: Json, path: JsonPath, next: Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return next;
  const entries = Object.entries(value ?? {}).map(([name, inner]): [string, Json] => [
    name,
    name === key ? setMember(inner, rest, next) : inner,
  ]);
  return Object.fromEntries(entries);
}

/** A text with one of the paths that lead to a value in it. */
const textAndPath = fc.tuple(rootText, fc.nat()).map(([text, pick]) => {
  const paths = pathsIn(JSON.parse(text));
  return { text, path: paths[pick % paths.length] ?? [] };
});

const same = (a: Json | undefined, b: Json | undefined) => expect(JSON.stringify(a)).toBe(JSON.stringify(b));

describe('any text and any path', () => {
  test('the result parses to the same as setting the member', () => {
    fc.assert(
      fc.property(textAndPath, valueText, ({ text, path }, json) => {
        const replaced: Json = JSON.parse(replaceAt(text, path, json));
        same(replaced, setMember(JSON.parse(text), path, JSON.parse(json)));
      }),
      { numRuns: 2000 },
    );
  });

  test('what stands before and after the value stays as it came', () => {
    fc.assert(
      fc.property(textAndPath, ({ text, path }) => {
        const [before, after, ...more] = replaceAt(text, path, MARK).split(MARK);
        expect(more).toEqual([]);
        expect(`${before}${valueAt(text, path)}${after}`).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('valueAt is the text of what JSON.parse finds, or undefined', () => {
    fc.assert(
      fc.property(rootText, anyPath, (text, path) => {
        const found = valueAt(text, path);
        expect(found).toBe(found?.trim());
        same(found === undefined ? undefined : JSON.parse(found), lookUp(text, path));
      }),
      { numRuns: 2000 },
    );
  });

  test('a path that leads nowhere leaves the text alone', () => {
    fc.assert(
      fc.property(rootText, anyPath, (text, path) => {
        fc.pre(lookUp(text, path) === undefined);
        expect(replaceAt(text, path, MARK)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  test('every indent of every value is understood', () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
    fc.assert(
      fc.property(json, fc.nat(4), fc.nat(), (value, indent, pick) => {
        const text = JSON.stringify(value, null, indent);
        const paths = pathsIn(JSON.parse(text));
        const path = paths[pick % paths.length] ?? [];
        same(JSON.parse(valueAt(text, path) ?? ''), lookUp(text, path));
      }),
    );
  });
});

describe('a message', () => {
  test('an id is replaced and the rest keeps its digits, order and spacing', () => {
    const text = '{ "jsonrpc":"2.0",\t"id": 7 , "result":{"n":12345678901234567890,"f":1.0, "n":2} }';
    expect(replaceAt(text, ['id'], '"g2:7"')).toBe(text.replace('7 ,', '"g2:7" ,'));
  });

  test('a big integer id keeps its digits', () => {
    expect(valueAt('{"id":12345678901234567890}', ['id'])).toBe('12345678901234567890');
  });

  test('only the member at the path is meant, not its namesakes deeper or in strings', () => {
    const text = '{"params":{"id":1,"s":"\\"id\\":2"},"list":[{"id":3}],"id":4}';
    expect(replaceAt(text, ['id'], 'null')).toBe(text.replace('"id":4', '"id":null'));
  });

  test('an escaped key is the key it stands for', () => {
    expect(replaceAt('{"\\u0069d":1}', ['id'], '2')).toBe('{"\\u0069d":2}');
    expect(replaceAt('{"\\u0069d":1}', ['\\u0069d'], '2')).toBe('{"\\u0069d":1}');
  });

  test('of duplicate keys the last one counts, at each level', () => {
    const text = '{"p":{"t":1},"p":{"t":2,"t":3},"\\u0070":{"t":4,"t":5}}';
    expect(replaceAt(text, ['p', 't'], '0')).toBe(text.replace('5', '0'));
    expect(valueAt('{"p":{"t":1},"p":2}', ['p', 't'])).toBeUndefined();
  });

  test('array elements have no path', () => {
    expect(valueAt('{"a":[1,2]}', ['a', '0'])).toBeUndefined();
    expect(valueAt('{"a":["id",2]}', ['a', 'id'])).toBeUndefined();
    expect(valueAt('[1,2]', ['0'])).toBeUndefined();
  });
});

describe('size', () => {
  test('a text 100,000 levels deep does not overflow the stack', () => {
    const deep = `${'[{"a":'.repeat(50_000)}1${'}]'.repeat(50_000)}`;
    const text = `{"deep":${deep},"id":1}`;
    expect(replaceAt(text, ['id'], '2')).toBe(`{"deep":${deep},"id":2}`);
    expect(valueAt(text, ['deep'])).toBe(deep);
    expect(elements(`[1,${deep}]`)).toEqual(['1', deep]);
  });

  test('a path as deep as the text is followed', () => {
    const text = `${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`;
    expect(valueAt(text, Array(1_000).fill('a'))).toBe('1');
  });

  test('megabytes of string, of backslashes and of escaped quotes are passed over', () => {
    for (const unit of ['x', '\\\\', '\\"', '\\\\\\"', '{"']) {
      const long = unit === '{"' ? JSON.stringify(unit.repeat(1 << 20)) : `"${unit.repeat(1 << 20)}"`;
      expect(replaceAt(`{"long":${long},"id":1}`, ['id'], '2')).toBe(`{"long":${long},"id":2}`);
    }
  });
});

describe('elements', () => {
  test('the elements of any array come out as they were written', () => {
    const spaced = fc.tuple(space, valueText, space);
    fc.assert(
      fc.property(space, fc.array(spaced, { maxLength: 5 }), (gap, parts) => {
        const text = `${gap}[${gap}${parts.map((part) => part.join('')).join(',')}]${gap}`;
        expect(elements(text)).toEqual(parts.map(([, value]) => value));
      }),
      { numRuns: 1000 },
    );
  });

  test('a root that is no array has none', () => {
    for (const text of ['{"a":[1]}', '"[1]"', '1', 'null']) expect(elements(text)).toEqual([]);
  });
});

describe('a text that is no JSON, against the contract', () => {
  test('is still scanned to an end', () => {
    const broken = fc.array(fc.constantFrom('{', '}', '[', ']', '"', ':', ',', 'id', ' '), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(broken, (parts) => {
        const text = parts.join('');
        expect(elements(`[${text}`).length).toBeLessThanOrEqual(text.length);
        expect(replaceAt(`{${text}`, ['id'], '').length).toBeLessThanOrEqual(text.length + 1);
      }),
    );
  });
});

describe('the depth of a text', () => {
  const depthOf = (value: Json): number =>
    typeof value === 'object' && value ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

  test('is that of what JSON.parse makes of it', () => {
    const withoutTwins = valueText.map((text) => JSON.stringify(JSON.parse(text)));
    fc.assert(
      fc.property(withoutTwins, space, (text, gap) => {
        const depth = depthOf(JSON.parse(text));
        expect([isDeeper(gap + text, depth), isDeeper(gap + text, depth - 1)]).toEqual([false, true]);
      }),
    );
  });

  test('may be asked of what is no JSON', () => {
    expect(isDeeper('[[['.repeat(9), 20)).toBe(true);
    for (const text of ['', '"', '"\\', '[["[[[[', ']]]]]', '"\\"[[[['])
      expect(isDeeper(text, 2)).toBe(false);
  });
});
