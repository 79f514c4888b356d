// The life of one session's seat at a backend that several share, as a table. Pure; seat.ts carries the effect out.
//
//   starting ──handshaken──► ready ──drain, yielded──► draining ──drained──► stopping ──gone──► stopped
//      │ drain, stop           │ stop                     │ stop, ending        ▲
//      └──────────────────────►└─────────────────────────►┴─────────────────────┘
//      lost ► crashed (starting, ready, or a failed start) or stopped (draining, stopping)
//
// "yielded", "ending", "lost" and "gone" are of the shared backend: it takes no more calls, is being ended, has crashed,
// has ended. "gone" comes to a seat alone, too: it was left, and others sit there.

export type SeatState =
  | { readonly name: 'starting' | 'ready' | 'draining' | 'stopped' | 'crashed' }
  | { readonly name: 'stopping'; readonly failed: boolean };

export type SeatInput =
  | 'handshaken'
  | 'refused'
  | 'drain'
  | 'drained'
  | 'stop'
  | 'yielded'
  | 'ending'
  | 'lost'
  | 'gone';

export interface SeatStep {
  readonly state: SeatState;
  /** The session gets up: the shared backend is told. */
  readonly leaves: boolean;
}

export const SEATED: SeatState = { name: 'starting' };

/** What `input` does to a seat in `state`. The same state object comes back where nothing changes. */
export function seatStep(state: SeatState, input: SeatInput): SeatStep {
  return TABLE[state.name][input](state);
}

type Cell = (state: SeatState) => SeatStep;

const to =
  (state: SeatState, leaves = false): Cell =>
  () => ({ state, leaves });
const stay: Cell = (state) => ({ state, leaves: false });
const leave = to({ name: 'stopping', failed: false }, true);
const fail = to({ name: 'stopping', failed: true }, true);
const wait = (failed: boolean) => to({ name: 'stopping', failed });
const crash = to({ name: 'crashed' });
const stop = to({ name: 'stopped' });
const drain = to({ name: 'draining' });
const end: Cell = (state) => (state.name === 'stopping' && state.failed ? crash(state) : stop(state));

const ended: Record<SeatInput, Cell> = {
  handshaken: stay,
  refused: stay,
  drain: stay,
  drained: stay,
  stop: stay,
  yielded: stay,
  ending: stay,
  lost: stay,
  gone: stay,
};

const TABLE: Record<SeatState['name'], Record<SeatInput, Cell>> = {
  starting: {
    handshaken: to({ name: 'ready' }),
    refused: fail,
    drain: leave,
    drained: stay,
    stop: leave,
    // Its supervisor is told by this state that the end that follows is no loss.
    yielded: drain,
    ending: wait(true),
    lost: crash,
    gone: stop,
  },
  ready: {
    handshaken: stay,
    refused: stay,
    drain,
    drained: stay,
    stop: leave,
    yielded: drain,
    ending: wait(false),
    lost: crash,
    gone: stop,
  },
  draining: {
    handshaken: stay,
    refused: stay,
    drain: stay,
    drained: leave,
    stop: leave,
    yielded: stay,
    ending: wait(false),
    lost: stop,
    gone: stop,
  },
  stopping: {
    handshaken: stay,
    refused: stay,
    drain: stay,
    drained: stay,
    // Nobody asks any more whether its start has failed.
    stop: (state) => (state.name === 'stopping' && state.failed ? wait(false)(state) : stay(state)),
    yielded: stay,
    ending: stay,
    lost: end,
    gone: end,
  },
  stopped: ended,
  crashed: ended,
};
