// What a store keeps, in memory or on disk, and what it forgets when there is too much.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DiskStore } from '../../src/store/disk.js';
import { MemoryStore } from '../../src/store/memory.js';
import {
  eventId,
  parseEventId,
  type SessionRecord,
  type Store,
  type StreamId,
} from '../../src/store/store.js';
import { FAULTLESS } from '../helpers/faultless.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

const S = 's';
const MI = 1024 * 1024;
const MOST_EVENTS = 1_000;
const MOST_STREAMS = 256;
const MOST_CHARACTERS = 16 * MI;

const KINDS = [
  { kind: 'in memory', makeStore: (): Store => new MemoryStore(), runs: 100 },
  {
    kind: 'on disk',
    makeStore: (): Store => new DiskStore({ folder: makeTempFolder().path, ...FAULTLESS }),
    runs: 10,
  },
];

const seqsOf = (store: Store, stream: StreamId, seq = 0) =>
  store.after(S, stream, seq)?.events.map((event) => event.seq);

describe.each(KINDS)('the events of a stream $kind', ({ makeStore }) => {
  test('are counted from 1, each stream by itself, and come back in order [http.resume]', () => {
    const store = makeStore();
    expect(['a', 'b', 'c'].map((text) => store.append(S, 'p1', text))).toEqual([1, 2, 3]);
    expect(store.append(S, 'p2', 'd')).toBe(1);
    expect(store.append('other', 'p1', 'e')).toBe(1);
    expect(store.after(S, 'p1', 0)).toEqual({
      events: [
        { seq: 1, text: 'a' },
        { seq: 2, text: 'b' },
        { seq: 3, text: 'c' },
      ],
      finished: false,
    });
  });

  test('after one of them are those that follow it; after the last one there are none [http.resume]', () => {
    const store = makeStore();
    for (const text of ['a', 'b', 'c']) store.append(S, 'g', text);
    expect([0, 1, 2, 3, 99].map((seq) => seqsOf(store, 'g', seq))).toEqual([[1, 2, 3], [2, 3], [3], [], []]);
  });

  test('are told to be all when the stream is finished', () => {
    const store = makeStore();
    store.append(S, 'p1', 'a');
    store.finish(S, 'p1');
    expect(store.after(S, 'p1', 0)).toEqual({ events: [{ seq: 1, text: 'a' }], finished: true });
  });

  test('of a stream or session that is not known are not an empty list', () => {
    const store = makeStore();
    store.append(S, 'p1', 'a');
    expect(store.after(S, 'p2', 0)).toBeUndefined();
    expect(store.after('other', 'p1', 0)).toBeUndefined();
  });

  test('are forgotten with their session, and with no other one', () => {
    const store = makeStore();
    store.append(S, 'p1', 'a');
    store.append('other', 'p1', 'b');
    store.forget(S);
    expect(store.after(S, 'p1', 0)).toBeUndefined();
    expect(store.after('other', 'p1', 0)?.events).toEqual([{ seq: 1, text: 'b' }]);
    expect(store.append(S, 'p1', 'c')).toBe(1);
  });
});

describe.each(KINDS)('bounds $kind', ({ makeStore, runs }) => {
  test('a stream keeps its last thousand events, and goes on counting [http.resume]', () => {
    const store = makeStore();
    for (let i = 1; i <= MOST_EVENTS; i += 1) store.append(S, 'g', String(i));
    expect(seqsOf(store, 'g')).toHaveLength(MOST_EVENTS);
    for (let i = 1; i <= 5; i += 1) store.append(S, 'g', 'more');
    const seqs = seqsOf(store, 'g') ?? [];
    expect([seqs.length, seqs[0], seqs.at(-1)]).toEqual([MOST_EVENTS, 6, MOST_EVENTS + 5]);
  });

  test('a session keeps 16 Mi characters; the oldest events of its oldest streams go first', () => {
    const store = makeStore();
    const quarter = 'x'.repeat(MOST_CHARACTERS / 4);
    for (const stream of ['p1', 'p1', 'p2', 'p3']) store.append(S, stream, quarter);
    expect([seqsOf(store, 'p1'), seqsOf(store, 'p2'), seqsOf(store, 'p3')]).toEqual([[1, 2], [1], [1]]);
    store.append(S, 'p4', '!');
    expect([seqsOf(store, 'p1'), seqsOf(store, 'p2')]).toEqual([[2], [1]]);
    store.append(S, 'p4', `${quarter}${quarter}`);
    expect(['p1', 'p2', 'p3', 'p4'].map((stream) => seqsOf(store, stream))).toEqual([[], [], [1], [1, 2]]);
  });

  test('one session does not take the room of another', () => {
    const store = makeStore();
    store.append('other', 'g', 'x'.repeat(MOST_CHARACTERS));
    store.append(S, 'g', 'x'.repeat(MOST_CHARACTERS));
    expect(store.after('other', 'g', 0)?.events).toHaveLength(1);
    expect(seqsOf(store, 'g')).toEqual([1]);
  });

  test('an event that alone is too large is kept until the next one comes', () => {
    const store = makeStore();
    expect(store.append(S, 'g', 'x'.repeat(MOST_CHARACTERS + 1))).toBe(1);
    expect(seqsOf(store, 'g')).toEqual([1]);
    expect(store.append(S, 'g', 'a')).toBe(2);
    expect(seqsOf(store, 'g')).toEqual([2]);
  });

  test('what was forgotten makes room: a session can go on for ever', () => {
    const store = makeStore();
    const half = 'x'.repeat(MOST_CHARACTERS / 2);
    for (let i = 1; i <= 50; i += 1) {
      store.append(S, `p${i}`, half);
      store.finish(S, `p${i}`);
    }
    expect([48, 49, 50].map((i) => seqsOf(store, `p${i}`))).toEqual([[], [1], [1]]);
  });

  test('a session keeps 256 streams: of those that are finished the oldest goes', () => {
    const store = makeStore();
    store.append(S, 'g', 'open');
    for (let i = 1; i <= MOST_STREAMS; i += 1) {
      store.append(S, `p${i}`, 'x');
      store.finish(S, `p${i}`);
    }
    expect(store.after(S, 'p1', 0)).toBeUndefined();
    expect(seqsOf(store, 'p2')).toEqual([1]);
    expect(seqsOf(store, 'g')).toEqual([1]);
  });

  test('streams that were forgotten take no room from those that are kept', () => {
    const store = makeStore();
    const text = 'x'.repeat(MOST_CHARACTERS / (2 * MOST_STREAMS));
    for (let i = 1; i <= 2 * MOST_STREAMS; i += 1) {
      store.append(S, `p${i}`, text);
      store.finish(S, `p${i}`);
    }
    store.append(S, 'g', 'x'.repeat(MOST_CHARACTERS / 4));
    const newest = Array.from({ length: MOST_STREAMS - 1 }, (_, i) =>
      seqsOf(store, `p${2 * MOST_STREAMS - i}`),
    );
    expect(newest).toEqual(Array(MOST_STREAMS - 1).fill([1]));
  });

  test('a stream that is not finished is not forgotten, however many there are', () => {
    const store = makeStore();
    for (let i = 1; i <= 2 * MOST_STREAMS; i += 1) store.append(S, `p${i}`, 'x');
    expect(seqsOf(store, 'p1')).toEqual([1]);
    expect(seqsOf(store, `p${2 * MOST_STREAMS}`)).toEqual([1]);
  });

  test('whatever is appended and finished, what is kept is the end of it and no more than there is room for', () => {
    const step = fc.record({
      stream: fc.constantFrom('g', 'p1', 'p2', 'p3'),
      size: fc.constantFrom(1, MI, 5 * MI),
      finish: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const store = makeStore();
        const last = new Map<string, number>();
        for (const { stream, size, finish } of steps) {
          last.set(stream, store.append(S, stream, 'x'.repeat(size)));
          if (finish) store.finish(S, stream);
        }
        let kept = 0;
        for (const [stream, seq] of last) {
          const events = store.after(S, stream, 0)?.events ?? [];
          expect(events.map((event) => event.seq)).toEqual(
            Array.from(events, (_, i) => seq - events.length + 1 + i),
          );
          for (const event of events) kept += event.text.length;
        }
        expect(kept).toBeLessThanOrEqual(MOST_CHARACTERS);
        store.close();
      }),
      { numRuns: runs },
    );
  });
});

describe.each(KINDS)('what a store $kind knows of a session', ({ makeStore }) => {
  const record: SessionRecord = {
    ...{ id: S, initialize: '{}', usedAt: 1 },
    ...{ subscriptions: new Map([['a', 'b']]), shown: new Map([['tools/list', 'c']]) },
  };

  test('is its record, until it is forgotten or ended', () => {
    const store = makeStore();
    expect(store.record(S)).toBeUndefined();
    store.save(record);
    store.save({ ...record, id: 'other' });
    store.save({ ...record, revision: '2025-11-25' });
    expect(store.record(S)).toMatchObject({ ...record, revision: '2025-11-25' });
    expect([...store.records()].map(({ id }) => id)).toEqual([S, 'other']);
    store.forget(S);
    store.end('other');
    expect([...store.records()]).toEqual([]);
    expect([S, 'other'].map((id) => store.hasEnded(id))).toEqual([false, true]);
  });

  test('is that it has ended, for the last hundred thousand', () => {
    const store = makeStore();
    for (let i = 0; i <= 100_000; i += 1) store.end(String(i));
    expect(['0', '1', '100000'].map((id) => store.hasEnded(id))).toEqual([false, true, true]);
  });

  test('is which streams of requests are not finished, and how many a client has learnt of [http.resume]', () => {
    const store = makeStore();
    store.begin(S, 'g', []);
    store.begin(S, 'p2', [1, 'a']);
    store.begin(S, 'p7', [2]);
    store.begin(S, 'p3', [3]);
    store.finish(S, 'p7');
    expect([...store.unfinished(S)]).toEqual([
      ['p2', [1, 'a']],
      ['p3', [3]],
    ]);
    expect([store.lastPost(S), store.lastPost('other')]).toEqual([7, 0]);
  });

  test('is how far its standalone stream was sent [http.resume]', () => {
    const store = makeStore();
    expect(store.lastSent(S)).toBe(0);
    store.append(S, 'g', 'a', true);
    store.append(S, 'g', 'b');
    store.append(S, 'p1', 'c', true);
    expect(store.lastSent(S)).toBe(1);
    store.sent(S, 2);
    expect(store.lastSent(S)).toBe(2);
  });

  test('has nothing to do with the notes', () => {
    const store = makeStore();
    store.keepNote('a', 'text');
    store.keepNote('b', 'text');
    store.keepNote('b', undefined);
    expect(['a', 'b', 'c'].map((name) => store.note(name))).toEqual(['text', undefined, undefined]);
  });
});

describe('the id of an event', () => {
  test('tells its stream and its place in it, and is read back as it was written [http.resume]', () => {
    const stream = fc.oneof(
      fc.constant('g'),
      fc.nat({ max: 999_999_999_999_999 }).map((n) => `p${n}`),
    );
    fc.assert(
      fc.property(stream, fc.nat({ max: 999_999_999_999_999 }), (id, seq) => {
        expect(parseEventId(eventId(id, seq))).toEqual({ stream: id, seq });
      }),
    );
  });

  test('is one of ours or none: nothing else is read as one', () => {
    const ids = [
      '',
      'g',
      'g.',
      '.1',
      'p.1',
      'g.-1',
      'g.1.2',
      'g1.1',
      'x1.1',
      'p1.1 ',
      ' p1.1',
      'p1.1e3',
      'g.٣',
    ];
    for (const id of ids) expect(parseEventId(id)).toBeUndefined();
    expect(parseEventId(`g.${'9'.repeat(16)}`)).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (id) => {
        const parsed = parseEventId(id);
        if (parsed) expect(eventId(parsed.stream, parsed.seq).length).toBeLessThanOrEqual(id.length);
      }),
    );
  });
});
