// Lists with pages: what a client has been shown of one is what is compared after a change.
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/store/memory.js';
import type { SessionRecord } from '../../src/store/store.js';
import { type FakeChild, mcpServer } from '../helpers/fake-child.js';
import { Scene, settle } from '../helpers/session.js';

const CHANGED = 'notifications/tools/list_changed';

/** A server with these names of tools on its pages; a page's number is the cursor to it. */
function paged(...pages: string[][]): (child: FakeChild) => void {
  return mcpServer({
    'tools/list': ({ params: { cursor = '0' } }) => {
      const n = Number(cursor);
      const tools = (pages[n] ?? []).map((name) => ({ name }));
      return { result: { tools, ...(n + 1 < pages.length && { nextCursor: String(n + 1) }) } };
    },
  });
}

/** The pages with these numbers, in this order, are shown to the client. */
async function read(scene: Scene, ...pages: number[]): Promise<void> {
  for (const n of pages) {
    scene.call('tools/list', n === 0 ? {} : { cursor: String(n) });
    await settle();
  }
}

/** What a client that has read these pages of the old server hears when a new one follows. */
async function heard(old: string[][], pages: number[], next: string[][]): Promise<unknown[]> {
  await using scene = await Scene.open({
    play: (child, nth) => (nth === 0 ? paged(...old) : paged(...next))(child),
  });
  const { connection } = scene.get();
  await read(scene, ...pages);
  expect(await scene.session.takeUp('start-first', 2)).toEqual({ kind: 'serves' });
  // Each page that the bridge asks for takes a few turns.
  const { lines } = scene.children.last;
  for (let seen = 0; seen !== lines.length; ) {
    seen = lines.length;
    await settle();
  }
  return connection.got.map(({ method }) => method);
}

describe('a client that was shown the first page', () => {
  const OLD = [['a'], ['b'], ['c']];

  test.each([
    ['nothing changed', OLD, []],
    ['a page that it has not read changed', [['a'], ['x'], ['c']], []],
    ['there are more pages', [...OLD, ['d']], []],
    ['the first page changed', [['x'], ['b'], ['c']], [CHANGED]],
    ['the first page is all there is', [['a']], [CHANGED]],
  ])('hears of a change only where that page changed: %s [session.changed]', async (_, next, expected) => {
    expect(await heard(OLD, [0], next)).toEqual(expected);
  });

  test('hears of a change of the two that it was shown, also where it has read one of them again [session.changed]', async () => {
    for (const pages of [
      [0, 1],
      [0, 1, 1],
      [0, 2, 1],
    ]) {
      expect(await heard(OLD, pages, OLD)).toEqual([]);
      expect(await heard(OLD, pages, [['a'], ['b'], ['x']])).toEqual([]);
      expect(await heard(OLD, pages, [['a'], ['x'], ['c']])).toEqual([CHANGED]);
    }
  });
});

describe('a client that was shown all pages', () => {
  test.each([
    ['nothing changed', [['a'], ['b']], []],
    ['the pages are cut in another way', [['a', 'b']], []],
    ['there is one more page', [['a'], ['b'], ['c']], [CHANGED]],
    ['a page is gone', [['a']], [CHANGED]],
  ])('hears of each change of the list: %s [session.changed]', async (_, next, expected) => {
    expect(await heard([['a'], ['b']], [0, 1], next)).toEqual(expected);
  });

  test('of which there are more than are asked for after a change hears nothing where nothing changed [session.changed]', async () => {
    const many = Array.from({ length: 103 }, (_, n) => [`tool-${n}`]);
    expect(await heard(many, [...many.keys()], many)).toEqual([]);
    expect(await heard(many, [...many.keys()], [...many.slice(0, 50), ['x'], ...many.slice(51)])).toEqual([
      CHANGED,
    ]);
  });
});

describe('after a restart of the bridge', () => {
  /** What a client hears that has read these pages with one bridge, and then some more with the next. */
  async function heardLater(pages: number[], more: number[], next: string[][]): Promise<unknown[]> {
    const record = await recordOf(pages);
    const store = new MemoryStore();
    store.save(record);
    await using scene = new Scene({ store, record, play: paged(...next) });
    const { connection } = scene.get();
    scene.call('ping');
    await settle();
    if (more.length === 0) return connection.got.map(({ method }) => method);
    await read(scene, ...more);
    expect(await scene.session.takeUp('start-first', 2)).toEqual({ kind: 'serves' });
    await settle();
    return connection.got.map(({ method }) => method);
  }

  async function recordOf(pages: number[]): Promise<SessionRecord> {
    await using scene = await Scene.open({ play: paged(['a'], ['b'], ['c']) });
    await read(scene, ...pages);
    return scene.store.record(scene.session.id) ?? expect.unreachable();
  }

  test.each([
    ['nothing changed', [0], [], [['a'], ['b'], ['c']], []],
    ['a page that it has not read changed', [0], [], [['a'], ['x'], ['c']], []],
    ['its page changed', [0], [], [['x'], ['b'], ['c']], [CHANGED]],
    ['it reads on', [0], [1], [['a'], ['b'], ['c']], []],
    ['it had read them all, and one of them changed', [0, 1, 2], [], [['a'], ['b'], ['x']], [CHANGED]],
  ])(
    'the pages that it was shown are compared, too: %s [session.changed]',
    async (_, pages, more, next, expected) => {
      expect(await heardLater(pages, more, next)).toEqual(expected);
    },
  );
});
