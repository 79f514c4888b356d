// Server-sent events as a reader hears them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventText, KEEP_ALIVE, primingText, retryText } from '../../src/protocol/sse.js';

interface Heard {
  readonly events: { readonly type: string; readonly data: string }[];
  readonly lastEventId: string;
  readonly retry: number | undefined;
}

/** What a reader makes of a stream (WHATWG HTML, 9.2.6). */
function hear(stream: string): Heard {
  const events: { readonly type: string; readonly data: string }[] = [];
  let lastEventId = '';
  let retry: number | undefined;
  let type = '';
  let data: string[] = [];
  for (const line of stream.split(/\r\n|\n|\r/).slice(0, -1)) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (line === '') {
      // Without a data field there is no event, and what the block had is forgotten.
      if (data.length > 0) events.push({ type: type || 'message', data: data.join('\n') });
      [type, data] = ['', []];
    } else if (field === 'event') type = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id') lastEventId = value;
    else if (field === 'retry') retry = Number(value);
  }
  return { events, lastEventId, retry };
}

describe('an event', () => {
  test('is its name, its id and its data', () => {
    expect(eventText('s.1', '{"a":1}')).toBe('event: message\nid: s.1\ndata: {"a":1}\n\n');
  });

  test('is heard as the very text of any message', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (value, seq) => {
        const text = JSON.stringify(value);
        const expected = {
          events: [{ type: 'message', data: text }],
          lastEventId: `s.${seq}`,
          retry: undefined,
        };
        expect(hear(eventText(`s.${seq}`, text))).toEqual(expected);
      }),
    );
  });

  test('ends before the next one begins', () => {
    const { events, lastEventId } = hear(eventText('s.1', '1') + KEEP_ALIVE + eventText('s.2', '2'));
    expect(events.map(({ data }) => data)).toEqual(['1', '2']);
    expect(lastEventId).toBe('s.2');
  });
});

test('the opening of a stream leaves an id and a time to wait, with an event that has no data', () => {
  expect(primingText('s.0', 2_000)).toBe('id: s.0\nretry: 2000\ndata: \n\n');
  const events = [{ type: 'message', data: '' }];
  expect(hear(primingText('s.0', 2_000))).toEqual({ events, lastEventId: 's.0', retry: 2_000 });
});

test('a time to wait alone leaves the id as it was, and tells no event', () => {
  expect(hear(eventText('s.1', '1') + retryText(500))).toEqual({
    events: [{ type: 'message', data: '1' }],
    lastEventId: 's.1',
    retry: 500,
  });
});

test('a keep-alive says nothing', () => {
  expect(hear(KEEP_ALIVE)).toEqual({ events: [], lastEventId: '', retry: undefined });
});
