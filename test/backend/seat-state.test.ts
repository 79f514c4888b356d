// The table of a seat's life, as people would write it down.
import { describe, expect, test } from 'vitest';
import { type SeatInput, type SeatState, seatStep } from '../../src/backend/seat-state.js';

const STATES = {
  starting: { name: 'starting' },
  ready: { name: 'ready' },
  draining: { name: 'draining' },
  stopping: { name: 'stopping', failed: false },
  'stopping (failed)': { name: 'stopping', failed: true },
  stopped: { name: 'stopped' },
  crashed: { name: 'crashed' },
} as const satisfies Record<string, SeatState>;

type Place = keyof typeof STATES;

const nothing: Record<SeatInput, string> = {
  handshaken: '–',
  refused: '–',
  drain: '–',
  drained: '–',
  stop: '–',
  yielded: '–',
  ending: '–',
  lost: '–',
  gone: '–',
};

// `–` changes nothing; else the state it leads to, and whether the session gets up.
const TABLE: Record<Place, Record<SeatInput, string>> = {
  starting: {
    handshaken: 'ready',
    refused: 'stopping (failed), leaves',
    drain: 'stopping, leaves',
    drained: '–',
    stop: 'stopping, leaves',
    yielded: 'draining',
    ending: 'stopping (failed)',
    lost: 'crashed',
    gone: 'stopped',
  },
  ready: {
    handshaken: '–',
    refused: '–',
    drain: 'draining',
    drained: '–',
    stop: 'stopping, leaves',
    yielded: 'draining',
    ending: 'stopping',
    lost: 'crashed',
    gone: 'stopped',
  },
  draining: {
    handshaken: '–',
    refused: '–',
    drain: '–',
    drained: 'stopping, leaves',
    stop: 'stopping, leaves',
    yielded: '–',
    ending: 'stopping',
    lost: 'stopped',
    gone: 'stopped',
  },
  stopping: { ...nothing, lost: 'stopped', gone: 'stopped' },
  'stopping (failed)': { ...nothing, stop: 'stopping', lost: 'crashed', gone: 'crashed' },
  stopped: nothing,
  crashed: nothing,
};

const CELLS = (Object.keys(TABLE) as Place[]).flatMap((place) =>
  (Object.keys(nothing) as SeatInput[]).map((input) => [place, input, TABLE[place][input]] as const),
);

describe('the table of a seat [session.dedicated]', () => {
  test.each(CELLS)('%s, %s: %s', (place, input, told) => {
    const { state, leaves } = seatStep(STATES[place], input);
    if (told === '–') expect([state, leaves]).toEqual([STATES[place], false]);
    else expect(`${nameOf(state)}${leaves ? ', leaves' : ''}`).toBe(told);
  });
});

function nameOf(state: SeatState): string {
  return state.name === 'stopping' && state.failed ? 'stopping (failed)' : state.name;
}
