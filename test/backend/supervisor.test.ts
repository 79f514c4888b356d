// Which backend serves, when the next one starts, and what a release leaves behind: nothing.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { ChildBackend } from '../../src/backend/child.js';
import { loadSpawn, type Spawn, type SpawnSpec } from '../../src/backend/spawn.js';
import { describeExit, Starts } from '../../src/backend/starts.js';
import { Supervisor } from '../../src/backend/supervisor.js';
import { type FakeChild, FakeChildren } from '../helpers/fake-child.js';
import { findProcess, isAlive, type Process } from '../helpers/processes.js';
import { until } from '../helpers/until.js';

const FAKE: SpawnSpec = { command: ['fake'], cwd: '/', env: {}, shell: false };
const TIMEOUTS = { startTimeout: 60_000, drainTimeout: 30_000, killTimeout: 100 };
const LONG = 3_600_000;

/** A supervisor, and what it tells in words; its backends are numbered from 1. `arrival`: what its client says that comes new. */
function supervise(spawn: Spawn, starts = new Starts(), spec = FAKE, arrival?: string) {
  const told: string[] = [];
  const backends: Backend[] = [];
  const tell = (word: string) => (backend: Backend) => told.push(`${word} ${backend.generation}`);
  const supervisor = new Supervisor(
    (doors) => {
      const plan = { spec, spawn, number: backends.length + 1, timeouts: TIMEOUTS };
      const backend = new ChildBackend(plan, doors);
      backends.push(backend);
      return backend;
    },
    starts,
    {
      arrival: () => arrival,
      onStarted: tell('started'),
      onReady: tell('ready'),
      onLost: tell('lost'),
      onNextLost: tell('next lost'),
      onNextLate: (ms) => told.push(`next late: ${ms}`),
      onSilent: tell('silent'),
      onGaveUp: (exit) => told.push(`gave up: ${exit && describeExit(exit)}`),
      onLine: ({ generation }, { text }) => told.push(`line of ${generation}: ${text}`),
      report: (report) => {
        if (report.kind === 'backend.stderr') told.push(`stderr: ${report.text}`);
        if (report.kind === 'restart.waiting') told.push(`waiting ${report.ms}`);
        if (report.kind === 'restart.halted') told.push('halted');
      },
    },
  );
  return { supervisor, starts, told, backends };
}

/** The same on children that the test plays: `play.ready(1)` shakes hands for backend 1, `play.end(1, 9)` ends it. */
function superviseFakes(starts = new Starts(), arrival?: string) {
  const children = new FakeChildren(() => {});
  const room = supervise(children.spawn, starts, FAKE, arrival);
  const child = (n: number): FakeChild => at(children.all, n);
  const play = {
    child,
    ready: (n: number) => at(room.backends, n).handshaken(),
    /** Its end, and all that follows from it at once. */
    end: async (n: number, code: number) => {
      child(n).end(code);
      await pass(0);
    },
  };
  return { ...room, play };
}

function at<T>(items: readonly T[], n: number): T {
  const item = items[n - 1];
  if (!item) throw new Error(`Expected number ${n}; there are ${items.length}.`);
  return item;
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe('with time in the hands of the test', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
  });

  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  describe('a want', () => {
    test('starts one backend, however often it is said', async () => {
      const { supervisor, told, backends, play } = superviseFakes();
      expect(supervisor.backends.size).toBe(0);
      supervisor.want();
      supervisor.want();
      expect(told).toEqual(['started 1']);
      expect(supervisor.serving).toBeUndefined();
      play.ready(1);
      supervisor.want();
      expect(told).toEqual(['started 1', 'ready 1']);
      expect(supervisor.serving).toBe(backends[0]);
      expect([...supervisor.backends]).toEqual(backends);
    });

    test('lets lines pass from whoever lives', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      play.child(1).reply('{"jsonrpc":"2.0","method":"hello"}');
      await pass(0);
      expect(told).toEqual(['started 1', 'line of 1: {"jsonrpc":"2.0","method":"hello"}']);
    });
  });

  describe('a loss [supervise.crash]', () => {
    test('is made good at once', async () => {
      const { supervisor, told, starts, play } = superviseFakes();
      supervisor.want();
      play.ready(1);
      await play.end(1, 9);
      expect(told.slice(2)).toEqual(['lost 1', 'silent 1', 'started 2']);
      expect(supervisor.serving).toBeUndefined();
      expect([starts.restarts, starts.lastExit?.code]).toEqual([1, 9]);
      play.ready(2);
      expect(supervisor.serving?.generation).toBe(2);
    });

    test('is made good after the last words of who is lost', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      play.ready(1);
      play.child(1).reply('{"jsonrpc":"2.0","method":"last/words"}');
      await play.end(1, 9);
      const words = 'line of 1: {"jsonrpc":"2.0","method":"last/words"}';
      expect(told.filter((word) => word !== 'lost 1').slice(2)).toEqual([words, 'silent 1', 'started 2']);
    });

    test('in a row with others is waited for longer and longer', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      for (const [n, wait] of [0, 250, 500, 1000, 2000].entries()) {
        play.ready(n + 1);
        await play.end(n + 1, 9);
        if (wait > 0) expect(told.at(-1)).toBe(`waiting ${wait}`);
        if (wait > 0) await pass(wait - 1);
        if (wait > 0) expect(told.at(-1)).toBe(`waiting ${wait}`);
        await pass(1);
        expect(told.at(-1)).toBe(`started ${n + 2}`);
      }
    });

    test('after ten seconds of being ready is the first again', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      play.ready(1);
      await play.end(1, 9);
      play.ready(2);
      await pass(10_000);
      await play.end(2, 9);
      expect(told.slice(-3)).toEqual(['lost 2', 'silent 2', 'started 3']);
    });

    test('before ten seconds of being ready is one more', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      play.ready(1);
      await play.end(1, 9);
      await pass(60_000 - 1);
      play.ready(2);
      await pass(10_000 - 1);
      await play.end(2, 9);
      expect(told.slice(-3)).toEqual(['lost 2', 'silent 2', 'waiting 250']);
    });

    test('of a server that was ready never halts it', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      for (let n = 1; n <= 12; n += 1) {
        play.ready(n);
        await play.end(n, 9);
        await pass(40_000);
      }
      expect(told.at(-1)).toBe('started 13');
      expect(told).not.toContain('halted');
    });
  });

  describe('failed starts [supervise.crash]', () => {
    test('halt the server at the third in a row, with the exit of the last', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      await play.end(1, 7);
      await play.end(2, 7);
      await pass(250);
      await play.end(3, 8);
      expect(told).toEqual([
        ...['started 1', 'lost 1', 'silent 1'],
        ...['started 2', 'lost 2', 'silent 2', 'waiting 250'],
        ...['started 3', 'lost 3', 'silent 3', 'halted', 'gave up: exit 8'],
      ]);
      await pass(LONG);
      expect(told.at(-1)).toBe('gave up: exit 8');
    });

    test('count whether the process could not be spawned, refused its handshake, or was silent', async () => {
      const { supervisor, told, backends, play } = superviseFakes();
      supervisor.want();
      play.child(1).failToSpawn('ENOENT');
      await pass(0);
      at(backends, 2).refuse('no licence');
      await pass(50);
      await pass(250);
      await pass(TIMEOUTS.startTimeout + 50);
      expect(told.at(-1)).toBe('gave up: no handshake, and no output for 60 s');
    });

    test('are forgotten when one succeeds', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      await play.end(1, 7);
      await play.end(2, 7);
      await pass(250);
      play.ready(3);
      await play.end(3, 9);
      await pass(500);
      await play.end(4, 7);
      await pass(1000);
      await play.end(5, 7);
      expect(told.at(-1)).toBe('waiting 2000');
    });

    test('are counted over all sessions of the server', async () => {
      const starts = new Starts();
      const [a, b] = [superviseFakes(starts), superviseFakes(starts)];
      a.supervisor.want();
      b.supervisor.want();
      await a.play.end(1, 7);
      await a.play.end(2, 7);
      await b.play.end(1, 7);
      expect(b.told).toEqual(['started 1', 'lost 1', 'silent 1', 'halted', 'gave up: exit 7']);
      expect(a.told).not.toContain('halted');
      await pass(250);
      await a.play.end(3, 7);
      expect(a.told).toContain('halted');
    });

    test('of a program that is being written do not count [watch.settle]', async () => {
      const { supervisor, starts, told, play } = superviseFakes();
      supervisor.want();
      for (let n = 1; n <= 4; n += 1) {
        play.child(n).failToSpawn('ETXTBSY');
        await pass(2_000);
      }
      expect([starts.halted, told.at(-1)]).toEqual([false, 'started 5']);
    });

    test('of backends that nobody needs any more do not count', async () => {
      const { supervisor, starts } = superviseFakes();
      for (let n = 1; n <= 5; n += 1) {
        supervisor.want();
        supervisor.release();
        await pass(50);
      }
      expect(starts.halted).toBe(false);
      expect(starts.lastExit).toBeUndefined();
    });
  });

  describe('a halted server [supervise.crash]', () => {
    async function halted(starts = new Starts()) {
      const room = superviseFakes(starts);
      room.supervisor.want();
      await room.play.end(1, 7);
      await room.play.end(2, 7);
      await pass(250);
      await room.play.end(3, 7);
      expect(room.told).toContain('halted');
      room.told.length = 0;
      return room;
    }

    test('is tried by a want, at most every five seconds', async () => {
      const { supervisor, told, play } = await halted();
      supervisor.want();
      await pass(4_999);
      supervisor.want();
      expect(told).toEqual(['halted', 'gave up: exit 7', 'halted', 'gave up: exit 7']);
      told.length = 0;
      await pass(1);
      supervisor.want();
      supervisor.want();
      expect(told).toEqual(['started 4']);
      await play.end(4, 7);
      expect(told.slice(1)).toEqual(['lost 4', 'silent 4', 'halted', 'gave up: exit 7']);
      await pass(LONG);
      expect(told).toHaveLength(5);
    });

    test('is tried by each session every five seconds, however often others try it', async () => {
      const { starts, supervisor, told } = await halted();
      await pass(2_500);
      const other = superviseFakes(starts);
      other.supervisor.want();
      expect(other.told).toEqual(['started 1']);
      await other.play.end(1, 7);
      await pass(2_500);
      supervisor.want();
      expect(told).toEqual(['started 4']);
      await pass(2_499);
      other.supervisor.want();
      expect(other.told.at(-1)).toBe('gave up: exit 7');
      await pass(1);
      other.supervisor.want();
      expect(other.told.at(-1)).toBe('started 2');
    });

    test('is tried at once by a session whose own last start succeeded', async () => {
      const starts = new Starts();
      const { supervisor, told, play } = superviseFakes(starts);
      supervisor.want();
      play.ready(1);
      supervisor.release();
      await halted(starts);
      supervisor.want();
      expect(told.at(-1)).toBe('started 2');
    });

    describe('and clients that no server has answered yet', () => {
      /** A client comes with its `initialize`, which breaks the server; whether that was started for it. */
      async function breakWith(starts: Starts, initialize: string): Promise<boolean> {
        const { supervisor, told, play } = superviseFakes(starts, initialize);
        supervisor.want();
        const isTry = told.includes('started 1');
        if (isTry) await play.end(1, 7);
        expect(told.at(-1)).toBe('gave up: exit 7');
        return isTry;
      }

      test('is tried by those that say the same every five seconds, the first of them at once', async () => {
        const { starts } = await halted();
        expect(await breakWith(starts, 'bad')).toBe(true);
        expect(await breakWith(starts, 'bad')).toBe(false);
        await pass(4_999);
        expect(await breakWith(starts, 'bad')).toBe(false);
        await pass(1);
        expect(await breakWith(starts, 'bad')).toBe(true);
        expect(await breakWith(starts, 'bad')).toBe(false);
      });

      test('rests after starts of theirs that halted it', async () => {
        const starts = new Starts();
        const { supervisor, play } = superviseFakes(starts, 'bad');
        supervisor.want();
        await play.end(1, 7);
        await play.end(2, 7);
        await pass(250);
        await play.end(3, 7);
        await pass(4_999);
        expect(await breakWith(starts, 'bad')).toBe(false);
        await pass(1);
        expect(await breakWith(starts, 'bad')).toBe(true);
      });

      test('is tried at once by one that says something else than the last', async () => {
        const { starts } = await halted();
        for (let second = 0; second < 32; second += 1) {
          await breakWith(starts, 'bad');
          await pass(1_000);
        }
        const { supervisor, told, play } = superviseFakes(starts, 'good');
        supervisor.want();
        expect(told).toEqual(['started 1']);
        play.ready(1);
        expect(starts.halted).toBe(false);
      });

      test('is tried no more often than every five seconds, whatever they say', async () => {
        const { starts } = await halted();
        let tries = 0;
        for (let second = 0; second < 100; second += 1) {
          for (const initialize of ['one', 'another', `${second}`])
            if (await breakWith(starts, initialize)) tries += 1;
          await pass(1_000);
        }
        // One of them in advance.
        expect(tries).toBe(100 / 5 + 1);
      });

      test('rests no longer for many of them that waited for a build', async () => {
        const { starts } = await halted();
        starts.close();
        const rooms = Array.from({ length: 9 }, (_, n) => superviseFakes(starts, `${n}`));
        for (const { supervisor } of rooms) supervisor.want();
        starts.open(false);
        for (const { supervisor } of rooms) supervisor.reopen();
        for (const { play } of rooms) await play.end(1, 7);
        await pass(10_000);
        expect(await breakWith(starts, 'bad')).toBe(true);
      });

      test('is tried by the others as ever', async () => {
        const { starts, supervisor, told } = await halted();
        await pass(5_000);
        for (const initialize of ['one', 'another', 'third']) await breakWith(starts, initialize);
        supervisor.want();
        expect(told).toEqual(['started 4']);
      });

      test('forgets with a success whose turn it was', async () => {
        const starts = new Starts();
        const { supervisor, play } = superviseFakes(starts, 'good');
        supervisor.want();
        play.ready(1);
        await halted(starts);
        expect(await breakWith(starts, 'good')).toBe(true);
      });
    });

    test('that starts after all is halted no more', async () => {
      const { supervisor, told, starts, play } = await halted();
      await pass(5_000);
      supervisor.want();
      play.ready(4);
      expect(starts.halted).toBe(false);
      await play.end(4, 9);
      expect(told.at(-1)).toBe('started 5');
    });

    test('is started by a change at once', async () => {
      const { supervisor, told } = await halted();
      supervisor.replace('start-first');
      expect(told).toEqual(['started 4']);
    });

    test('is left alone after a release', async () => {
      const { supervisor, told } = await halted();
      supervisor.release();
      supervisor.replace('start-first');
      await pass(LONG);
      expect(told).toEqual([]);
    });
  });

  describe('a change', () => {
    async function ready() {
      const room = superviseFakes();
      room.supervisor.want();
      room.play.ready(1);
      room.told.length = 0;
      return room;
    }

    test('start-first: the newcomer takes over when it is handshaken, and the old one drains', async () => {
      const { supervisor, told, backends, play } = await ready();
      supervisor.replace('start-first');
      await pass(1_000);
      expect(told).toEqual(['started 2']);
      expect(supervisor.serving).toBe(backends[0]);
      play.ready(2);
      expect(told).toEqual(['started 2', 'ready 2']);
      expect(supervisor.serving).toBe(backends[1]);
      expect(backends.map(({ state }) => state)).toEqual(['draining', 'ready']);
      expect([...supervisor.backends]).toEqual(backends);
      at(backends, 1).drained();
      await pass(50);
      expect(told.slice(2)).toEqual(['silent 1']);
      expect([...supervisor.backends]).toEqual([backends[1]]);
    });

    test('start-first: the loss of the old one while it drains is its own affair', async () => {
      const { supervisor, told, play, starts } = await ready();
      supervisor.replace('start-first');
      play.ready(2);
      await play.end(1, 9);
      expect(told.slice(2)).toEqual(['silent 1']);
      expect(starts.restarts).toBe(0);
      expect(supervisor.serving?.generation).toBe(2);
    });

    test('start-first: a newcomer that dies leaves the old one serving', async () => {
      const { supervisor, told, play } = await ready();
      supervisor.replace('start-first');
      await play.end(2, 7);
      await pass(LONG);
      expect(told).toEqual(['started 2', 'silent 2', 'next lost 2']);
      expect(supervisor.serving?.generation).toBe(1);
      supervisor.replace('start-first');
      play.ready(3);
      expect(supervisor.serving?.generation).toBe(3);
    });

    test('start-first: the newcomer takes the place of an old one that is lost before', async () => {
      const { supervisor, told, play } = await ready();
      supervisor.replace('start-first');
      await play.end(1, 9);
      await pass(1_000);
      expect(told).toEqual(['started 2', 'lost 1', 'silent 1']);
      play.ready(2);
      expect(told.at(-1)).toBe('ready 2');
      expect(supervisor.serving?.generation).toBe(2);
    });

    test('the latest one wins', async () => {
      const { supervisor, told, backends, play } = await ready();
      supervisor.replace('start-first');
      supervisor.replace('start-first');
      supervisor.replace('start-first');
      expect(told).toEqual(['started 2', 'started 3', 'started 4']);
      play.ready(3);
      expect(supervisor.serving?.generation).toBe(1);
      play.ready(4);
      await pass(50);
      expect(supervisor.serving?.generation).toBe(4);
      expect(told).toEqual(expect.arrayContaining(['silent 2', 'silent 3', 'ready 4']));
      expect(backends.map(({ state }) => state)).toEqual(['draining', 'stopped', 'stopped', 'ready']);
    });

    test('start-first: a newcomer that is not ready after five seconds is late, and goes on [rollout.exclusive]', async () => {
      const { supervisor, told, backends, play } = await ready();
      supervisor.replace('start-first');
      await pass(4_999);
      expect(told).toEqual(['started 2']);
      await pass(LONG / 100);
      expect(told).toEqual(['started 2', 'next late: 5000']);
      expect(supervisor.serving).toBe(backends[0]);
      play.ready(2);
      expect(supervisor.serving).toBe(backends[1]);
    });

    test('start-first: after a start of three seconds it is late after nine [rollout.exclusive]', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      await pass(3_000);
      play.ready(1);
      supervisor.replace('start-first');
      await pass(8_999);
      expect(told).toEqual(['started 1', 'ready 1', 'started 2']);
      await pass(1);
      expect(told.at(-1)).toBe('next late: 9000');
    });

    test('start-first: a late newcomer is given up where the old one is to stop first [rollout.exclusive]', async () => {
      const { supervisor, told, backends } = await ready();
      supervisor.replace('start-first');
      await pass(5_000);
      supervisor.replace('stop-first');
      expect(backends.map(({ state }) => state)).toEqual(['draining', 'stopping']);
      at(backends, 1).drained();
      await pass(LONG / 100);
      expect(told.filter((word) => word.startsWith('started'))).toEqual(['started 2', 'started 3']);
      expect(told.filter((word) => word.startsWith('next'))).toEqual(['next late: 5000']);
    });

    test('start-first: the next one waits for the end of a late newcomer too, which may hold the same [rollout.exclusive]', async () => {
      const { supervisor, told, play } = await ready();
      supervisor.replace('start-first');
      await pass(5_000);
      supervisor.replace('stop-first');
      await play.end(1, 0);
      expect(told.slice(2)).toEqual(['lost 1', 'silent 1']);
      await pass(50);
      expect(told.slice(2)).toEqual(['lost 1', 'silent 1', 'silent 2', 'started 3']);
      play.ready(3);
      expect(supervisor.serving?.generation).toBe(3);
    });

    test('start-first: nobody is late who took over, ended, or is the only one [rollout.exclusive]', async () => {
      const { supervisor, told, play } = await ready();
      supervisor.replace('start-first');
      play.ready(2);
      supervisor.replace('start-first');
      await play.end(3, 7);
      supervisor.replace('start-first');
      await play.end(2, 9);
      await pass(30_000);
      expect(told.filter((word) => word.startsWith('next late'))).toEqual([]);
    });

    test('stop-first: the old one drains, and the next one is started when it is gone', async () => {
      const { supervisor, told, backends, play } = await ready();
      supervisor.replace('stop-first');
      await pass(1_000);
      expect([backends.length, backends[0]?.state]).toEqual([1, 'draining']);
      expect(supervisor.serving).toBeUndefined();
      at(backends, 1).drained();
      await pass(50);
      expect(told).toEqual(['lost 1', 'silent 1', 'started 2']);
      play.ready(2);
      expect(supervisor.serving?.generation).toBe(2);
    });

    test('stop-first: the old one is not waited for longer than the drain timeout', async () => {
      const { supervisor, told } = await ready();
      supervisor.replace('stop-first');
      await pass(TIMEOUTS.drainTimeout + 50);
      expect(told).toEqual(['lost 1', 'silent 1', 'started 2']);
    });

    test('while the next start is waited for starts it at once', async () => {
      const { supervisor, told, play } = await ready();
      await play.end(1, 9);
      await play.end(2, 7);
      expect(told.at(-1)).toBe('waiting 250');
      supervisor.replace('start-first');
      expect(told.at(-1)).toBe('started 3');
      await pass(1_000);
      expect(told.at(-1)).toBe('started 3');
    });

    test('while the next start is waited for ends that wait for good', async () => {
      const { supervisor, told, play } = await ready();
      await play.end(1, 9);
      play.ready(2);
      await play.end(2, 9);
      expect(told.at(-1)).toBe('waiting 250');
      await pass(100);
      supervisor.replace('start-first');
      for (const n of [3, 4]) {
        play.ready(n);
        await play.end(n, 9);
      }
      expect(told.at(-1)).toBe('waiting 250');
      await pass(249);
      expect(told.at(-1)).toBe('waiting 250');
      await pass(1);
      expect(told.at(-1)).toBe('started 5');
    });

    test('while nobody needs a backend starts none', async () => {
      const { supervisor, told } = superviseFakes();
      supervisor.replace('start-first');
      supervisor.replace('stop-first');
      await pass(LONG);
      expect(told).toEqual([]);
    });
  });

  describe('a release', () => {
    test('stops what there is, which is no loss', async () => {
      const { supervisor, told, starts, play } = superviseFakes();
      supervisor.want();
      play.ready(1);
      supervisor.release();
      expect(supervisor.serving).toBeUndefined();
      await pass(LONG);
      expect(told).toEqual(['started 1', 'ready 1', 'silent 1']);
      expect(starts.lastExit).toBeUndefined();
      expect(supervisor.backends.size).toBe(0);
    });

    test('takes back the start that was waited for', async () => {
      const { supervisor, told, play } = superviseFakes();
      supervisor.want();
      await play.end(1, 7);
      await play.end(2, 7);
      supervisor.release();
      await pass(LONG);
      expect(told.at(-1)).toBe('waiting 250');
    });

    test('lets the next want start a new one, beside the one that is on its way out', async () => {
      const { supervisor, told, backends } = superviseFakes();
      supervisor.want();
      supervisor.release();
      supervisor.want();
      expect(told).toEqual(['started 1', 'started 2']);
      expect(backends.map(({ state }) => state)).toEqual(['stopping', 'starting']);
    });

    test('is over when the last process is gone', async () => {
      const { supervisor, told, play } = superviseFakes();
      await supervisor.emptied();
      supervisor.want();
      play.ready(1);
      supervisor.replace('start-first');
      supervisor.release();
      void supervisor.emptied().then(() => told.push('emptied'));
      await pass(50);
      expect(told.slice(-3)).toEqual(expect.arrayContaining(['silent 1', 'silent 2']));
      expect(told.at(-1)).toBe('emptied');
    });
  });
});

describe('on real processes', async () => {
  const spawn = await loadSpawn();
  const seen: Process[] = [];
  const rooms: ReturnType<typeof supervise>[] = [];

  afterEach(async () => {
    for (const { supervisor } of rooms.splice(0)) {
      supervisor.release();
      supervisor.kill();
      await supervisor.emptied();
    }
    expect(seen.splice(0).filter(isAlive)).toEqual([]);
  });

  function superviseFixture(name: string) {
    const { pathname } = new URL(`../../fixtures/servers/${name}.mjs`, import.meta.url);
    const command = [process.execPath, decodeURIComponent(pathname)] as const;
    const noting: Spawn = (spec) => {
      const child = spawn(spec);
      seen.push(...(child.pid === undefined ? [] : [findProcess(child.pid)].flatMap((found) => found ?? [])));
      return child;
    };
    const room = supervise(noting, new Starts(), { ...FAKE, command });
    rooms.push(room);
    return room;
  }

  type Room = ReturnType<typeof supervise>;
  const untilTold = ({ told }: Room, word: string) =>
    until(() => {
      if (told.some((one) => one.startsWith(word))) return true;
      throw new Error(told.join(', '));
    }, `"${word}"`);

  const untilReady = async (room: Room, n = 1) => {
    await untilTold(room, `started ${n}`);
    at(room.backends, n).handshaken();
  };

  /** How to bring a new supervisor to each phase of its life. */
  const PHASES: Record<string, (room: Room) => Promise<unknown> | undefined> = {
    'before anybody wanted one': () => undefined,
    starting: (room) => untilTold(room, 'started 1'),
    ready: (room) => untilReady(room),
    'after a loss that is not silent yet': async (room) => {
      await untilReady(room);
      process.kill(at(room.backends, 1).pid ?? 0, 'SIGKILL');
      await untilTold(room, 'lost 1');
    },
    'starting again after a loss': async (room) => {
      await untilReady(room);
      process.kill(at(room.backends, 1).pid ?? 0, 'SIGKILL');
      await untilTold(room, 'started 2');
    },
    'waiting for the next start': async (room) => {
      await untilReady(room);
      for (const n of [1, 2]) {
        await untilTold(room, `started ${n}`);
        process.kill(at(room.backends, n).pid ?? 0, 'SIGKILL');
      }
      await untilTold(room, 'waiting');
    },
    'while a newcomer starts': async (room) => {
      await untilReady(room);
      room.supervisor.replace('start-first');
      await untilTold(room, 'started 2');
    },
    'while a newcomer is replaced': async (room) => {
      await untilReady(room);
      room.supervisor.replace('start-first');
      room.supervisor.replace('start-first');
      await untilTold(room, 'started 3');
    },
    'while the old one drains before the next': async (room) => {
      await untilReady(room);
      room.supervisor.replace('stop-first');
    },
    'when it was released before': async (room) => {
      await untilReady(room);
      room.supervisor.release();
    },
  };

  test.each(Object.entries(PHASES))('a release leaves no process: %s [supervise.tree]', async (_, reach) => {
    const room = superviseFixture('echo');
    if (reach !== PHASES['before anybody wanted one']) room.supervisor.want();
    await reach(room);
    room.supervisor.release();
    const started = room.backends.length;
    await room.supervisor.emptied();
    expect(seen.filter(isAlive)).toEqual([]);
    expect(room.supervisor.backends.size).toBe(0);
    expect([room.backends.length, started]).toEqual([seen.length, seen.length]);
  });

  test('hasten reaches every process that is on its way out', async () => {
    const room = superviseFixture('stubborn');
    await twoStubborn(room);
    room.supervisor.release();
    room.supervisor.hasten();
    room.supervisor.hasten();
    await room.supervisor.emptied();
    expect(room.backends.map(({ state, exit }) => [state, exit.signal])).toEqual([
      ['stopped', 'SIGKILL'],
      ['stopped', 'SIGKILL'],
    ]);
  });

  test('kill ends every process without a release', async () => {
    const room = superviseFixture('stubborn');
    await twoStubborn(room);
    room.supervisor.kill();
    await untilTold(room, 'silent 1');
    await untilTold(room, 'silent 2');
    expect(room.backends.slice(0, 2).map(({ exit }) => exit.signal)).toEqual(['SIGKILL', 'SIGKILL']);
  });

  /** One that serves and a newcomer, both past their start, where they ignore what they are meant to ignore. */
  async function twoStubborn(room: Room): Promise<void> {
    room.supervisor.want();
    await untilReady(room);
    room.supervisor.replace('start-first');
    await until(
      () => room.told.filter((word) => word.startsWith('stderr: ignoring')).length === 2,
      'two to ignore',
    );
  }
});
