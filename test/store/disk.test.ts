// The store on disk: after whatever end of its process it answers as one that never ended.
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DiskStore } from '../../src/store/disk.js';
import { applyEventLine, countOf, linesOf } from '../../src/store/event-lines.js';
import { Logs } from '../../src/store/logs.js';
import { MemoryStore } from '../../src/store/memory.js';
import type { SessionRecord, Store } from '../../src/store/store.js';
import { FAULTLESS } from '../helpers/faultless.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

const SESSIONS = ['a', 'b', 'c'];
const STREAMS = ['g', 'p1', 'p2', 'p3'];
const NOTES = ['tools', 'snapshot'];
const FILES = ['sessions.log', 'events.log'] as const;

/** What the two files hold is told apart: each can lose its end by itself. */
interface Op {
  readonly says: string;
  sessions?(store: Store): void;
  events?(store: Store): void;
}

const session = fc.constantFrom(...SESSIONS);
const stream = fc.constantFrom(...STREAMS);
const text = fc.string({ unit: 'binary', maxLength: 40 });

const CHANGES = {
  save: fc
    .record({ id: session, revision: fc.option(text, { nil: undefined }), value: text, usedAt: fc.nat(2) })
    .map(({ id, revision, value, usedAt }): Op => {
      const subscriptions = new Map(usedAt === 0 ? [] : [['uri', value]]);
      const shown = subscriptions;
      const record: SessionRecord = { id, initialize: value, revision, subscriptions, shown, usedAt };
      return { says: `save ${id}`, sessions: (store) => store.save(record) };
    }),
  forget: session.map(
    (id): Op => ({
      says: `forget ${id}`,
      sessions: (store) => store.forget(id),
      events: (store) => forgetEvents(store, id),
    }),
  ),
  end: session.map(
    (id): Op => ({
      says: `end ${id}`,
      sessions: (store) => store.end(id),
      events: (store) => forgetEvents(store, id),
    }),
  ),
  begin: fc.tuple(session, stream, fc.array(fc.oneof(fc.nat(), text), { maxLength: 3 })).map(
    ([id, s, requests]): Op => ({
      says: `begin ${id} ${s}`,
      events: (store) => store.begin(id, s, requests),
    }),
  ),
  append: fc.tuple(session, stream, text, fc.boolean()).map(
    ([id, s, said, sent]): Op => ({
      says: `append ${id} ${s}`,
      events: (store) => {
        store.append(id, s, said.replaceAll('\n', ' '), sent);
      },
    }),
  ),
  sent: fc.tuple(session, fc.nat(5)).map(
    ([id, seq]): Op => ({
      says: `sent ${id} ${seq}`,
      events: (store) => store.sent(id, seq),
    }),
  ),
  finish: fc.tuple(session, stream).map(
    ([id, s]): Op => ({
      says: `finish ${id} ${s}`,
      events: (store) => store.finish(id, s),
    }),
  ),
  note: fc.tuple(fc.constantFrom(...NOTES), fc.option(text, { nil: undefined })).map(
    ([name, said]): Op => ({
      says: `note ${name}`,
      sessions: (store) => store.keepNote(name, said),
    }),
  ),
} satisfies Record<string, fc.Arbitrary<Op>>;

/** Sessions live long enough to have something to lose. */
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: CHANGES.save },
  { weight: 1, arbitrary: CHANGES.forget },
  { weight: 1, arbitrary: CHANGES.end },
  { weight: 4, arbitrary: CHANGES.begin },
  { weight: 8, arbitrary: CHANGES.append },
  { weight: 2, arbitrary: CHANGES.sent },
  { weight: 4, arbitrary: CHANGES.finish },
  { weight: 2, arbitrary: CHANGES.note },
);

function forgetEvents(store: Store, id: string): void {
  const record = store.record(id);
  store.forget(id);
  if (record) store.save(record);
}

/** On disk, an end or a forgetting is one operation. */
function apply(store: Store, { sessions, events }: Op): void {
  sessions?.(store);
  if (!sessions) events?.(store);
}

/** A bridge that begins knows nothing of sessions that are not on record, but that they ended. */
function reopened(model: MemoryStore): MemoryStore {
  for (const id of SESSIONS) if (!model.record(id)) model.forget(id);
  return model;
}

/** All that a store can be asked. */
function answersOf(store: Store) {
  const perSession = SESSIONS.map((id) => ({
    id,
    record: store.record(id),
    hasEnded: store.hasEnded(id),
    lastSent: store.lastSent(id),
    lastPost: store.lastPost(id),
    unfinished: [...store.unfinished(id)],
    streams: STREAMS.map((each) => store.after(id, each, 0)),
  }));
  return { perSession, notes: NOTES.map((name) => store.note(name)) };
}

const orderOf = (store: Store) => [...store.records()].map(({ id }) => id);

const sizesIn = (folder: string) =>
  FILES.map((name) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0);

describe('a store that is opened again', () => {
  test.each([
    { least: { sessions: 200, events: 300 }, name: 'rewritten all the time' },
    { least: { sessions: 1e9, events: 1e9 }, name: 'rewritten only at its opening' },
  ])('$name answers as one that never ended [session.same-id http.resume]', ({ least }) => {
    const root = makeTempFolder().path;
    const step = fc.oneof(
      { weight: 9, arbitrary: op },
      { weight: 1, arbitrary: fc.constantFrom('close', 'abandon') },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const folder = mkdtempSync(`${root}/`);
        const plan = { folder, least, ...FAULTLESS };
        const model = new MemoryStore();
        const opened = [new DiskStore(plan)];
        for (const each of [...steps, 'abandon' as const]) {
          const disk = opened.at(-1) as DiskStore;
          if (typeof each !== 'string') {
            apply(disk, each);
            apply(model, each);
            continue;
          }
          expect(answersOf(disk)).toEqual(answersOf(model));
          if (each === 'close') disk.close();
          opened.push(new DiskStore(plan));
          reopened(model);
          const now = opened.at(-1) as DiskStore;
          expect(answersOf(now)).toEqual(answersOf(model));
          expect([orderOf(now), now.skipped]).toEqual([orderOf(model), 0]);
        }
        for (const each of opened) each.close();
      }),
      { numRuns: 150 },
    );
  });

  test('whose file lost its end, at any byte, knows what was kept before that', () => {
    const root = makeTempFolder().path;
    const cut = fc.record({ file: fc.constantFrom(0, 1), at: fc.double({ min: 0, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(
        fc.array(op, { maxLength: 40 }),
        fc.array(cut, { minLength: 1, maxLength: 5 }),
        (ops, cuts) => {
          const folder = mkdtempSync(`${root}/`);
          const disk = new DiskStore({ folder, ...FAULTLESS });
          const sizes = ops.map((each) => {
            apply(disk, each);
            return sizesIn(folder);
          });
          disk.close();
          for (const { file, at } of cuts) {
            const size = Math.floor(at * (sizesIn(folder)[file] ?? 0));
            const copy = mkdtempSync(`${root}/`);
            cpSync(folder, copy, { recursive: true });
            if (size > 0) truncateSync(path.join(copy, FILES[file] ?? ''), size);
            else rmSync(path.join(copy, FILES[file] ?? ''), { force: true });
            const model = new MemoryStore();
            const isLost = (i: number, part: number) => file === part && (sizes[i]?.[part] ?? 0) > size;
            for (const [i, each] of ops.entries()) if (!isLost(i, 0)) each.sessions?.(model);
            for (const [i, each] of ops.entries()) if (!isLost(i, 1)) each.events?.(model);
            const left = new DiskStore({ folder: copy, ...FAULTLESS });
            expect(answersOf(left)).toEqual(answersOf(reopened(model)));
            left.append('a', 'g', 'and it goes on');
            left.close();
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('never gives an event id twice, even if nothing is left of the stream [http.resume]', () => {
    const { open, record } = makeStores();
    const first = open();
    first.save(record('a'));
    first.begin('a', 'p7', [1]);
    for (let i = 0; i < 1_500; i += 1) first.append('a', 'g', 'x'.repeat(100));
    expect(first.append('a', 'p7', 'x'.repeat(16 * 1024 * 1024 + 1))).toBe(1);
    expect(first.after('a', 'g', 0)?.events).toEqual([]);
    const second = open();
    const third = open();
    for (const store of [second, third]) expect(store.lastPost('a')).toBe(7);
    expect(third.append('a', 'g', 'next')).toBe(1_501);
    expect(third.append('a', 'p7', 'next')).toBe(2);
  });

  test('gives no event the id of an earlier one that it could not read [http.resume]', () => {
    const { folder, open, record } = makeStores();
    const first = open();
    first.save(record('a'));
    for (let i = 0; i < 5; i += 1) first.append('a', 'g', 'x');
    first.begin('a', 'p7', [1]);
    first.close();
    folder.remove('events.log');
    mkdirSync(folder.at('events.log'));
    const told: (string | undefined)[] = [];
    const onUnreadable = (file: string, _: Error, aside: string | undefined) => told.push(file, aside);
    const second = new DiskStore({ folder: folder.path, ...FAULTLESS, onUnreadable });
    expect(told).toEqual([folder.at('events.log'), folder.at('events.log.unreadable')]);
    const seq = second.append('a', 'g', 'y');
    expect(seq).toBeGreaterThan(5);
    expect(second.lastPost('a')).toBeGreaterThan(7);
    const third = open();
    expect(third.after('a', 'g', 5)?.events).toEqual([{ seq, text: 'y' }]);
    expect(third.lastPost('a')).toBe(second.lastPost('a'));
  });

  test('forgets the events of a session that never came on record, for good [session.same-id]', () => {
    const { open, record } = makeStores();
    const first = open();
    first.begin('a', 'p1', [0]);
    first.append('a', 'p1', 'early');
    const second = open();
    expect([second.after('a', 'p1', 0), second.lastPost('a')]).toEqual([undefined, 0]);
    second.save(record('a'));
    expect(open().after('a', 'p1', 0)).toBeUndefined();
  });

  test('forgets them for good also where the file cannot be rewritten', () => {
    const { folder, open, record } = makeStores();
    const first = open();
    first.append('a', 'p1', 'early');
    mkdirSync(folder.at('events.log.tmp'));
    const faults: string[] = [];
    const second = new DiskStore({ folder: folder.path, ...FAULTLESS, onFault: (file) => faults.push(file) });
    expect(faults).toEqual([folder.at('events.log')]);
    second.save(record('a'));
    folder.remove('events.log.tmp');
    expect(open().after('a', 'p1', 0)).toBeUndefined();
  });

  test('takes nothing out of an event but its line ends', () => {
    const { open, record } = makeStores();
    const first = open();
    first.save(record('a'));
    first.append('a', 'g', '{\n"a":1}\r\u2028');
    expect(open().after('a', 'g', 0)?.events).toEqual([{ seq: 1, text: '{ "a":1}\r\u2028' }]);
  });

  test('leaves out lines that it does not understand, counts them, and is without them from then on', () => {
    const { folder, open, record } = makeStores();
    open().save(record('a'));
    const good = folder.read('sessions.log');
    const bad = ['{', '[]', '{"record":{"id":1}}', '{"note":"a","text":1}', '\0\0', ''];
    folder.write('sessions.log', `${bad.join('\n')}\n${good}`);
    const events = [
      'e a g 1',
      'e a q 1 0 x',
      'e a g 99999999999999999 0 x',
      'b a p1 {}',
      'z a',
      'k a 1',
      't a g 0 2 []',
    ];
    folder.write('events.log', `${events.join('\n')}\ne a g 5 0 good\n`);
    const store = open();
    expect(store.skipped).toBe(bad.length + events.length);
    expect(store.after('a', 'g', 0)?.events).toEqual([{ seq: 5, text: 'good' }]);
    expect(store.record('a')).toEqual(record('a'));
    expect(open().skipped).toBe(0);
  });
});

describe('a store on disk', () => {
  test('writes nothing where a record or a note is as it was', () => {
    const { folder, open, record } = makeStores();
    const store = open();
    store.save(record('a'));
    store.keepNote('tools', 'x');
    const before = sizesIn(folder.path);
    store.save({ ...record('a'), subscriptions: new Map(record('a').subscriptions) });
    store.keepNote('tools', 'x');
    store.keepNote('none', undefined);
    store.forget('b');
    store.finish('a', 'p1');
    expect(sizesIn(folder.path)).toEqual(before);
    open().save(record('a'));
    expect(sizesIn(folder.path)).toEqual(before);
  });

  test('writes a record whose map was changed in place', () => {
    const { open, record } = makeStores();
    const subscriptions = new Map([['a', 'b']]);
    const store = open();
    store.save({ ...record('a'), subscriptions });
    subscriptions.set('c', 'd');
    store.save({ ...record('a'), subscriptions });
    expect(open().record('a')?.subscriptions).toEqual(subscriptions);
  });

  test('gives back the room of sessions that are over', () => {
    const { folder, open, record } = makeStores();
    const store = open();
    for (let i = 0; i < 60; i += 1) {
      store.save(record(String(i)));
      store.append(String(i), 'g', 'x'.repeat(500_000));
      store.forget(String(i));
    }
    for (let i = 0; i < 5_000; i += 1) store.save({ ...record('a'), usedAt: i });
    const [sessions = 0, events = 0] = sizesIn(folder.path);
    expect(sessions).toBeLessThan(300 * 1024);
    expect(events).toBeLessThan(5 * 1024 * 1024);
  });

  test('goes on in memory where it cannot write, and says which file', () => {
    const { folder, record } = makeStores();
    const faults: string[] = [];
    mkdirSync(folder.at('gone'));
    const store = new DiskStore({
      folder: folder.at('gone'),
      ...FAULTLESS,
      onFault: (file) => faults.push(file),
    });
    folder.remove('gone');
    store.save(record('a'));
    store.append('a', 'g', 'x');
    store.append('a', 'g', 'y');
    expect(store.after('a', 'g', 1)?.events).toEqual([{ seq: 2, text: 'y' }]);
    expect(faults).toEqual(FILES.map((name) => folder.at(`gone/${name}`)));
    mkdirSync(folder.at('gone'));
    store.save({ ...record('a'), usedAt: 9 });
    store.append('a', 'g', 'z');
    const next = new DiskStore({ folder: folder.at('gone'), ...FAULTLESS });
    expect(next.record('a')?.usedAt).toBe(9);
    expect(next.after('a', 'g', 0)?.events.map((event) => event.text)).toEqual(['x', 'y', 'z']);
  });
});

test('what a rewrite of the events holds is all of them, and no more than was reckoned with', () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 80 }), (ops) => {
      const logs = new Logs();
      const store = new MemoryStore(logs);
      for (const { events } of ops) events?.(store);
      const lines = [...linesOf(logs)];
      expect(countOf(logs)).toBe(lines.length);
      expect(Buffer.byteLength(lines.map((line) => `${line}\n`).join(''))).toBeLessThanOrEqual(logs.bytes);
      const again = new Logs();
      for (const line of lines) expect(applyEventLine(line, again)).toBe(true);
      expect([...linesOf(again)]).toEqual(lines);
      expect(answersOf(new MemoryStore(again))).toEqual(answersOf(store));
      expect(again.bytes).toBe(logs.bytes);
      for (const id of SESSIONS) logs.forget(id);
      expect(logs.bytes).toBe(0);
    }),
  );
});

/** Stores on one folder, one after the other, as after a SIGKILL: none is closed before the next one is opened. */
function makeStores() {
  const folder = makeTempFolder();
  const open = () => new DiskStore({ folder: folder.path, ...FAULTLESS });
  const record = (id: string): SessionRecord => ({
    id,
    initialize: '{"id":0}',
    subscriptions: new Map([['file:///a', '{"id":1}']]),
    shown: new Map([['tools/list', 'digest']]),
    usedAt: 1,
  });
  return { folder, open, record };
}
