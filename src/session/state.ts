// What a client's request meets in a session, as a table. Pure; life.ts carries the effects out.
//
//   initializing ──ready──► active ◄──ready, last reason gone── holding ◄──call── dormant
//        │ gave-up             │ lost, hold-begins ──────────────► │ ▲              ▲ idle (active, broken), shutdown
//        ▼                     ▼                          gave-up ▼ │ call         │
//      closed ◄──ended── (any)                                  broken ────────────┘
//
//   refused (the newest build or start is broken) ► refusing: calls are told why, until the next hold-begins

/** Why calls are held. A set, not a flag: the end of one reason must not undo another. */
export type HoldReason = 'changed' | 'starting' | 'lost' | 'no-place';

export type SessionState =
  /** The server has not answered the client's first `initialize`. */
  | { readonly name: 'initializing'; readonly reasons: ReadonlySet<HoldReason> }
  /** A backend serves. */
  | { readonly name: 'active' }
  | { readonly name: 'holding'; readonly reasons: ReadonlySet<HoldReason> }
  /** No backend, and none is coming by itself. */
  | { readonly name: 'broken'; readonly reasons: ReadonlySet<HoldReason> }
  /** The newest build or start is broken: no call meets old code. */
  | { readonly name: 'refusing'; readonly reasons: ReadonlySet<HoldReason> }
  /** No backend, and nobody waits for one. */
  | { readonly name: 'dormant'; readonly reasons: ReadonlySet<HoldReason> }
  | { readonly name: 'closed' };

export type SessionInput =
  /** `initialize` was answered without a backend. */
  | { readonly kind: 'opened' }
  | { readonly kind: 'hold-begins'; readonly reason: HoldReason }
  | { readonly kind: 'hold-ends'; readonly reason: HoldReason }
  /** A backend has been introduced to the client and serves. */
  | { readonly kind: 'ready' }
  /** The backend that served or was starting is gone. */
  | { readonly kind: 'lost' }
  /** The server failed to start too often. */
  | { readonly kind: 'gave-up' }
  /** The newest build, or the newest generation's start, has failed. */
  | { readonly kind: 'refused' }
  /** `refused`: the newest code does not run; a session that slept through that news is told by its next call. */
  | { readonly kind: 'call'; readonly refused?: boolean }
  /** A notification that runs the server's code, or may. */
  | { readonly kind: 'notification' }
  | { readonly kind: 'idle' }
  /** Deleted, expired, or abandoned by its client. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'shutdown' };

export type SessionEffect =
  /** The message of this input goes to the backend. */
  | 'forward'
  /** … waits for one. */
  | 'hold'
  /** … is dropped. */
  | 'drop'
  /** … is answered with why the newest code does not run. */
  | 'refuse'
  /** What is held goes to the backend, in order. */
  | 'flush'
  /** What is held, and what is in flight, is answered with an error that says why. */
  | 'answer-held'
  | 'answer-all'
  /** The client's `initialize` is answered without a backend. */
  | 'open'
  /** A backend is needed. */
  | 'want'
  /** The backend is not needed any more. */
  | 'release'
  /** The record is kept, or forgotten. */
  | 'save'
  | 'forget';

export interface SessionStep {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

/** A session begins with its client's `initialize`, which waits for a first backend. */
export const INITIALIZING: SessionState = { name: 'initializing', reasons: new Set() };
/** One that is on record begins without a backend. */
export const DORMANT: SessionState = { name: 'dormant', reasons: new Set() };

/** What `input` does to a session in `state`. `active` meets a call without making anything: that is the hot road. */
export function sessionStep(state: SessionState, input: SessionInput): SessionStep {
  // One object per pair of state and input; TypeScript cannot follow the pair through the two indexes.
  const cell = TABLE[state.name][input.kind] as (state: SessionState, input: SessionInput) => SessionStep;
  return cell(state, input);
}

type Cells = {
  [S in SessionState['name']]: {
    [I in SessionInput['kind']]: (
      state: Extract<SessionState, { name: S }>,
      input: Extract<SessionInput, { kind: I }>,
    ) => SessionStep;
  };
};

type Reasons = ReadonlySet<HoldReason>;
interface Waiting {
  readonly reasons: Reasons;
}

const ACTIVE: SessionState = { name: 'active' };
const CLOSED: SessionState = { name: 'closed' };
/** Nobody is there to whom a message could be forwarded. */
const UNSERVED = ['lost', 'starting', 'no-place'] as const;
const NONE: Reasons = new Set();
const FORWARD: SessionStep = { state: ACTIVE, effects: ['forward'] };

const step = (state: SessionState, ...effects: SessionEffect[]): SessionStep => ({ state, effects });
const stay = (state: SessionState): SessionStep => step(state);
const hold = (state: SessionState) => step(state, 'hold');
const drop = (state: SessionState) => step(state, 'drop');
const holding = (reasons: Reasons): SessionState => ({ name: 'holding', reasons });
const refusing = (reasons: Reasons): SessionState => ({ name: 'refusing', reasons });
const add = (reasons: Reasons, reason: HoldReason): Reasons => new Set([...reasons, reason]);
const without = (reasons: Reasons, ...gone: HoldReason[]): Reasons =>
  new Set([...reasons].filter((reason) => !gone.includes(reason)));

/** A backend serves: calls flow, unless something else still holds them. */
function served({ reasons }: Waiting, ...effects: SessionEffect[]): SessionStep {
  const left = without(reasons, ...UNSERVED);
  return left.size === 0 ? step(ACTIVE, ...effects, 'flush') : step(holding(left), ...effects);
}

type WithReasons = Extract<SessionState, Waiting>;
const noteReason = (state: WithReasons, { reason }: { reason: HoldReason }) =>
  step({ name: state.name, reasons: add(state.reasons, reason) });
const dropReason = (state: WithReasons, { reason }: { reason: HoldReason }) =>
  step({ name: state.name, reasons: without(state.reasons, reason) });
const close = () => step(CLOSED, 'answer-all', 'release', 'forget');
const sleep = ({ reasons }: Waiting) => step({ name: 'dormant', reasons }, 'answer-all', 'save', 'release');
const dormant = (reasons: Reasons): SessionState => ({
  name: 'dormant',
  reasons: without(reasons, ...UNSERVED),
});
const doze = ({ reasons }: Waiting) => step(dormant(reasons), 'save', 'release');
const wake = ({ reasons }: Waiting) => step(holding(add(reasons, 'starting')), 'save', 'hold', 'want');

const TABLE: Cells = {
  initializing: {
    opened: ({ reasons }) => step(holding(add(reasons, 'starting')), 'save'),
    'hold-begins': noteReason,
    'hold-ends': dropReason,
    ready: (state) => served(state, 'save'),
    lost: stay,
    'gave-up': () => step(CLOSED, 'answer-held', 'release', 'forget'),
    // The client stays connected; its calls get the compiler's words, and the tools come when it is mended.
    refused: (state) => step(refusing(add(state.reasons, 'lost')), 'open', 'answer-held', 'release'),
    call: hold,
    notification: hold,
    idle: stay,
    ended: close,
    shutdown: close,
  },
  active: {
    opened: stay,
    'hold-begins': (_, { reason }) => step(holding(new Set([reason]))),
    'hold-ends': stay,
    ready: stay,
    lost: () => step(holding(new Set(['lost']))),
    'gave-up': stay,
    refused: () => step(refusing(NONE)),
    call: () => FORWARD,
    notification: () => FORWARD,
    idle: () => step({ name: 'dormant', reasons: NONE }, 'save', 'release'),
    ended: close,
    shutdown: () => sleep({ reasons: NONE }),
  },
  holding: {
    opened: stay,
    'hold-begins': noteReason,
    'hold-ends': ({ reasons }, { reason }) => {
      const left = without(reasons, reason);
      return left.size === 0 ? step(ACTIVE, 'flush') : step(holding(left));
    },
    ready: (state) => served(state),
    lost: ({ reasons }) => step(holding(add(reasons, 'lost'))),
    'gave-up': ({ reasons }) => step({ name: 'broken', reasons: add(reasons, 'lost') }, 'answer-held'),
    refused: ({ reasons }) => step(refusing(without(reasons, 'changed')), 'answer-held'),
    call: hold,
    notification: hold,
    // Whoever waited for a backend has left long ago.
    idle: ({ reasons }) => step(dormant(reasons), 'answer-held', 'save', 'release'),
    ended: close,
    shutdown: sleep,
  },
  broken: {
    opened: stay,
    // A change may mend it: what comes now waits for that, and for the backend that is then started.
    'hold-begins': ({ reasons }, { reason }) => step(holding(add(reasons, reason))),
    'hold-ends': dropReason,
    ready: (state) => served(state),
    lost: stay,
    'gave-up': stay,
    refused: ({ reasons }) => step(refusing(add(reasons, 'lost'))),
    // The policy of the supervisor tells whether the call tries a start, or is told at once.
    call: wake,
    notification: drop,
    idle: doze,
    ended: close,
    shutdown: sleep,
  },
  refusing: {
    opened: stay,
    'hold-begins': ({ reasons }, { reason }) => step(holding(add(reasons, reason))),
    // A build that was under way when it was refused is no news.
    'hold-ends': stay,
    ready: ({ reasons }) => step(refusing(without(reasons, ...UNSERVED))),
    lost: ({ reasons }) => step(refusing(add(reasons, 'lost'))),
    'gave-up': stay,
    refused: stay,
    call: (state) => step(state, 'refuse'),
    notification: (state) => step(state, UNSERVED.some((one) => state.reasons.has(one)) ? 'drop' : 'forward'),
    idle: doze,
    ended: close,
    shutdown: sleep,
  },
  dormant: {
    opened: stay,
    'hold-begins': noteReason,
    'hold-ends': dropReason,
    ready: stay,
    lost: stay,
    'gave-up': stay,
    refused: ({ reasons }) => step({ name: 'dormant', reasons: without(reasons, 'changed') }),
    call: (state, { refused }) =>
      refused ? step(refusing(add(state.reasons, 'lost')), 'refuse') : wake(state),
    notification: drop,
    idle: stay,
    // Its backend may still be ending, with a call whose client has come back.
    ended: close,
    shutdown: stay,
  },
  closed: {
    opened: stay,
    'hold-begins': stay,
    'hold-ends': stay,
    ready: stay,
    lost: stay,
    'gave-up': stay,
    refused: stay,
    call: drop,
    notification: drop,
    idle: stay,
    ended: stay,
    shutdown: stay,
  },
};
