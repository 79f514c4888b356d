// What is a JSON-RPC message and of which kind, and the texts that the bridge writes itself.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  asLine,
  errorText,
  isObject,
  isRequestId,
  type Line,
  notificationText,
  param,
  parseJson,
  progressToken,
  requestText,
} from '../../src/protocol/jsonrpc.js';

function kindOf(text: string): Line['kind'] | undefined {
  return asLine(parseJson(text), text)?.kind;
}

describe('a line', () => {
  const kinds: readonly (readonly [text: string, kind: Line['kind'] | undefined])[] = [
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', 'request'],
    ['{"jsonrpc":"2.0","id":"","method":"ping","params":{}}', 'request'],
    ['{"jsonrpc":"2.0","id":0,"method":""}', 'request'],
    ['{"jsonrpc":"2.0","id":1.5,"method":"ping","x-more":[1]}', 'request'],
    ['{"jsonrpc":"2.0","method":"notifications/initialized"}', 'notification'],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', 'response'],
    ['{"jsonrpc":"2.0","id":1,"result":null}', 'response'],
    ['{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":"no"}}', 'response'],
    // An answer to what could not be read (JSON-RPC 2.0, section 5).
    ['{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}', 'response'],
    ['{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}', 'response'],

    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', undefined],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', undefined],
    ['{"jsonrpc":"2.0","id":true,"method":"ping"}', undefined],
    ['{"jsonrpc":"2.0","id":1,"method":7}', undefined],
    ['{"jsonrpc":"2.0","id":null,"result":{}}', undefined],
    ['{"jsonrpc":"2.0","result":{}}', undefined],
    ['{"jsonrpc":"2.0","id":1,"error":"no"}', undefined],
    ['{"jsonrpc":"2.0","id":1,"error":null}', undefined],
    ['{"jsonrpc":"2.0","id":1}', undefined],
    ['{"jsonrpc":"2.0"}', undefined],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', undefined],
    ['{"jsonrpc":2.0,"id":1,"method":"ping"}', undefined],
    ['{"id":1,"method":"ping"}', undefined],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', undefined],
    ['[]', undefined],
    ['{}', undefined],
    ['"2.0"', undefined],
    ['2', undefined],
    ['null', undefined],
    ['', undefined],
    ['{"jsonrpc":"2.0","id":1,"method":"ping"', undefined],
  ];

  test.each(kinds)('%s', (text, kind) => {
    expect(kindOf(text)).toBe(kind);
  });

  test('carries the message and the very text it came as', () => {
    const text = ' {"method":"m", "jsonrpc":"2.0","id":9007199254740993,"params":{"n":1.0}}';
    expect(asLine(parseJson(text), text)).toEqual({ kind: 'request', message: JSON.parse(text), text });
  });

  test('is made of any JSON without an error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.object(), (value, more) => {
        const given = { jsonrpc: '2.0', ...more };
        expect([undefined, 'request', 'notification', 'response']).toContain(asLine(value, '')?.kind);
        expect([undefined, 'request', 'notification', 'response']).toContain(asLine(given, '')?.kind);
      }),
    );
  });
});

describe('JSON', () => {
  test('any value is read back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parseJson(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each(['', '{', 'undefined', "{'a':1}", '1 2', '\u0000'])('%j is none', (text) => {
    expect(parseJson(text)).toBeUndefined();
  });

  test('a value that is null is not mistaken for none', () => {
    expect(parseJson('null')).toBeNull();
  });
});

describe('what is asked of a message', () => {
  test.each([
    [{}, true],
    [{ a: 1 }, true],
    [[], false],
    [null, false],
    [undefined, false],
    ['', false],
  ])('%j is an object: %s', (value, expected) => {
    expect(isObject(value)).toBe(expected);
  });

  test.each([
    ['', true],
    [0, true],
    [-1.5, true],
    [null, false],
    [undefined, false],
    [true, false],
    [{}, false],
  ])('%j is an id: %s', (value, expected) => {
    expect(isRequestId(value)).toBe(expected);
  });

  test.each([
    [{ params: { uri: 'a' } }, 'a'],
    [{ params: {} }, undefined],
    [{ params: ['a'] }, undefined],
    [{ params: null }, undefined],
    [{}, undefined],
  ])('the uri in %j', (message, expected) => {
    expect(param(message, 'uri')).toBe(expected);
  });

  test.each([
    [{ _meta: { progressToken: 'a' } }, 'a'],
    [{ _meta: { progressToken: 0 } }, 0],
    [{ _meta: { progressToken: '' } }, ''],
    [{ _meta: { progressToken: null } }, undefined],
    [{ _meta: { progressToken: {} } }, undefined],
    [{ _meta: 'a' }, undefined],
    [{ progressToken: 'a' }, undefined],
    [undefined, undefined],
  ])('the progress token in %j', (params, expected) => {
    expect(progressToken({ params })).toBe(expected);
  });
});

describe('what the bridge writes itself', () => {
  test('are messages', () => {
    expect(errorText(7, -32603, 'no')).toBe(
      '{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"no"}}',
    );
    expect(errorText(null, -32700, 'no')).toBe(
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}',
    );
    expect(requestText('a', 'ping')).toBe('{"jsonrpc":"2.0","id":"a","method":"ping"}');
    expect(requestText(0, 'm', { x: 1 })).toBe('{"jsonrpc":"2.0","id":0,"method":"m","params":{"x":1}}');
    expect(notificationText('m')).toBe('{"jsonrpc":"2.0","method":"m"}');
    expect(notificationText('m', { x: 1 })).toBe('{"jsonrpc":"2.0","method":"m","params":{"x":1}}');
  });

  test('are read as what they are, and are one line, whatever is in them', () => {
    const id = fc.oneof(fc.string(), fc.integer());
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(id, text, fc.dictionary(text, text, { maxKeys: 3 }), (requestId, words, params) => {
        const texts = [
          errorText(requestId, 1, words),
          requestText(requestId, words, params),
          notificationText(words),
        ];
        expect(texts.map(kindOf)).toEqual(['response', 'request', 'notification']);
        expect(texts.join('')).not.toMatch(/[\r\n]/);
      }),
    );
  });
});
