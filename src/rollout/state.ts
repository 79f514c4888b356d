// One change on its way to every backend of a server, as a table. Pure; rollout.ts carries the effects out.
//
//   quiet ──touched──► settling ──settled──► building ──built──► rolling ──rolled──► quiet
//     ▲                  │ unchanged           │ failed            │ failed
//     └──────────────────┴◄────────────────────┴◄──────────────────┘
//   touched while building or rolling: settling again; what it was doing is given up when the change has settled

/** `broken`: the newest code does not build or does not start, and calls are told so. */
export type RolloutState =
  | { readonly name: 'quiet'; readonly broken: boolean }
  /** The first event has come; what becomes of it is not known yet. `under`: what goes on meanwhile. */
  | {
      readonly name: 'settling';
      readonly broken: boolean;
      readonly under: 'nothing' | 'build' | 'built' | 'roll';
      /** The user asked for a rollout meanwhile. */
      readonly forced?: true;
    }
  | { readonly name: 'building' }
  | { readonly name: 'rolling' };

export type RolloutInput =
  | 'touched'
  /** The change has settled: there is something new. */
  | 'settled'
  /** There is nothing new. */
  | 'unchanged'
  /** The user asks for a rollout without a change. */
  | 'forced'
  | 'built'
  | 'build-failed'
  | 'rolled'
  | 'roll-failed';

export type RolloutEffect =
  /** Calls wait from now on; nothing is started. */
  | 'hold'
  /** Calls go on as before the hold: to what serves, or into the refusal that stands. */
  | 'release'
  | 'build'
  | 'cancel-build'
  /** The new generation to every session. */
  | 'roll'
  | 'cancel-roll'
  /** There was no change after all: the roll goes on, and calls of those that it has reached. */
  | 'resume-roll'
  /** Calls are told that the build, or the new generation, is broken. */
  | 'refuse';

export interface RolloutStep {
  readonly state: RolloutState;
  readonly effects: readonly RolloutEffect[];
}

export const QUIET: RolloutState = { name: 'quiet', broken: false };

/** What `input` does to a rollout in `state`. */
export function rolloutStep(state: RolloutState, input: RolloutInput): RolloutStep {
  // One state a row; TypeScript cannot follow it through the index.
  const cell = TABLE[state.name][input] as (state: RolloutState) => RolloutStep;
  return cell(state);
}

type Cells = {
  [S in RolloutState['name']]: Record<
    RolloutInput,
    (state: Extract<RolloutState, { name: S }>) => RolloutStep
  >;
};

const BUILDING: RolloutState = { name: 'building' };
const ROLLING: RolloutState = { name: 'rolling' };

const step = (state: RolloutState, ...effects: RolloutEffect[]): RolloutStep => ({ state, effects });
const stay = (state: RolloutState): RolloutStep => step(state);
const begin = () => step(BUILDING, 'hold', 'build');
const broke = () => step({ name: 'quiet', broken: true }, 'refuse');

function goOn({ under }: { under: string }): RolloutStep {
  if (under === 'build') return step(BUILDING, 'cancel-build', 'build');
  return under === 'roll' ? step(BUILDING, 'cancel-roll', 'build') : step(BUILDING, 'build');
}

const TABLE: Cells = {
  quiet: {
    touched: ({ broken }) => step({ name: 'settling', broken, under: 'nothing' }, 'hold'),
    settled: begin,
    unchanged: stay,
    forced: begin,
    built: stay,
    'build-failed': stay,
    rolled: stay,
    'roll-failed': stay,
  },
  settling: {
    touched: stay,
    settled: goOn,
    unchanged: ({ under, broken, forced }) => {
      if (forced) return goOn({ under });
      if (under === 'nothing') return step({ name: 'quiet', broken }, broken ? 'refuse' : 'release');
      if (under === 'built') return step(ROLLING, 'roll');
      return under === 'build' ? step(BUILDING) : step(ROLLING, 'resume-roll');
    },
    // The user asked, and is heard when the files have come to rest, whatever they say then.
    forced: (state) => step({ ...state, forced: true }),
    // It may be old already: the end of the settling tells.
    built: (state) => step({ ...state, under: 'built' }),
    'build-failed': (state) => step({ ...state, under: 'nothing', broken: true }),
    rolled: (state) => step({ ...state, under: 'nothing', broken: false }),
    'roll-failed': (state) => step({ ...state, under: 'nothing', broken: true }),
  },
  building: {
    touched: () => step({ name: 'settling', broken: false, under: 'build' }),
    settled: () => step(BUILDING, 'cancel-build', 'build'),
    unchanged: stay,
    forced: () => step(BUILDING, 'cancel-build', 'build'),
    built: () => step(ROLLING, 'roll'),
    'build-failed': broke,
    rolled: stay,
    'roll-failed': stay,
  },
  rolling: {
    touched: () => step({ name: 'settling', broken: false, under: 'roll' }, 'hold'),
    settled: () => step(BUILDING, 'hold', 'cancel-roll', 'build'),
    unchanged: stay,
    forced: () => step(BUILDING, 'hold', 'cancel-roll', 'build'),
    built: stay,
    'build-failed': stay,
    rolled: () => step({ name: 'quiet', broken: false }, 'release'),
    'roll-failed': broke,
  },
};
