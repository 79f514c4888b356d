// The table of one backend's life, as people would write it down, and what must hold wherever it leads.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BackendEffect,
  type BackendInput,
  type BackendState,
  backendStep,
  type Rung,
  STARTING,
} from '../../src/backend/state.js';
import { type Machine, reachable, walk } from '../helpers/walk.js';

/** The rungs of a stop each stand for themselves; `failing` is a stop that began with a failed start. */
type Place = Exclude<BackendState['name'], 'stopping'> | `${'stopping' | 'failing'}: ${Rung}`;

// `–` changes nothing; else the place it leads to, and the effects in their order.
const STOP = 'stopping: stdin-end, end stdin, arm stdin-end';
const FAIL = 'failing: stdin-end, end stdin, arm stdin-end';
const ENDED: Record<BackendInput, string> = {
  handshaken: '–',
  refused: '–',
  'spawn-failed': '–',
  drain: '–',
  drained: '–',
  stop: '–',
  deadline: '–',
  exited: '–',
  emptied: '–',
};
const rung = (deadline: string, end: string): Record<BackendInput, string> => ({
  handshaken: '–',
  refused: '–',
  'spawn-failed': end,
  drain: '–',
  drained: '–',
  stop: '–',
  deadline,
  exited: '–',
  emptied: end,
});

const TABLE: Record<Place, Record<BackendInput, string>> = {
  starting: {
    handshaken: 'ready, disarm',
    refused: FAIL,
    'spawn-failed': 'crashed, disarm',
    drain: STOP,
    drained: '–',
    stop: STOP,
    deadline: FAIL,
    exited: 'crashed, disarm, SIGKILL',
    emptied: '–',
  },
  ready: {
    handshaken: '–',
    refused: '–',
    'spawn-failed': '–',
    drain: 'draining, arm drain',
    drained: '–',
    stop: STOP,
    deadline: '–',
    exited: 'crashed, disarm, SIGKILL',
    emptied: '–',
  },
  draining: {
    handshaken: '–',
    refused: '–',
    'spawn-failed': '–',
    drain: '–',
    drained: STOP,
    stop: STOP,
    deadline: STOP,
    exited: 'stopped, disarm, SIGKILL',
    emptied: '–',
  },
  'stopping: stdin-end': rung('stopping: sigterm, SIGTERM, arm sigterm', 'stopped, disarm'),
  'stopping: sigterm': rung('stopping: sigkill, SIGKILL, arm sigkill', 'stopped, disarm'),
  'stopping: sigkill': rung('stopped, disarm', 'stopped, disarm'),
  'failing: stdin-end': rung('failing: sigterm, SIGTERM, arm sigterm', 'crashed, disarm'),
  'failing: sigterm': rung('failing: sigkill, SIGKILL, arm sigkill', 'crashed, disarm'),
  'failing: sigkill': rung('crashed, disarm', 'crashed, disarm'),
  stopped: ENDED,
  crashed: ENDED,
};

const STATES: Record<Place, BackendState> = {
  starting: STARTING,
  ready: { name: 'ready' },
  draining: { name: 'draining' },
  'stopping: stdin-end': { name: 'stopping', rung: 'stdin-end', failed: false },
  'stopping: sigterm': { name: 'stopping', rung: 'sigterm', failed: false },
  'stopping: sigkill': { name: 'stopping', rung: 'sigkill', failed: false },
  'failing: stdin-end': { name: 'stopping', rung: 'stdin-end', failed: true },
  'failing: sigterm': { name: 'stopping', rung: 'sigterm', failed: true },
  'failing: sigkill': { name: 'stopping', rung: 'sigkill', failed: true },
  stopped: { name: 'stopped' },
  crashed: { name: 'crashed' },
};

const INPUTS = Object.keys(ENDED) as BackendInput[];
const MACHINE: Machine<BackendState, BackendInput, BackendEffect> = { first: STARTING, step: backendStep };
const REACHABLE = reachable(MACHINE, INPUTS);

function placeOf(state: BackendState): string {
  return state.name === 'stopping' ? `${state.failed ? 'failing' : 'stopping'}: ${state.rung}` : state.name;
}

function wordsOf(effect: BackendEffect): string {
  switch (effect.kind) {
    case 'arm':
      return `arm ${effect.timer}`;
    case 'disarm':
      return 'disarm';
    case 'end-stdin':
      return 'end stdin';
    case 'signal':
      return effect.signal;
  }
}

function cellOf(before: BackendState, input: BackendInput): string {
  const { state, effects } = backendStep(before, input);
  return state === before && effects.length === 0
    ? '–'
    : [placeOf(state), ...effects.map(wordsOf)].join(', ');
}

function hasEnded({ name }: BackendState): boolean {
  return name === 'stopped' || name === 'crashed';
}

const anyWalk = fc.array(fc.constantFrom(...INPUTS), { maxLength: 40 });

describe('the table', () => {
  const rows = Object.entries(TABLE) as [Place, Record<BackendInput, string>][];

  test.each(rows)('%s does what is written down', (place, row) => {
    const seen = Object.fromEntries(INPUTS.map((input) => [input, cellOf(STATES[place], input)]));
    expect(seen).toEqual(row);
  });

  test('every place that is written down can be reached, and no other', () => {
    expect(REACHABLE.map(placeOf).sort()).toEqual(Object.keys(TABLE).sort());
  });
});

describe('wherever it leads', () => {
  test.each(REACHABLE.map((state) => [placeOf(state), state] as const))(
    'from %s an exit and then an empty group end the life',
    (_, state) => {
      const end = walk({ ...MACHINE, first: state }, ['exited', 'emptied']).at(-1);
      expect(end?.state).toSatisfy(hasEnded);
    },
  );

  test.each(
    REACHABLE.filter(({ name }) => name !== 'ready').map((state) => [placeOf(state), state] as const),
  )(
    'from %s deadlines alone lead to an end, through SIGKILL where there is something to kill',
    (_, state) => {
      const steps = walk({ ...MACHINE, first: state }, Array<BackendInput>(5).fill('deadline'));
      const signals = steps.flatMap(({ effects }) => effects).map(wordsOf);
      expect(steps.at(-1)?.state).toSatisfy(hasEnded);
      if (!hasEnded(state) && !placeOf(state).endsWith('sigkill')) expect(signals).toContain('SIGKILL');
    },
  );

  test('a ready backend that is told to stop needs only deadlines to end', () => {
    const inputs: BackendInput[] = ['handshaken', 'stop', 'deadline', 'deadline', 'deadline'];
    const effects = walk(MACHINE, inputs).flatMap((step) => step.effects.map(wordsOf));
    const ladder = effects.filter((word) => !word.startsWith('arm') && word !== 'disarm');
    expect(ladder).toEqual(['end stdin', 'SIGTERM', 'SIGKILL']);
    expect(walk(MACHINE, inputs).at(-1)?.state).toEqual({ name: 'stopped' });
  });
});

describe('on any walk', () => {
  test('an exit and then an empty group end the life', () => {
    fc.assert(
      fc.property(anyWalk, (inputs) => {
        const end = walk(MACHINE, [...inputs, 'exited', 'emptied']);
        expect(end.at(-1)?.state).toSatisfy(hasEnded);
      }),
    );
  });

  test('a stop and then deadlines alone end the life', () => {
    fc.assert(
      fc.property(anyWalk, (inputs) => {
        const rest: BackendInput[] = ['stop', 'deadline', 'deadline', 'deadline'];
        expect(walk(MACHINE, [...inputs, ...rest]).at(-1)?.state).toSatisfy(hasEnded);
      }),
    );
  });

  test('what has ended stays ended, and nothing is done to it any more', () => {
    fc.assert(
      fc.property(anyWalk, (inputs) => {
        for (const { before, state, effects } of walk(MACHINE, inputs)) {
          if (hasEnded(before)) expect({ state, effects }).toEqual({ state: before, effects: [] });
        }
      }),
    );
  });

  test('a timer runs in every state that waits, and in no other', () => {
    fc.assert(
      fc.property(anyWalk, (inputs) => {
        // The driver arms the first one when it spawns the process.
        let timer = 'start';
        for (const { state, effects } of walk(MACHINE, inputs)) {
          for (const effect of effects) {
            if (effect.kind === 'arm') timer = effect.timer;
            if (effect.kind === 'disarm') timer = 'none';
          }
          expect(timer).toBe(timerOf(state));
        }
      }),
    );
  });

  test('stdin ends before SIGTERM comes, and SIGTERM comes before SIGKILL, each once', () => {
    fc.assert(
      fc.property(anyWalk, (inputs) => {
        const steps = walk(MACHINE, inputs);
        // After a crash the rest of the group is killed without a ladder.
        const stop = steps
          .filter(({ input }) => input !== 'exited')
          .flatMap((step) => step.effects.map(wordsOf));
        const ladder = stop.filter((word) => ['end stdin', 'SIGTERM', 'SIGKILL'].includes(word));
        expect(ladder).toEqual(['end stdin', 'SIGTERM', 'SIGKILL'].slice(0, ladder.length));
      }),
    );
  });
});

function timerOf(state: BackendState): string {
  switch (state.name) {
    case 'starting':
      return 'start';
    case 'draining':
      return 'drain';
    case 'stopping':
      return state.rung;
    case 'ready':
    case 'stopped':
    case 'crashed':
      return 'none';
  }
}
