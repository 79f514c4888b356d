// The health page: what it makes of the facts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HealthFacts, healthOf, type SessionFacts } from '../../src/report/health.js';

type State = SessionFacts['state'];

const FACTS: HealthFacts = {
  uptime: 12.9,
  version: '0.1.0',
  cwd: '/projects/notes',
  generation: 1,
  restarts: 0,
  lastExit: undefined,
  isHalted: false,
  sessions: [],
  total: 0,
  isBuilding: false,
  isBroken: false,
  isPaused: false,
  lastBuild: undefined,
  watched: [],
};

/** What one session in a state makes of the page. */
const ALONE: Record<State, readonly [backend: string, status: string]> = {
  initializing: ['starting', 'starting'],
  active: ['ready', 'healthy'],
  holding: ['starting', 'starting'],
  broken: ['broken', 'degraded'],
  refusing: ['broken', 'degraded'],
  dormant: ['idle', 'healthy'],
  closed: ['idle', 'healthy'],
};

/** From worst to best. */
const RANKS = ['broken', 'starting', 'ready', 'idle'];
const STATES = Object.keys(ALONE) as State[];

function session(state: State, more: Partial<SessionFacts> = {}): SessionFacts {
  return { state, connected: false, pending: 0, running: 0, pids: [], ...more };
}

function seen(...states: readonly State[]): readonly [string, string] {
  const { backend, status } = healthOf({ ...FACTS, sessions: states.map((state) => session(state)) });
  return [backend.state, status];
}

describe('the state [http.health]', () => {
  test('is idle, and healthy, where there is no session', () => {
    expect(seen()).toEqual(['idle', 'healthy']);
  });

  test.each(Object.entries(ALONE) as [State, readonly [string, string]][])(
    'of one session: %s',
    (state, expected) => {
      expect(seen(state)).toEqual(expected);
    },
  );

  test('is the worst of all sessions, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STATES), { minLength: 1 }), (states) => {
        const worst = RANKS.find((rank) => states.some((state) => ALONE[state][0] === rank));
        expect(seen(...states)[0]).toBe(worst);
      }),
    );
  });
});

describe('the page [http.health]', () => {
  test('has every member also where nothing happened yet', () => {
    expect(healthOf(FACTS)).toEqual({
      status: 'healthy',
      uptime_secs: 12,
      version: '0.1.0',
      cwd: '/projects/notes',
      sessions: { total: 0, connected: 0 },
      jobs: { pending: 0, running: 0 },
      backend: {
        state: 'idle',
        generation: 1,
        pids: [],
        restarts: 0,
        watched: [],
        last_build: null,
        last_exit: null,
      },
    });
  });

  test('adds up the sessions', () => {
    const sessions = [
      session('active', { connected: true, pending: 1, running: 2, pids: [11] }),
      session('holding', { connected: true, pending: 3, pids: [12, 13, 11] }),
      session('dormant', { running: 1 }),
    ];
    expect(healthOf({ ...FACTS, restarts: 4, sessions, total: 5 })).toMatchObject({
      sessions: { total: 5, connected: 2 },
      jobs: { pending: 4, running: 3 },
      backend: { pids: [11, 12, 13], restarts: 4 },
    });
  });

  test.each([
    ['an exit code', { code: 7, signal: null }, 'exit 7'],
    ['a signal', { code: null, signal: 'SIGSEGV' }, 'SIGSEGV'],
    [
      'a reason of the bridge',
      { code: null, signal: 'SIGKILL', reason: 'it closed its stdout' },
      'it closed its stdout',
    ],
  ])('tells how the last server ended: %s', (_, end, how) => {
    const lastExit = { ...end, whileStarting: true, tail: ['one', 'two'] };
    const { code, signal } = end;
    expect(healthOf({ ...FACTS, lastExit }).backend.last_exit).toEqual({
      how,
      code,
      signal,
      stderr: ['one', 'two'],
    });
  });

  test('tells how the last build ended, and what is watched [http.health]', () => {
    const lastBuild = {
      ok: false,
      ms: 12.6,
      exitCode: 2,
      signal: null,
      errors: 'error: no',
      executable: '/bin/x',
    };
    expect(healthOf({ ...FACTS, generation: 4, lastBuild, watched: ['src'] }).backend).toEqual({
      state: 'idle',
      generation: 4,
      pids: [],
      restarts: 0,
      watched: ['src'],
      last_build: { ok: false, ms: 13, exit_code: 2, signal: null, errors: 'error: no' },
      last_exit: null,
    });
  });

  test('is JSON', () => {
    const page = healthOf({ ...FACTS, sessions: [session('broken')] });
    expect(JSON.parse(JSON.stringify(page))).toEqual(page);
  });
});

test('a server that is started no more is broken, though no session is left to say so', () => {
  const { status, backend } = healthOf({ ...FACTS, isHalted: true });
  expect([status, backend.state]).toEqual(['degraded', 'broken']);
});

describe('what goes on with the code is told before how the backends are [http.health]', () => {
  const flags = { isPaused: true, isBuilding: true, isBroken: true };
  const sessions = [session('active')];

  test.each<[string, Partial<HealthFacts>, string]>([
    ['paused, whatever else', flags, 'paused'],
    ['building, though the last one is broken', { ...flags, isPaused: false }, 'building'],
    ['broken', { isBroken: true }, 'degraded'],
    ['nothing', {}, 'healthy'],
  ])('%s', (_, facts, status) => {
    const page = healthOf({ ...FACTS, sessions, ...facts });
    expect([page.status, page.backend.state]).toEqual([status, 'ready']);
  });
});
