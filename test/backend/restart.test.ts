// The table of the restart policy, as people would write it down, and what must hold wherever it leads.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  OFF,
  type RestartEffect,
  type RestartInput,
  type RestartState,
  restartDelay,
  restartStep,
} from '../../src/backend/restart.js';
import { type Machine, reachable, walk } from '../helpers/walk.js';

/** The inputs, and those that mean something else when they are said in another way. */
type Said =
  | RestartInput['kind']
  | 'want (resting)'
  | 'want (closed)'
  | 'lost (halted)'
  | 'lost (closed)'
  | 'elapsed (closed)'
  | 'changed (stop-first)'
  | 'changed (starting)'
  | 'changed (stop-first, starting)';

const INPUTS: Record<Said, RestartInput> = {
  want: { kind: 'want', halted: false, closed: false },
  'want (resting)': { kind: 'want', halted: true, closed: false },
  // A build begins anew what was halted, so it goes before.
  'want (closed)': { kind: 'want', halted: true, closed: true },
  release: { kind: 'release' },
  lost: { kind: 'lost', halted: false, closed: false, chance: 0.5 },
  'lost (halted)': { kind: 'lost', halted: true, closed: false, chance: 0.5 },
  'lost (closed)': { kind: 'lost', halted: true, closed: true, chance: 0.5 },
  elapsed: { kind: 'elapsed', closed: false },
  'elapsed (closed)': { kind: 'elapsed', closed: true },
  opened: { kind: 'opened' },
  settled: { kind: 'settled' },
  changed: { kind: 'changed', how: 'start-first', serving: true },
  'changed (stop-first)': { kind: 'changed', how: 'stop-first', serving: true },
  'changed (starting)': { kind: 'changed', how: 'start-first', serving: false },
  'changed (stop-first, starting)': { kind: 'changed', how: 'stop-first', serving: false },
  yields: { kind: 'yields' },
  'next-ready': { kind: 'next-ready' },
  'next-lost': { kind: 'next-lost' },
};

/** `on again`: after a loss; the others have no loss behind them. */
type Place = RestartState['name'] | 'on again';

const STATES: Record<Place, RestartState> = {
  off: OFF,
  on: { name: 'on', losses: 0 },
  'on again': { name: 'on', losses: 1 },
  replacing: { name: 'replacing', losses: 1 },
  backoff: { name: 'backoff', losses: 2 },
  halted: { name: 'halted' },
  yielding: { name: 'yielding' },
  gated: { name: 'gated', losses: 2 },
};

// `–` changes nothing; else the state it leads to with the losses it remembers, and the effects in their order.
const TABLE: Record<Place, Record<Said, string>> = {
  off: {
    want: 'on 0, start',
    'want (resting)': 'halted, give-up',
    'want (closed)': 'gated 0',
    release: '–',
    lost: '–',
    'lost (halted)': '–',
    'lost (closed)': '–',
    elapsed: '–',
    'elapsed (closed)': '–',
    opened: '–',
    settled: '–',
    changed: '–',
    'changed (stop-first)': '–',
    'changed (starting)': '–',
    'changed (stop-first, starting)': '–',
    yields: '–',
    'next-ready': '–',
    'next-lost': '–',
  },
  on: {
    want: '–',
    'want (resting)': '–',
    'want (closed)': '–',
    release: 'off, stop',
    lost: 'on 1, start',
    'lost (halted)': 'halted, give-up',
    'lost (closed)': 'gated 0',
    elapsed: '–',
    'elapsed (closed)': '–',
    opened: '–',
    settled: '–',
    changed: 'replacing 0, start-next',
    'changed (stop-first)': 'yielding, drain',
    'changed (starting)': 'on 0, stop, start',
    'changed (stop-first, starting)': 'yielding, drain',
    yields: 'yielding',
    'next-ready': '–',
    'next-lost': '–',
  },
  'on again': {
    want: '–',
    'want (resting)': '–',
    'want (closed)': '–',
    release: 'off, stop',
    lost: 'backoff 2, arm 250',
    'lost (halted)': 'halted, give-up',
    'lost (closed)': 'gated 1',
    elapsed: '–',
    'elapsed (closed)': '–',
    opened: '–',
    settled: 'on 0',
    changed: 'replacing 1, start-next',
    'changed (stop-first)': 'yielding, drain',
    'changed (starting)': 'on 0, stop, start',
    'changed (stop-first, starting)': 'yielding, drain',
    yields: 'yielding',
    'next-ready': '–',
    'next-lost': '–',
  },
  replacing: {
    want: '–',
    'want (resting)': '–',
    'want (closed)': '–',
    release: 'off, stop-next, stop',
    lost: 'on 1, adopt-next',
    'lost (halted)': 'on 1, adopt-next',
    'lost (closed)': 'on 1, adopt-next',
    elapsed: '–',
    'elapsed (closed)': '–',
    opened: '–',
    settled: 'replacing 0',
    changed: 'replacing 1, stop-next, start-next',
    'changed (stop-first)': 'yielding, stop-next, drain',
    'changed (starting)': 'replacing 1, stop-next, start-next',
    'changed (stop-first, starting)': 'yielding, stop-next, drain',
    yields: '–',
    'next-ready': 'on 0, swap',
    'next-lost': 'on 1',
  },
  backoff: {
    want: '–',
    'want (resting)': '–',
    'want (closed)': '–',
    release: 'off, disarm',
    lost: '–',
    'lost (halted)': '–',
    'lost (closed)': '–',
    elapsed: 'on 2, start',
    'elapsed (closed)': 'gated 2',
    opened: '–',
    settled: '–',
    changed: 'on 0, disarm, start',
    'changed (stop-first)': 'on 0, disarm, start',
    'changed (starting)': 'on 0, disarm, start',
    'changed (stop-first, starting)': 'on 0, disarm, start',
    yields: '–',
    'next-ready': '–',
    'next-lost': '–',
  },
  halted: {
    want: 'on 0, start',
    'want (resting)': 'halted, give-up',
    'want (closed)': 'gated 0',
    release: 'off',
    lost: '–',
    'lost (halted)': '–',
    'lost (closed)': '–',
    elapsed: '–',
    'elapsed (closed)': '–',
    opened: '–',
    settled: '–',
    changed: 'on 0, start',
    'changed (stop-first)': 'on 0, start',
    'changed (starting)': 'on 0, start',
    'changed (stop-first, starting)': 'on 0, start',
    yields: '–',
    'next-ready': '–',
    'next-lost': '–',
  },
  yielding: {
    want: '–',
    'want (resting)': '–',
    'want (closed)': '–',
    release: 'off, stop',
    lost: 'on 0, start',
    'lost (halted)': 'on 0, start',
    'lost (closed)': 'gated 0',
    elapsed: '–',
    'elapsed (closed)': '–',
    opened: '–',
    settled: '–',
    changed: '–',
    'changed (stop-first)': '–',
    'changed (starting)': '–',
    'changed (stop-first, starting)': '–',
    yields: '–',
    'next-ready': '–',
    'next-lost': '–',
  },
  gated: {
    want: '–',
    'want (resting)': '–',
    'want (closed)': '–',
    release: 'off',
    lost: '–',
    'lost (halted)': '–',
    'lost (closed)': '–',
    elapsed: '–',
    'elapsed (closed)': '–',
    opened: 'on 2, start',
    settled: '–',
    changed: 'on 0, start',
    'changed (stop-first)': 'on 0, start',
    'changed (starting)': 'on 0, start',
    'changed (stop-first, starting)': 'on 0, start',
    yields: '–',
    'next-ready': '–',
    'next-lost': '–',
  },
};

const MACHINE: Machine<RestartState, RestartInput, RestartEffect> = { first: OFF, step: restartStep };
/** The losses have no end, so not all that can be reached is: twenty in a row are past the longest delay. */
const REACHABLE = reachable(MACHINE, Object.values(INPUTS), 40);

function placeOf(state: RestartState): string {
  return 'losses' in state ? `${state.name} ${state.losses}` : state.name;
}

function wordsOf(effect: RestartEffect): string {
  return effect.kind === 'arm' ? `arm ${effect.delay}` : effect.kind;
}

function cellOf(before: RestartState, input: RestartInput): string {
  const { state, effects } = restartStep(before, input);
  const isSame = effects.length === 0 && placeOf(state) === placeOf(before);
  return isSame ? '–' : [placeOf(state), ...effects.map(wordsOf)].join(', ');
}

const anyInput = fc.oneof(
  fc.constantFrom(...Object.values(INPUTS)),
  fc
    .double({ min: 0, max: 0.999, noNaN: true })
    .map((chance): RestartInput => ({ kind: 'lost', halted: false, closed: false, chance })),
);
const anyWalk = fc.array(anyInput, { maxLength: 60 });

describe('the table', () => {
  const rows = Object.entries(TABLE) as [Place, Record<Said, string>][];

  test.each(rows)('%s does what is written down', (place, row) => {
    const seen = Object.entries(INPUTS).map(([said, input]) => [said, cellOf(STATES[place], input)]);
    expect(Object.fromEntries(seen)).toEqual(row);
  });

  test('every state can be reached', () => {
    const names = new Set(REACHABLE.map(({ name }) => name));
    expect([...names].sort()).toEqual(['backoff', 'gated', 'halted', 'off', 'on', 'replacing', 'yielding']);
  });
});

describe('the delay [supervise.crash]', () => {
  test('the first loss is made good at once', () => {
    for (const chance of [0, 0.5, 0.999]) expect(restartDelay(1, chance)).toBe(0);
  });

  test('each further loss doubles it, from 250 ms up to 30 s', () => {
    const delays = Array.from({ length: 10 }, (_, i) => restartDelay(i + 2, 0.5));
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('chance moves it by a fifth at most, to either side', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (losses, chance) => {
          const middle = 250 * 2 ** (losses - 2);
          expect(restartDelay(losses, chance)).toBeGreaterThanOrEqual(middle * 0.8);
          expect(restartDelay(losses, chance)).toBeLessThanOrEqual(middle * 1.2);
        },
      ),
    );
    expect([restartDelay(4, 0), restartDelay(4, 0.25), restartDelay(4, 0.75)]).toEqual([800, 900, 1100]);
  });

  test('however many were lost, it is a time that a timer can wait', () => {
    for (const losses of [20, 1_000, 10_000, Number.MAX_SAFE_INTEGER]) {
      expect(restartDelay(losses, 0.5)).toBe(30_000);
    }
  });

  test('losses in a row are each waited for longer than the one before', () => {
    const { lost, elapsed, want } = INPUTS;
    const steps = walk(MACHINE, [want, lost, lost, elapsed, lost, elapsed, lost, elapsed]);
    const effects = steps.flatMap((step) => step.effects.map(wordsOf));
    expect(effects).toEqual(['start', 'start', 'arm 250', 'start', 'arm 500', 'start', 'arm 1000', 'start']);
  });

  test('a server that was ready long enough is started again at once, however often it was lost before', () => {
    const { lost, elapsed, want, settled } = INPUTS;
    const steps = walk(MACHINE, [want, lost, lost, elapsed, lost, elapsed, settled, lost]);
    expect(steps.at(-1)?.effects).toEqual([{ kind: 'start' }]);
  });
});

describe('from every state', () => {
  test('every input gives a state and effects', () => {
    for (const state of REACHABLE) {
      for (const input of Object.values(INPUTS)) {
        expect(restartStep(state, input)).toEqual({ state: expect.anything(), effects: expect.any(Array) });
      }
    }
  });

  test('a release leads to off', () => {
    for (const state of REACHABLE) expect(restartStep(state, INPUTS.release).state).toEqual(OFF);
  });

  test('settled forgets the losses and does nothing else', () => {
    for (const state of REACHABLE) {
      const forgetful = state.name === 'on' || state.name === 'replacing' ? { ...state, losses: 0 } : state;
      expect(restartStep(state, INPUTS.settled)).toEqual({ state: forgetful, effects: [] });
    }
  });
});

describe('halted', () => {
  test('only a want, a change or a release ends it', () => {
    const leaving = (Object.keys(INPUTS) as Said[]).filter(
      (said) => restartStep(STATES.halted, INPUTS[said]).state.name !== 'halted',
    );
    expect(leaving).toEqual([
      'want',
      'want (closed)',
      'release',
      'changed',
      'changed (stop-first)',
      'changed (starting)',
      'changed (stop-first, starting)',
    ]);
  });

  test('whoever wants a backend while it rests is told again', () => {
    expect(restartStep(STATES.halted, INPUTS['want (resting)']).effects).toEqual([{ kind: 'give-up' }]);
  });
});

describe('replacing', () => {
  test('of many changes only the latest newcomer is left to take over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (changes) => {
        const inputs = [
          INPUTS.want,
          ...Array<RestartInput>(changes).fill(INPUTS.changed),
          INPUTS['next-ready'],
        ];
        const fleet = makeFleet();
        for (const { input, effects } of walk(MACHINE, inputs)) fleet.follow(input, effects);
        expect(fleet.seen()).toEqual({ current: changes + 1, next: undefined, isArmed: false });
      }),
    );
  });

  test('a newcomer that is lost leaves the old one serving', () => {
    const fleet = makeFleet();
    const inputs = [INPUTS.want, INPUTS.changed, INPUTS['next-lost']];
    for (const { input, effects } of walk(MACHINE, inputs)) fleet.follow(input, effects);
    expect(fleet.seen()).toEqual({ current: 1, next: undefined, isArmed: false });
  });
});

describe('while a build runs', () => {
  const CLOSED = ['want (closed)', 'lost (closed)', 'elapsed (closed)'] as const;

  test('nothing is started', () => {
    for (const state of REACHABLE) {
      for (const said of CLOSED) {
        const kinds = restartStep(state, INPUTS[said]).effects.map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind.startsWith('start'))).toEqual([]);
      }
    }
  });

  test.each(CLOSED)(
    'what was to be started is when it is over, whether it brought something new or not: %s',
    (said) => {
      for (const state of REACHABLE) {
        const gated = restartStep(state, INPUTS[said]).state;
        if (gated.name !== 'gated') continue;
        for (const over of [INPUTS.opened, INPUTS.changed, INPUTS['changed (starting)']])
          expect(restartStep(gated, over)).toMatchObject({
            state: { name: 'on' },
            effects: [{ kind: 'start' }],
          });
      }
    },
  );

  test('only its end or a release ends the wait for it', () => {
    const leaving = (Object.keys(INPUTS) as Said[]).filter(
      (said) => restartStep(STATES.gated, INPUTS[said]).state.name !== 'gated',
    );
    expect(leaving).toEqual([
      'release',
      'opened',
      'changed',
      'changed (stop-first)',
      'changed (starting)',
      'changed (stop-first, starting)',
    ]);
  });
});

describe('on any walk', () => {
  test('nothing is started beside what is there, nothing stopped that is not, and at most one timer runs', () => {
    fc.assert(
      fc.property(anyWalk, (inputs) => {
        const fleet = makeFleet();
        for (const { before, input, state, effects } of walk(MACHINE, inputs)) {
          if (canHappen(before, input)) fleet.follow(input, effects);
          const { current, next, isArmed } = fleet.seen();
          expect({ current: current !== undefined, next: next !== undefined, isArmed }).toEqual(
            PRESENT[state.name],
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  test('after a release nothing is started until somebody wants a backend', () => {
    fc.assert(
      fc.property(anyWalk, anyWalk, (before, after) => {
        const unwanted = after.filter(({ kind }) => kind !== 'want');
        const steps = walk(MACHINE, [...before, INPUTS.release, ...unwanted]).slice(before.length + 1);
        expect(steps.flatMap(({ effects }) => effects)).toEqual([]);
      }),
    );
  });
});

/** What is there in each state, and whether a timer runs. */
const PRESENT: Record<RestartState['name'], { current: boolean; next: boolean; isArmed: boolean }> = {
  off: { current: false, next: false, isArmed: false },
  on: { current: true, next: false, isArmed: false },
  replacing: { current: true, next: true, isArmed: false },
  backoff: { current: false, next: false, isArmed: true },
  halted: { current: false, next: false, isArmed: false },
  yielding: { current: true, next: false, isArmed: false },
  gated: { current: false, next: false, isArmed: false },
};

/** Inputs that tell of what is not there change nothing, and so they tell nothing to the fleet either. */
function canHappen({ name }: RestartState, { kind }: RestartInput): boolean {
  switch (kind) {
    case 'lost':
      return PRESENT[name].current;
    case 'next-ready':
    case 'next-lost':
      return PRESENT[name].next;
    case 'elapsed':
      return PRESENT[name].isArmed;
    default:
      return true;
  }
}

/** What a driver would have running, by number; each effect has to fit what is there. */
function makeFleet() {
  let started = 0;
  let current: number | undefined;
  let next: number | undefined;
  let isArmed = false;

  function hear(input: RestartInput): void {
    if (input.kind === 'lost') current = undefined;
    if (input.kind === 'next-lost') next = undefined;
    if (input.kind === 'elapsed') isArmed = false;
  }

  const act: Record<RestartEffect['kind'], () => void> = {
    start: () => {
      expect([current, next]).toEqual([undefined, undefined]);
      current = ++started;
    },
    stop: () => {
      expect(current).toBeDefined();
      current = undefined;
    },
    'start-next': () => {
      expect(current).toBeDefined();
      expect(next).toBeUndefined();
      next = ++started;
    },
    'stop-next': () => {
      expect(next).toBeDefined();
      next = undefined;
    },
    swap: () => {
      expect([current, next]).not.toContain(undefined);
      [current, next] = [next, undefined];
    },
    'adopt-next': () => {
      expect(current).toBeUndefined();
      expect(next).toBeDefined();
      [current, next] = [next, undefined];
    },
    drain: () => {
      expect(current).toBeDefined();
      expect(next).toBeUndefined();
    },
    arm: () => {
      expect(isArmed).toBe(false);
      isArmed = true;
    },
    disarm: () => {
      expect(isArmed).toBe(true);
      isArmed = false;
    },
    'give-up': () => expect([current, next]).toEqual([undefined, undefined]),
  };

  return {
    follow(input: RestartInput, effects: readonly RestartEffect[]): void {
      hear(input);
      for (const { kind } of effects) act[kind]();
    },
    seen: () => ({ current, next, isArmed }),
  };
}
