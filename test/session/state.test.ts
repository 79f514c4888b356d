// What a call meets in a session, as people would write it down, and what must hold wherever it leads.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type HoldReason,
  INITIALIZING,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  sessionStep,
} from '../../src/session/state.js';
import { type Footstep, type Machine, walk } from '../helpers/walk.js';

type Place = SessionState['name'];
type Kind = SessionInput['kind'];

// There was no place for its backend and it was lost; then files change, or there is a place.
const REASONS: ReadonlySet<HoldReason> = new Set(['no-place', 'lost']);
const STATES: Record<Place, SessionState> = {
  initializing: { name: 'initializing', reasons: REASONS },
  active: { name: 'active' },
  holding: { name: 'holding', reasons: REASONS },
  broken: { name: 'broken', reasons: REASONS },
  refusing: { name: 'refusing', reasons: REASONS },
  dormant: { name: 'dormant', reasons: REASONS },
  closed: { name: 'closed' },
};
const INPUTS: Record<Kind, SessionInput> = {
  opened: { kind: 'opened' },
  'hold-begins': { kind: 'hold-begins', reason: 'changed' },
  'hold-ends': { kind: 'hold-ends', reason: 'no-place' },
  ready: { kind: 'ready' },
  lost: { kind: 'lost' },
  'gave-up': { kind: 'gave-up' },
  refused: { kind: 'refused' },
  call: { kind: 'call' },
  notification: { kind: 'notification' },
  idle: { kind: 'idle' },
  ended: { kind: 'ended' },
  shutdown: { kind: 'shutdown' },
};

// `–` changes nothing; else the state it leads to with the reasons to hold there, and the effects in their order.
const TABLE: Record<Place, Record<Kind, string>> = {
  initializing: {
    opened: 'holding (lost no-place starting): save',
    'hold-begins': 'initializing (changed lost no-place)',
    'hold-ends': 'initializing (lost)',
    ready: 'active: save, flush',
    lost: '–',
    'gave-up': 'closed: answer-held, release, forget',
    refused: 'refusing (lost no-place): open, answer-held, release',
    call: 'same: hold',
    notification: 'same: hold',
    idle: '–',
    ended: 'closed: answer-all, release, forget',
    shutdown: 'closed: answer-all, release, forget',
  },
  active: {
    opened: '–',
    'hold-begins': 'holding (changed)',
    'hold-ends': '–',
    ready: '–',
    lost: 'holding (lost)',
    'gave-up': '–',
    refused: 'refusing',
    call: 'same: forward',
    notification: 'same: forward',
    idle: 'dormant: save, release',
    ended: 'closed: answer-all, release, forget',
    shutdown: 'dormant: answer-all, save, release',
  },
  holding: {
    opened: '–',
    'hold-begins': 'holding (changed lost no-place)',
    'hold-ends': 'holding (lost)',
    ready: 'active: flush',
    lost: '–',
    'gave-up': 'broken (lost no-place): answer-held',
    refused: 'refusing (lost no-place): answer-held',
    call: 'same: hold',
    notification: 'same: hold',
    idle: 'dormant: answer-held, save, release',
    ended: 'closed: answer-all, release, forget',
    shutdown: 'dormant (lost no-place): answer-all, save, release',
  },
  broken: {
    opened: '–',
    'hold-begins': 'holding (changed lost no-place)',
    'hold-ends': 'broken (lost)',
    ready: 'active: flush',
    lost: '–',
    'gave-up': '–',
    refused: 'refusing (lost no-place)',
    call: 'holding (lost no-place starting): save, hold, want',
    notification: 'same: drop',
    idle: 'dormant: save, release',
    ended: 'closed: answer-all, release, forget',
    shutdown: 'dormant (lost no-place): answer-all, save, release',
  },
  refusing: {
    opened: '–',
    'hold-begins': 'holding (changed lost no-place)',
    'hold-ends': '–',
    ready: 'refusing',
    lost: '–',
    'gave-up': '–',
    refused: '–',
    call: 'same: refuse',
    notification: 'same: drop',
    idle: 'dormant: save, release',
    ended: 'closed: answer-all, release, forget',
    shutdown: 'dormant (lost no-place): answer-all, save, release',
  },
  dormant: {
    opened: '–',
    'hold-begins': 'dormant (changed lost no-place)',
    'hold-ends': 'dormant (lost)',
    ready: '–',
    lost: '–',
    'gave-up': '–',
    refused: '–',
    call: 'holding (lost no-place starting): save, hold, want',
    notification: 'same: drop',
    idle: '–',
    ended: 'closed: answer-all, release, forget',
    shutdown: '–',
  },
  closed: {
    opened: '–',
    'hold-begins': '–',
    'hold-ends': '–',
    ready: '–',
    lost: '–',
    'gave-up': '–',
    refused: '–',
    call: 'same: drop',
    notification: 'same: drop',
    idle: '–',
    ended: '–',
    shutdown: '–',
  },
};

const MACHINE: Machine<SessionState, SessionInput, SessionEffect> = {
  first: INITIALIZING,
  step: sessionStep,
};

function cellOf(before: SessionState, input: SessionInput): string {
  const { state, effects } = sessionStep(before, input);
  const place = showState(state) === showState(before) ? 'same' : showState(state);
  if (effects.length === 0) return place === 'same' ? '–' : place;
  return `${place}: ${effects.join(', ')}`;
}

function showState(state: SessionState): string {
  const reasons = [...reasonsOf(state)].sort();
  return reasons.length === 0 ? state.name : `${state.name} (${reasons.join(' ')})`;
}

function reasonsOf(state: SessionState): ReadonlySet<HoldReason> {
  return 'reasons' in state ? state.reasons : new Set();
}

const kinds = Object.keys(INPUTS) as Kind[];
const rows = Object.entries(TABLE) as [Place, Record<Kind, string>][];

const WITH_A_BACKEND: readonly HoldReason[] = ['lost', 'starting', 'no-place'];

describe('the table', () => {
  test.each(rows)('%s does what is written down', (place, row) => {
    const seen = Object.fromEntries(kinds.map((kind) => [kind, cellOf(STATES[place], INPUTS[kind])]));
    expect(seen).toEqual(row);
  });

  const lost: ReadonlySet<HoldReason> = new Set(['lost']);
  test.each<[string, SessionState, SessionInput, string]>([
    ['initializing', INITIALIZING, { kind: 'ready' }, 'active: save, flush'],
    ['holding', { name: 'holding', reasons: lost }, { kind: 'ready' }, 'active: flush'],
    ['holding', { name: 'holding', reasons: lost }, { kind: 'hold-ends', reason: 'lost' }, 'active: flush'],
    ['broken', { name: 'broken', reasons: lost }, { kind: 'ready' }, 'active: flush'],
  ])('%s becomes active and flushes when its last reason is gone', (_, state, input, cell) => {
    expect(cellOf(state, input)).toBe(cell);
  });

  test.each(WITH_A_BACKEND)(
    'while it refuses, a notification goes to nobody where no backend serves: %s',
    (reason) => {
      const refusing: SessionState = { name: 'refusing', reasons: new Set([reason]) };
      expect(cellOf(refusing, { kind: 'notification' })).toBe('same: drop');
    },
  );

  test('a call to an active session makes nothing: the same step comes back each time', () => {
    const call: SessionInput = { kind: 'call' };
    const first = sessionStep({ name: 'active' }, call);
    expect(sessionStep(first.state, call)).toBe(first);
    expect(sessionStep(first.state, { kind: 'notification' })).toBe(first);
  });
});

const BEGUN_AND_ENDED = ['changed', 'no-place'] as const satisfies readonly HoldReason[];
const anyReason = fc.constantFrom<HoldReason>('changed', 'starting', 'lost', 'no-place');
const anyInput: fc.Arbitrary<SessionInput> = fc.oneof(
  fc.constantFrom(...kinds.filter((kind) => !kind.startsWith('hold-'))).map((kind) => INPUTS[kind]),
  fc.record({ kind: fc.constantFrom('hold-begins' as const, 'hold-ends' as const), reason: anyReason }),
);

type Step = Footstep<SessionState, SessionInput, SessionEffect>;

/** Holds on every step of every walk. `makeLaw` makes the law anew for each walk, with a memory of its own. */
function expectOnAnyWalk(makeLaw: () => (step: Step) => void): void {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 60 }), (taken) => {
      walk(MACHINE, taken).forEach(makeLaw());
    }),
    { numRuns: 400 },
  );
}

describe('on any walk', () => {
  test('what is held is flushed or answered before a state comes that holds nothing [call.hold]', () => {
    expectOnAnyWalk(() => {
      let held = 0;
      return ({ state, effects }) => {
        for (const effect of effects) {
          if (effect === 'hold') held += 1;
          if (effect === 'flush' || effect.startsWith('answer-')) held = 0;
        }
        if (state.name !== 'initializing' && state.name !== 'holding') expect(held).toBe(0);
      };
    });
  });

  test('the message of an input is forwarded, held or dropped, once and as the state says', () => {
    expectOnAnyWalk(() => ({ before, input, effects }) => {
      const fates = effects.filter((effect) => ['forward', 'hold', 'drop', 'refuse'].includes(effect));
      const isMessage = input.kind === 'call' || input.kind === 'notification';
      expect(fates).toHaveLength(isMessage ? 1 : 0);
      if (before.name === 'active' && isMessage) expect(fates).toEqual(['forward']);
      // No call meets old code while the newest is broken, and none waits for it.
      if (input.kind === 'call') expect(fates.includes('refuse')).toBe(before.name === 'refusing');
      // A call is worth a backend; only a session that is over drops one.
      if (input.kind === 'call') expect(fates.includes('drop')).toBe(before.name === 'closed');
    });
  });

  test('who waits has wanted a backend, or has a reason that somebody else ends', () => {
    expectOnAnyWalk(() => {
      // The client's initialize wants the first one.
      let wanted = true;
      return ({ before, input, state, effects }) => {
        if (effects.includes('want')) wanted = true;
        // Whoever changes what was broken starts a backend then.
        const mended = before.name === 'broken' || before.name === 'refusing';
        if (mended && (input.kind === 'hold-begins' || input.kind === 'ready')) wanted = true;
        if (effects.includes('release') || state.name === 'broken') wanted = false;
        const ends = BEGUN_AND_ENDED.some((reason) => reasonsOf(state).has(reason));
        if (state.name === 'initializing' || state.name === 'holding') expect(wanted || ends).toBe(true);
      };
    });
  });

  test('only a change, sleep, the end or a shutdown ends a refusal', () => {
    expectOnAnyWalk(() => ({ before, input, state }) => {
      if (before.name !== 'refusing' || state.name === 'refusing') return;
      expect(['hold-begins', 'idle', 'ended', 'shutdown']).toContain(input.kind);
    });
  });

  test('what is held and the opening are answered when the newest code turns out to be broken', () => {
    expectOnAnyWalk(() => ({ before, input, state, effects }) => {
      if (input.kind !== 'refused' || before.name === 'closed') return;
      // One that sleeps is told by its next call.
      if (before.name === 'dormant') return;
      expect(state.name).toBe('refusing');
      const waits = before.name === 'holding' || before.name === 'initializing';
      expect(effects.includes('answer-held')).toBe(waits);
      expect(effects.includes('open')).toBe(before.name === 'initializing');
    });
  });

  test('a session that holds has a reason to', () => {
    expectOnAnyWalk(() => ({ state }) => {
      if (state.name === 'holding') expect(state.reasons.size).toBeGreaterThan(0);
    });
  });

  test('a backend that serves ends what its absence was the reason of, and nothing else', () => {
    expectOnAnyWalk(() => ({ before, input, state }) => {
      const waits = !['active', 'dormant', 'closed'].includes(before.name);
      if (input.kind !== 'ready' || !waits) return;
      const left = [...reasonsOf(before)].filter((reason) => !WITH_A_BACKEND.includes(reason));
      expect([...reasonsOf(state)]).toEqual(left);
      // Where the newest code is broken, a backend has the old one.
      const served = left.length === 0 ? 'active' : 'holding';
      expect(state.name).toBe(before.name === 'refusing' ? 'refusing' : served);
    });
  });

  test('the end of one reason leaves every other one in force', () => {
    expectOnAnyWalk(() => ({ before, input, state }) => {
      if (input.kind !== 'hold-ends') return;
      const others = [...reasonsOf(before)].filter((reason) => reason !== input.reason);
      for (const other of others) expect(reasonsOf(state)).toContain(other);
    });
  });

  test('a reason that begins is in force wherever there can be one', () => {
    expectOnAnyWalk(() => ({ input, state }) => {
      if (input.kind === 'hold-begins' && state.name !== 'closed')
        expect(reasonsOf(state)).toContain(input.reason);
    });
  });

  test('closed is for ever, and nobody is told twice that it is', () => {
    expectOnAnyWalk(() => {
      let forgotten = 0;
      return ({ before, state, effects }) => {
        if (before.name === 'closed') expect(state).toBe(before);
        if (effects.includes('forget')) forgotten += 1;
        expect(forgotten).toBe(state.name === 'closed' ? 1 : 0);
      };
    });
  });

  test('an end closes whatever the state, and a shutdown leaves no backend wanted', () => {
    expectOnAnyWalk(() => {
      let wanted = true;
      return ({ input, state, effects }) => {
        if (effects.includes('want')) wanted = true;
        if (effects.includes('release')) wanted = false;
        if (input.kind === 'ended') expect(state.name).toBe('closed');
        if (input.kind === 'shutdown') expect(['dormant', 'closed']).toContain(state.name);
        if (input.kind === 'shutdown') expect(wanted).toBe(false);
      };
    });
  });

  test('a state is never changed in place', () => {
    expectOnAnyWalk(() => {
      const seen = new Map<SessionState, string>();
      return ({ before, state }) => {
        for (const each of [before, state]) expect(seen.get(each) ?? showState(each)).toBe(showState(each));
        seen.set(state, showState(state));
      };
    });
  });
});
