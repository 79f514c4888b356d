// Whether a message belongs to a session.
import { describe, expect, test } from 'vitest';
import { type Era, eraOf } from '../../src/protocol/era.js';
import { asLine } from '../../src/protocol/jsonrpc.js';

function eraIn(message: object, header?: string): Era {
  const line = asLine({ jsonrpc: '2.0', ...message }, '');
  if (!line) throw new Error(`Expected a message, got ${JSON.stringify(message)}`);
  return eraOf(line, header);
}

const CLAIM = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } };

describe('a request or notification', () => {
  const plain = [{ id: 1, method: 'tools/list' }, { method: 'notifications/cancelled' }];

  test.each(plain)('%j is of the era that the header names', (message) => {
    for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-27']) {
      expect(eraIn(message, revision)).toBe('sessions');
    }
    for (const revision of ['2026-07-28', '2026-12-01', '2031-01-01']) {
      expect(eraIn(message, revision)).toBe('stateless');
    }
  });

  test.each(plain)('%j without a header belongs to a session', (message) => {
    expect(eraIn(message)).toBe('sessions');
    expect(eraIn(message, '')).toBe('sessions');
  });

  test.each(plain)('%j that claims a revision is stateless, whatever the header says', (message) => {
    for (const header of [undefined, '2025-11-25', '2026-07-28']) {
      expect(eraIn({ ...message, params: CLAIM }, header)).toBe('stateless');
    }
  });

  test.each([{ _meta: {} }, { _meta: null }, { _meta: [] }, { _meta: 'x' }, []])(
    '%j claims nothing',
    (params) => {
      expect(eraIn({ id: 1, method: 'tools/list', params }, '2025-11-25')).toBe('sessions');
    },
  );
});

describe('initialize', () => {
  test('opens a session, whatever the header says', () => {
    for (const header of [undefined, '2025-11-25', '2026-07-28']) {
      expect(eraIn({ id: 1, method: 'initialize', params: { protocolVersion: '2026-07-28' } }, header)).toBe(
        'sessions',
      );
    }
  });

  test('that claims a revision does not', () => {
    expect(eraIn({ id: 1, method: 'initialize', params: CLAIM })).toBe('stateless');
  });
});

test('a response belongs to the session whose server asked', () => {
  expect(eraIn({ id: 1, result: CLAIM }, '2026-07-28')).toBe('sessions');
  expect(eraIn({ id: 1, error: { code: 1, message: 'no' } })).toBe('sessions');
});
