// Who writes in circles: the rules, and what must hold whatever happens.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isMuted,
  type LoopEvent,
  type LoopMemory,
  loopStep,
  UNAWARE,
  type Writer,
} from '../../src/watch/loop.js';

const started = (at: number): LoopEvent => ({ kind: 'started', at });
const began = (at: number): LoopEvent => ({ kind: 'build-began', at });
const ended = (at: number): LoopEvent => ({ kind: 'build-ended', at });
const changed = (file: string, first: number, last = first, written?: number): LoopEvent => ({
  kind: 'changed',
  files: new Map([[file, { first, last, written }]]),
});

/** What is remembered in the end, and who was caught on the way, by the number of the event. */
function follow(events: readonly LoopEvent[]): { memory: LoopMemory; caught: [number, string, Writer][] } {
  let memory = UNAWARE;
  const caught: [number, string, Writer][] = [];
  events.forEach((event, i) => {
    const step = loopStep(memory, event);
    memory = step.memory;
    for (const [file, writer] of step.caught) caught.push([i, file, writer]);
  });
  return { memory, caught };
}

/** Rounds of a start and a change so long after it. */
function rounds(file: string, ...offsets: number[]): LoopEvent[] {
  return offsets.flatMap((offset, i) => [started(i * 10_000), changed(file, i * 10_000 + offset)]);
}

/** Rounds of a build of 5 s and a change so long after its beginning. */
function builds(file: string, ...offsets: number[]): LoopEvent[] {
  return offsets.flatMap((offset, i) => {
    const from = i * 10_000;
    const [change, end] = [changed(file, from + offset), ended(from + 5_000)];
    return [began(from), ...(offset < 5_000 ? [change, end] : [end, change])];
  });
}

describe('a file that changes after starts [watch.loop]', () => {
  test('soon, three times in a row at the same moment, was written by the server', () => {
    expect(follow(rounds('cache.json', 50, 290, 100)).caught).toEqual([[5, 'cache.json', 'server']]);
    expect(follow(rounds('cache.json', 50, 290, 350)).caught).toEqual([]);
    expect(follow(rounds('cache.json', 600, 50, 60, 120)).caught).toEqual([[7, 'cache.json', 'server']]);
  });

  test('later needs six in a row: somebody who calls and edits in turns is as steady for a while', () => {
    expect(follow(rounds('config.json', 1_200, 1_210, 1_190, 1_200, 1_220)).caught).toEqual([]);
    expect(follow(rounds('config.json', 1_200, 1_210, 1_190, 1_200, 1_220, 1_200)).caught).toHaveLength(1);
    expect(follow(rounds('config.json', 1_000, 2_400, 1_700, 1_200, 2_000, 1_500, 2_900)).caught).toEqual([]);
  });

  test('means nothing right after starts once the server was found to write it, and is a change at any other time', () => {
    const events = rounds('cache.json', 50, 60, 40);
    const { memory } = follow(events);
    expect(isMuted(memory, 'cache.json', 20_500)).toBe(true);
    expect(isMuted(memory, 'other.json', 20_500)).toBe(false);
    for (const at of [23_100, 29_000, 1_000_000]) expect(isMuted(memory, 'cache.json', at)).toBe(false);
    const again = follow([...events, started(30_000)]).memory;
    expect(isMuted(again, 'cache.json', 30_050)).toBe(true);
  });

  test('is forgiven when it changes at another time, and must be found out anew', () => {
    const events = [...rounds('cache.json', 50, 60, 40), changed('cache.json', 25_000)];
    const { memory } = follow([...events, started(30_000)]);
    expect(memory.caught.size).toBe(0);
    expect(isMuted(memory, 'cache.json', 30_050)).toBe(false);
  });

  test('that changes later once is begun with anew', () => {
    expect(follow(rounds('cache.json', 50, 50, 3_100, 50, 50)).caught).toEqual([]);
    expect(follow(rounds('cache.json', 50, 50, 3_100, 50, 50, 50)).caught).toHaveLength(1);
  });

  test('that does not change once is begun with anew', () => {
    const events = [...rounds('cache.json', 50, 50), started(30_000), changed('main.js', 35_000)];
    const later = [
      started(40_000),
      changed('cache.json', 40_050),
      started(50_000),
      changed('cache.json', 50_050),
    ];
    expect(follow([...events, ...later]).caught).toEqual([]);
  });

  test('counts once for the many starts of one change', () => {
    const round = (at: number) => [
      ...[0, 100, 200, 300].map((ms) => started(at + ms)),
      changed('cache.json', at + 400),
    ];
    expect(follow([...round(0), ...round(1_000)]).caught).toEqual([]);
    expect(follow([...round(0), ...round(1_000), ...round(2_000)]).caught).toEqual([
      [14, 'cache.json', 'server'],
    ]);
  });

  test('and is written all the time counts too', () => {
    const events = [0, 1, 2].flatMap((i) => [
      started(i * 10_000),
      changed('a.json', i * 10_000 - 500, i * 10_000 + 9_000),
    ]);
    expect(follow(events).caught).toEqual([[5, 'a.json', 'server']]);
  });

  test.each(['main.js', 'src/a.tsx', 'server.py', 'main.rs', 'main.go', 'a.cs', 'a.kt', 'a.mjs', 'lib.c'])(
    'and is source like %s was written by somebody',
    (file) => {
      expect(follow(rounds(file, 50, 50, 50, 50, 50, 50)).caught).toEqual([]);
    },
  );
});

describe('a file that changes during builds [watch.loop]', () => {
  test('three in a row was written by the build, and means nothing during builds', () => {
    const { memory, caught } = follow(builds('info.json', 100, 3_000, 4_900));
    expect(caught).toEqual([[7, 'info.json', 'build']]);
    expect(isMuted(memory, 'info.json', 22_000)).toBe(true);
    expect(isMuted(memory, 'info.json', 25_400)).toBe(true);
    expect(isMuted(memory, 'info.json', 25_600)).toBe(false);
  });

  test('and is source needs four in a row, always at the same moment', () => {
    expect(follow(builds('gen.ts', 100, 120, 90)).caught).toEqual([]);
    expect(follow(builds('gen.ts', 100, 120, 90, 300)).caught).toEqual([[10, 'gen.ts', 'build']]);
    expect(follow(builds('main.ts', 100, 1_500, 4_000, 900, 2_500)).caught).toEqual([]);
  });

  test('counts again when somebody changes it while nothing is built', () => {
    const { memory } = follow([...builds('gen.ts', 100, 100, 100, 100), changed('gen.ts', 38_000)]);
    expect(memory.caught.size).toBe(0);
    expect(follow([...builds('gen.ts', 100, 100, 100, 100), changed('gen.ts', 38_000)]).caught).toHaveLength(
      1,
    );
  });

  test('every other time was written by the build: the build that its change caused had nothing to write', () => {
    const idle = (at: number) => [began(at), ended(at + 100)];
    const events = builds('main.o', 100, 200, 150).flatMap((event) =>
      event.kind === 'build-ended' ? [event, ...idle(event.at + 600)] : [event],
    );
    expect(follow(events).caught.map(([, ...who]) => who)).toEqual([['main.o', 'build']]);
    const rarely = events.flatMap((event) =>
      event.kind === 'build-ended' ? [event, ...idle(event.at + 600)] : [event],
    );
    expect(follow(rarely).caught).toEqual([]);
  });

  test('right after starts too was written by the build', () => {
    const round = (at: number) => [
      started(at),
      began(at + 500),
      changed('server', at + 700),
      ended(at + 900),
    ];
    const { caught } = follow([...round(0), ...round(5_000), ...round(10_000)]);
    expect(caught).toEqual([[10, 'server', 'build']]);
  });

  test('is of the build if it was written before their end, and of the server that is started then if it was not', () => {
    const round = (written: number) => (i: number) => {
      const end = i * 10_000;
      const change = changed('out.json', end + 300, end + 300, end + written);
      return [began(end - 5_000), ended(end), started(end + 10), change];
    };
    const writerOf = (written: number) => follow([1, 2, 3].flatMap(round(written))).caught;
    expect(writerOf(-20)).toEqual([[11, 'out.json', 'build']]);
    expect(writerOf(290)).toEqual([[11, 'out.json', 'server']]);
  });

  test('is heard of a moment after their end', () => {
    expect(follow(builds('info.json', 5_400, 5_400, 5_400)).caught).toHaveLength(1);
    expect(follow(builds('info.json', 5_600, 5_600, 5_600)).caught).toEqual([]);
  });
});

describe('whatever happens', () => {
  const anyEvent = fc
    .tuple(
      fc.constantFrom(started, began, ended, changed),
      fc.constantFrom('a.json', 'b.json', 'm.js'),
      fc.nat(4_000),
    )
    .map(([make, file, pause]) => ({ make, file, pause }));
  const anyStory = fc.array(anyEvent, { maxLength: 60 }).map((steps) => {
    let at = 0;
    return steps.map(({ make, file, pause }): LoopEvent => {
      at += pause;
      return make === changed ? changed(file, at) : (make as (at: number) => LoopEvent)(at);
    });
  });

  test('nobody is caught but by a change of the file, after three of its changes', () => {
    fc.assert(
      fc.property(anyStory, (events) => {
        for (const [i, file, writer] of follow(events).caught) {
          const before = events
            .slice(0, i + 1)
            .filter((event) => event.kind === 'changed' && event.files.has(file));
          expect(events[i]?.kind).toBe('changed');
          expect(before.length).toBeGreaterThanOrEqual(file === 'm.js' ? 4 : 3);
          if (file === 'm.js') expect(writer).toBe('build');
        }
      }),
      { numRuns: 500 },
    );
  });

  test('with no starts and no builds, nobody is caught', () => {
    fc.assert(
      fc.property(anyStory, (events) => {
        const { caught, memory } = follow(events.filter(({ kind }) => kind === 'changed'));
        expect(caught).toEqual([]);
        expect(isMuted(memory, 'a.json', 1)).toBe(false);
      }),
    );
  });
});
