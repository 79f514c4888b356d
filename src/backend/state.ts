// The life of one backend, as a table: what each input does in each state. Pure; child.ts carries the effects out.
//
//   starting ──handshaken──► ready ──drain──► draining ──drained──► stopping ──emptied──► stopped
//      │ refused, deadline     │ stop             │ stop, deadline      ▲ │ deadline: stdin end → SIGTERM → SIGKILL
//      └──────────────────────►└────────────────►┴─────────────────────┘ │
//      exited ► crashed (starting, ready) or stopped (draining)          └ emptied after a failed start ► crashed
//
// "exited": the process that was started is gone. "emptied": no process of its group is left.

/** How far the ladder of a stop has been climbed. */
export type Rung = 'stdin-end' | 'sigterm' | 'sigkill';

export type BackendState =
  | { readonly name: 'starting' }
  | { readonly name: 'ready' }
  | { readonly name: 'draining' }
  | { readonly name: 'stopping'; readonly rung: Rung; readonly failed: boolean }
  | { readonly name: 'stopped' }
  | { readonly name: 'crashed' };

export type BackendInput =
  | 'handshaken'
  | 'refused'
  | 'spawn-failed'
  | 'drain'
  | 'drained'
  | 'stop'
  | 'deadline'
  | 'exited'
  | 'emptied';

/** What the driver does, in this order. `arm` replaces the timer that runs. */
export type BackendEffect =
  | { readonly kind: 'arm'; readonly timer: 'drain' | Rung }
  | { readonly kind: 'disarm' }
  | { readonly kind: 'end-stdin' }
  | { readonly kind: 'signal'; readonly signal: 'SIGTERM' | 'SIGKILL' };

export interface BackendStep {
  readonly state: BackendState;
  readonly effects: readonly BackendEffect[];
}

/** Entered when the process is spawned, with the start timer armed. */
export const STARTING: BackendState = { name: 'starting' };

/** What `input` does to a backend in `state`. The same state object comes back where nothing changes. */
export function backendStep(state: BackendState, input: BackendInput): BackendStep {
  return TABLE[state.name][input](state);
}

type Cell = (state: BackendState) => BackendStep;

const DISARM: BackendEffect = { kind: 'disarm' };
const KILL: BackendEffect = { kind: 'signal', signal: 'SIGKILL' };

const stay: Cell = (state) => ({ state, effects: [] });
const to =
  (state: BackendState, ...effects: BackendEffect[]): Cell =>
  () => ({ state, effects });

const stop = (failed: boolean) =>
  to(
    { name: 'stopping', rung: 'stdin-end', failed },
    { kind: 'end-stdin' },
    { kind: 'arm', timer: 'stdin-end' },
  );

/** The leader is gone, and with it the use of what it leaves behind. */
const crash = to({ name: 'crashed' }, DISARM, KILL);

const climb: Cell = (state) => {
  if (state.name !== 'stopping') return stay(state);
  switch (state.rung) {
    case 'stdin-end':
      return { state: { ...state, rung: 'sigterm' }, effects: [signal('SIGTERM'), arm('sigterm')] };
    case 'sigterm':
      return { state: { ...state, rung: 'sigkill' }, effects: [KILL, arm('sigkill')] };
    case 'sigkill':
      // Not even SIGKILL emptied the group in time (a process stuck in the kernel): no wait goes on for ever.
      return end(state);
  }
};

const end: Cell = (state) => ({
  state: { name: state.name === 'stopping' && state.failed ? 'crashed' : 'stopped' },
  effects: [DISARM],
});

function arm(timer: Rung): BackendEffect {
  return { kind: 'arm', timer };
}

function signal(name: 'SIGTERM'): BackendEffect {
  return { kind: 'signal', signal: name };
}

const ended: Record<BackendInput, Cell> = {
  handshaken: stay,
  refused: stay,
  'spawn-failed': stay,
  drain: stay,
  drained: stay,
  stop: stay,
  deadline: stay,
  exited: stay,
  emptied: stay,
};

const TABLE: Record<BackendState['name'], Record<BackendInput, Cell>> = {
  starting: {
    handshaken: to({ name: 'ready' }, DISARM),
    refused: stop(true),
    'spawn-failed': to({ name: 'crashed' }, DISARM),
    drain: stop(false),
    drained: stay,
    stop: stop(false),
    deadline: stop(true),
    exited: crash,
    emptied: stay,
  },
  ready: {
    handshaken: stay,
    refused: stay,
    'spawn-failed': stay,
    drain: to({ name: 'draining' }, { kind: 'arm', timer: 'drain' }),
    drained: stay,
    stop: stop(false),
    deadline: stay,
    exited: crash,
    emptied: stay,
  },
  draining: {
    handshaken: stay,
    refused: stay,
    'spawn-failed': stay,
    drain: stay,
    drained: stop(false),
    stop: stop(false),
    deadline: stop(false),
    exited: to({ name: 'stopped' }, DISARM, KILL),
    emptied: stay,
  },
  stopping: {
    handshaken: stay,
    refused: stay,
    'spawn-failed': end,
    drain: stay,
    drained: stay,
    stop: stay,
    deadline: climb,
    exited: stay,
    emptied: end,
  },
  stopped: ended,
  crashed: ended,
};
