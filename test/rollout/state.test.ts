// What becomes of a change, as people would write it down, and what must hold whatever else happens meanwhile.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  QUIET,
  type RolloutEffect,
  type RolloutInput,
  type RolloutState,
  rolloutStep,
} from '../../src/rollout/state.js';
import { type Machine, reachable, walk } from '../helpers/walk.js';

type Place =
  | 'quiet'
  | 'quiet, broken'
  | 'settling'
  | 'settling, broken'
  | 'settling over a build'
  | 'settling over what is built'
  | 'settling over a roll'
  | 'building'
  | 'rolling';

const STATES: Record<Place, RolloutState> = {
  quiet: { name: 'quiet', broken: false },
  'quiet, broken': { name: 'quiet', broken: true },
  settling: { name: 'settling', broken: false, under: 'nothing' },
  'settling, broken': { name: 'settling', broken: true, under: 'nothing' },
  'settling over a build': { name: 'settling', broken: false, under: 'build' },
  'settling over what is built': { name: 'settling', broken: false, under: 'built' },
  'settling over a roll': { name: 'settling', broken: false, under: 'roll' },
  building: { name: 'building' },
  rolling: { name: 'rolling' },
};

// `–` changes nothing; else the state it leads to, and the effects in their order.
const TABLE: Record<Place, Record<RolloutInput, string>> = {
  quiet: {
    touched: 'settling: hold',
    settled: 'building: hold, build',
    unchanged: '–',
    forced: 'building: hold, build',
    built: '–',
    'build-failed': '–',
    rolled: '–',
    'roll-failed': '–',
  },
  'quiet, broken': {
    touched: 'settling, broken: hold',
    settled: 'building: hold, build',
    unchanged: '–',
    forced: 'building: hold, build',
    built: '–',
    'build-failed': '–',
    rolled: '–',
    'roll-failed': '–',
  },
  settling: {
    touched: '–',
    settled: 'building: build',
    unchanged: 'quiet: release',
    forced: 'settling, forced',
    // Nothing is under way that could tell these.
    built: 'settling over what is built',
    'build-failed': 'settling, broken',
    rolled: '–',
    'roll-failed': 'settling, broken',
  },
  'settling, broken': {
    touched: '–',
    settled: 'building: build',
    unchanged: 'quiet, broken: refuse',
    forced: 'settling, broken, forced',
    built: 'settling over what is built, broken',
    'build-failed': '–',
    rolled: 'settling',
    'roll-failed': '–',
  },
  'settling over a build': {
    touched: '–',
    settled: 'building: cancel-build, build',
    unchanged: 'building',
    forced: 'settling over a build, forced',
    built: 'settling over what is built',
    'build-failed': 'settling, broken',
    rolled: 'settling',
    'roll-failed': 'settling, broken',
  },
  'settling over what is built': {
    touched: '–',
    settled: 'building: build',
    unchanged: 'rolling: roll',
    forced: 'settling over what is built, forced',
    built: '–',
    'build-failed': 'settling, broken',
    rolled: 'settling',
    'roll-failed': 'settling, broken',
  },
  'settling over a roll': {
    touched: '–',
    settled: 'building: cancel-roll, build',
    unchanged: 'rolling: resume-roll',
    forced: 'settling over a roll, forced',
    built: 'settling over what is built',
    'build-failed': 'settling, broken',
    rolled: 'settling',
    'roll-failed': 'settling, broken',
  },
  building: {
    touched: 'settling over a build',
    settled: 'same: cancel-build, build',
    unchanged: '–',
    forced: 'same: cancel-build, build',
    built: 'rolling: roll',
    'build-failed': 'quiet, broken: refuse',
    rolled: '–',
    'roll-failed': '–',
  },
  rolling: {
    touched: 'settling over a roll: hold',
    settled: 'building: hold, cancel-roll, build',
    unchanged: '–',
    forced: 'building: hold, cancel-roll, build',
    built: '–',
    'build-failed': '–',
    rolled: 'quiet: release',
    'roll-failed': 'quiet, broken: refuse',
  },
};

const MACHINE: Machine<RolloutState, RolloutInput, RolloutEffect> = { first: QUIET, step: rolloutStep };
const UNDER = { nothing: '', build: ' over a build', built: ' over what is built', roll: ' over a roll' };

function show(state: RolloutState): string {
  const broken = 'broken' in state && state.broken ? ', broken' : '';
  const forced = state.name === 'settling' && state.forced ? ', forced' : '';
  return `${state.name}${state.name === 'settling' ? UNDER[state.under] : ''}${broken}${forced}`;
}

function cellOf(before: RolloutState, input: RolloutInput): string {
  const { state, effects } = rolloutStep(before, input);
  const place = show(state) === show(before) ? 'same' : show(state);
  if (effects.length === 0) return place === 'same' ? '–' : place;
  return `${place}: ${effects.join(', ')}`;
}

const rows = Object.entries(TABLE) as [Place, Record<RolloutInput, string>][];
const inputs = Object.keys(TABLE.quiet) as RolloutInput[];

describe('the table', () => {
  test.each(rows)('%s does what is written down', (place, row) => {
    const seen = Object.fromEntries(inputs.map((input) => [input, cellOf(STATES[place], input)]));
    expect(seen).toEqual(row);
  });
});

/** The world around the table: what runs because of its effects, and which change that is of. */
class World {
  readonly effects: RolloutEffect[] = [];
  state: RolloutState = QUIET;
  /** Changes so far. A rollout that the user forces is none: the files are the same. */
  change = 0;
  isSettling = false;
  isHeld = false;
  /** Nothing may be started. */
  isShut = false;
  /** The change that is being built, is built, is being rolled out, and serves. */
  building: number | undefined;
  built = 0;
  rolling: number | undefined;
  serves = 0;
  /** What calls are told now, if they are told something: that this change is broken. */
  refused: number | undefined;
  builds = 0;
  mostBuilds = 0;

  /** What can happen now. */
  get possible(): RolloutInput[] {
    const watch: RolloutInput[] = this.isSettling ? ['settled', 'unchanged'] : ['touched', 'settled'];
    const build: RolloutInput[] = this.building === undefined ? [] : ['built', 'build-failed'];
    const roll: RolloutInput[] = this.rolling === undefined ? [] : ['rolled', 'roll-failed'];
    return [...watch, 'forced', ...build, ...roll];
  }

  meet(input: RolloutInput): void {
    this.#happen(input);
    const { state, effects } = rolloutStep(this.state, input);
    this.state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  /** Nothing further changes, and all that runs ends, `well` or not. */
  comeToRest(well: boolean): void {
    if (this.isSettling) this.meet('unchanged');
    if (this.building !== undefined) this.meet(well ? 'built' : 'build-failed');
    if (this.rolling !== undefined) this.meet(well ? 'rolled' : 'roll-failed');
  }

  #happen(input: RolloutInput): void {
    if (input === 'touched') this.isSettling = true;
    if (input === 'settled' || input === 'unchanged') this.isSettling = false;
    if (input === 'settled') this.change += 1;
    if (input === 'built') this.built = this.building ?? 0;
    if (input === 'rolled') this.serves = this.rolling ?? 0;
    if (input === 'built' || input === 'build-failed') {
      this.building = undefined;
      this.builds -= 1;
    }
    if (input === 'rolled' || input === 'roll-failed') this.rolling = undefined;
  }

  #carryOut(effect: RolloutEffect): void {
    this.effects.push(effect);
    if (effect === 'hold') this.isHeld = this.isShut = true;
    if (effect === 'release' || effect === 'refuse') this.isHeld = false;
    if (['release', 'refuse', 'roll', 'resume-roll'].includes(effect)) this.isShut = false;
    this.refused = effect === 'refuse' ? this.change : effect === 'release' ? undefined : this.refused;
    if (effect === 'cancel-build') {
      this.builds -= 1;
      this.building = undefined;
    }
    if (effect === 'build') {
      this.builds += 1;
      this.mostBuilds = Math.max(this.mostBuilds, this.builds);
      this.building = this.change;
    }
    if (effect === 'roll') this.rolling = this.built;
    if (effect === 'cancel-roll') this.rolling = undefined;
  }
}

const choices = fc.array(fc.nat(), { maxLength: 60 });

/** Holds after each step of every walk through what can really happen. */
function expectOnAnyWalk(law: (world: World, input: RolloutInput) => void): void {
  fc.assert(
    fc.property(choices, (taken) => {
      const world = new World();
      for (const choice of taken) {
        const input = world.possible[choice % world.possible.length] as RolloutInput;
        world.meet(input);
        law(world, input);
      }
    }),
    { numRuns: 500 },
  );
}

/** Holds of every walk once it has come to rest. */
function expectAtRest(law: (world: World, well: boolean) => void): void {
  fc.assert(
    fc.property(choices, fc.boolean(), (taken, well) => {
      const world = new World();
      for (const choice of taken) world.meet(world.possible[choice % world.possible.length] as RolloutInput);
      world.comeToRest(well);
      law(world, well);
    }),
    { numRuns: 500 },
  );
}

describe('on any walk', () => {
  test('a hold is followed by release or refuse once everything has come to rest [call.hold]', () => {
    expectAtRest((world) => {
      expect(world.state.name).toBe('quiet');
      expect(world.isHeld).toBe(false);
    });
  });

  test('calls are held exactly while it is not quiet', () => {
    expectOnAnyWalk((world) => expect(world.isHeld).toBe(world.state.name !== 'quiet'));
  });

  test('a roll starts what it needs, but while files change', () => {
    expectOnAnyWalk((world) => {
      if (world.rolling !== undefined) expect(world.isShut).toBe(world.isSettling);
    });
  });

  test('there are never two builds at once', () => {
    expectOnAnyWalk((world) => expect(world.mostBuilds).toBeLessThanOrEqual(1));
  });

  test('a build and a rollout never go on at once', () => {
    expectOnAnyWalk((world) =>
      expect(world.building !== undefined && world.rolling !== undefined).toBe(false),
    );
  });

  test('nothing is built or started between the first event and the settling [watch.settle]', () => {
    fc.assert(
      fc.property(choices, (taken) => {
        const world = new World();
        for (const choice of taken) {
          const [{ isSettling }, before] = [world, world.effects.length];
          const input = world.possible[choice % world.possible.length] as RolloutInput;
          world.meet(input);
          const isOver = input === 'settled' || input === 'unchanged';
          if (!isSettling || isOver) continue;
          expect(world.effects.slice(before)).not.toContain('build');
          expect(world.effects.slice(before)).not.toContain('roll');
        }
      }),
      { numRuns: 500 },
    );
  });

  test('calls go on only to the latest change, or are told that it is broken [watch.settle]', () => {
    expectOnAnyWalk((world) => {
      if (world.state.name !== 'quiet') return;
      expect(world.refused ?? world.serves).toBe(world.change);
    });
  });

  test('the latest change is what serves when all has gone well to its end [watch.settle]', () => {
    expectAtRest((world, well) => {
      if (well && world.refused === undefined) expect(world.serves).toBe(world.change);
    });
  });

  test('calls are refused when the latest change is broken, also after a touch without a change', () => {
    expectOnAnyWalk((world) => {
      if (world.state.name !== 'quiet') return;
      expect(world.state.broken).toBe(world.refused !== undefined);
    });
  });

  test('a rollout that the user forced is made, whatever settles meanwhile', () => {
    fc.assert(
      fc.property(choices, (taken) => {
        const world = new World();
        for (const choice of taken)
          world.meet(world.possible[choice % world.possible.length] as RolloutInput);
        const builds = () => world.effects.filter((effect) => effect === 'build').length;
        const before = builds();
        world.meet('forced');
        world.comeToRest(true);
        expect(builds()).toBeGreaterThan(before);
      }),
      { numRuns: 500 },
    );
  });
});

describe('inputs out of their time', () => {
  test('leave a state that the table knows, and never a hold that nothing ends', () => {
    for (const state of reachable(MACHINE, inputs)) {
      const steps = walk({ ...MACHINE, first: state }, ['unchanged', 'built', 'rolled']);
      expect(steps.at(-1)?.state.name).toBe('quiet');
    }
  });

  test('never change a state in place', () => {
    for (const state of reachable(MACHINE, inputs)) {
      const before = JSON.stringify(state);
      for (const input of inputs) rolloutStep(state, input);
      expect(JSON.stringify(state)).toBe(before);
    }
  });
});
