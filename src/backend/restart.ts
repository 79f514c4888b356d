// Should a session have a backend, and when is the next one started? Pure; supervisor.ts carries the effects out.
//
//   off ──want──► on ──lost──► backoff ──elapsed──► on      on ──changed──► replacing ──next-ready──► on
//                                    yields, └ (stop-first) ► yielding ──lost──► on
//                 ▲   └─ too many failed starts ─► halted ──want, changed──► on
//   any ──release──► off          settled (ready long enough): the losses are forgotten
//   off, on, backoff ──while a build runs──► gated ──opened, changed──► on

/** `losses`: how many backends were lost since one was last ready for long enough. */
export type RestartState =
  | { readonly name: 'off' }
  | { readonly name: 'on'; readonly losses: number }
  | { readonly name: 'replacing'; readonly losses: number }
  /** The current one drains and ends; then the next one is started. Its end is no loss. */
  | { readonly name: 'yielding' }
  | { readonly name: 'backoff'; readonly losses: number }
  | { readonly name: 'halted' }
  /** One is needed, but a build is under way: what would be started now would be old in a moment. */
  | { readonly name: 'gated'; readonly losses: number };

export type RestartInput =
  /**
   * Somebody needs a backend. `halted`: the server failed to start too often, and it is not this session's turn to try it
   * again. `closed`: a build is under way, nothing may be started.
   */
  | { readonly kind: 'want'; readonly halted: boolean; readonly closed: boolean }
  | { readonly kind: 'release' }
  /** The backend is gone. `halted`: it was one failed start too many; `chance` in [0, 1). */
  | { readonly kind: 'lost'; readonly halted: boolean; readonly closed: boolean; readonly chance: number }
  | { readonly kind: 'elapsed'; readonly closed: boolean }
  /** The build is over, and there is nothing new. */
  | { readonly kind: 'opened' }
  | { readonly kind: 'settled' }
  /** A new generation is there to be taken up; `how` it takes over from a backend that serves. */
  | { readonly kind: 'changed'; readonly how: 'start-first' | 'stop-first'; readonly serving: boolean }
  /** The current one takes no more calls: the backend that its sessions share gives way to a new generation. */
  | { readonly kind: 'yields' }
  | { readonly kind: 'next-ready' }
  | { readonly kind: 'next-lost' };

export type RestartEffect =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** A newcomer beside the backend that serves. */
  | { readonly kind: 'start-next' }
  | { readonly kind: 'stop-next' }
  /** The newcomer serves from now on; the old one drains. */
  | { readonly kind: 'swap' }
  /** The newcomer becomes the only one, still starting: the old one was lost. */
  | { readonly kind: 'adopt-next' }
  /** The one that serves takes no more calls, and ends. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'arm'; readonly delay: number }
  | { readonly kind: 'disarm' }
  | { readonly kind: 'give-up' };

export interface RestartStep {
  readonly state: RestartState;
  readonly effects: readonly RestartEffect[];
}

export const OFF: RestartState = { name: 'off' };

const FIRST_DELAY = 250;
const LONGEST_DELAY = 30_000;
const JITTER = 0.2;

/** Wait before the start that follows the n-th loss in a row, n ≥ 1 (ms): at once, then 250 · 2ⁿ ± 20 %, at most 30 s. */
export function restartDelay(losses: number, chance: number): number {
  if (losses <= 1) return 0;
  const jittered = FIRST_DELAY * 2 ** (losses - 2) * (1 - JITTER + 2 * JITTER * chance);
  return Math.min(Math.round(jittered), LONGEST_DELAY);
}

/** What `input` does to the policy in `state`. */
export function restartStep(state: RestartState, input: RestartInput): RestartStep {
  // One object per pair of state and input; TypeScript cannot follow the pair through the two indexes.
  const cell = TABLE[state.name][input.kind] as (state: RestartState, input: RestartInput) => RestartStep;
  return cell(state, input);
}

type Cells = {
  [S in RestartState['name']]: {
    [I in RestartInput['kind']]: (
      state: Extract<RestartState, { name: S }>,
      input: Extract<RestartInput, { kind: I }>,
    ) => RestartStep;
  };
};

const step = (state: RestartState, ...effects: RestartEffect[]): RestartStep => ({ state, effects });
const stay = (state: RestartState): RestartStep => step(state);
const start = () => step({ name: 'on', losses: 0 }, { kind: 'start' });
const giveUp = () => step({ name: 'halted' }, { kind: 'give-up' });
const gate = (losses: number) => step({ name: 'gated', losses });
const startUnless = ({ halted, closed }: { halted: boolean; closed: boolean }) => {
  if (closed) return gate(0);
  return halted ? giveUp() : start();
};
const release = () => step(OFF, { kind: 'stop' });

function afterLoss(state: { losses: number }, input: Extract<RestartInput, { kind: 'lost' }>): RestartStep {
  if (input.closed) return gate(state.losses);
  if (input.halted) return giveUp();
  const losses = state.losses + 1;
  const delay = restartDelay(losses, input.chance);
  if (delay === 0) return step({ name: 'on', losses }, { kind: 'start' });
  return step({ name: 'backoff', losses }, { kind: 'arm', delay });
}

const TABLE: Cells = {
  off: {
    want: (_, input) => startUnless(input),
    release: stay,
    lost: stay,
    elapsed: stay,
    settled: stay,
    changed: stay,
    opened: stay,
    yields: stay,
    'next-ready': stay,
    'next-lost': stay,
  },
  on: {
    want: stay,
    release,
    lost: afterLoss,
    elapsed: stay,
    settled: () => step({ name: 'on', losses: 0 }),
    changed: (state, { how, serving }) => {
      // One that is still starting may have the port already.
      if (how === 'stop-first') return step({ name: 'yielding' }, { kind: 'drain' });
      // It is of an old generation, and nobody is served by it.
      if (!serving) return step({ name: 'on', losses: 0 }, { kind: 'stop' }, { kind: 'start' });
      return step({ name: 'replacing', losses: state.losses }, { kind: 'start-next' });
    },
    opened: stay,
    yields: () => step({ name: 'yielding' }),
    'next-ready': stay,
    'next-lost': stay,
  },
  replacing: {
    want: stay,
    release: () => step(OFF, { kind: 'stop-next' }, { kind: 'stop' }),
    lost: (state) => step({ name: 'on', losses: state.losses }, { kind: 'adopt-next' }),
    elapsed: stay,
    settled: () => step({ name: 'replacing', losses: 0 }),
    // The latest generation wins: the newcomer that has not taken over yet is replaced.
    changed: (state, { how }) =>
      how === 'stop-first'
        ? step({ name: 'yielding' }, { kind: 'stop-next' }, { kind: 'drain' })
        : step(state, { kind: 'stop-next' }, { kind: 'start-next' }),
    opened: stay,
    // Its newcomer follows it, when it is gone.
    yields: stay,
    'next-ready': () => step({ name: 'on', losses: 0 }, { kind: 'swap' }),
    // The old one still serves: it stays, and the next change tries again.
    'next-lost': (state) => step({ name: 'on', losses: state.losses }),
  },
  yielding: {
    want: stay,
    release,
    lost: (_, { closed }) => (closed ? gate(0) : start()),
    elapsed: stay,
    settled: stay,
    changed: stay,
    opened: stay,
    yields: stay,
    'next-ready': stay,
    'next-lost': stay,
  },
  backoff: {
    want: stay,
    release: () => step(OFF, { kind: 'disarm' }),
    lost: stay,
    elapsed: ({ losses }, { closed }) =>
      closed ? gate(losses) : step({ name: 'on', losses }, { kind: 'start' }),
    settled: stay,
    changed: () => step({ name: 'on', losses: 0 }, { kind: 'disarm' }, { kind: 'start' }),
    opened: stay,
    yields: stay,
    'next-ready': stay,
    'next-lost': stay,
  },
  halted: {
    want: (_, input) => startUnless(input),
    release: () => step(OFF),
    lost: stay,
    elapsed: stay,
    settled: stay,
    changed: start,
    opened: stay,
    yields: stay,
    'next-ready': stay,
    'next-lost': stay,
  },
  gated: {
    want: stay,
    release: () => step(OFF),
    lost: stay,
    elapsed: stay,
    settled: stay,
    changed: start,
    opened: ({ losses }) => step({ name: 'on', losses }, { kind: 'start' }),
    yields: stay,
    'next-ready': stay,
    'next-lost': stay,
  },
};
