// A change on its way to real sessions, between servers and clients that the test plays.
import { expect, test } from 'vitest';
import type { Build, BuildResult } from '../../src/rollout/build.js';
import { Rollout, type RolloutPlan, type RolloutReport } from '../../src/rollout/rollout.js';
import { mcpServer } from '../helpers/fake-child.js';
import { settle } from '../helpers/session.js';
import { Town, type TownPlan } from '../helpers/town.js';

interface Plan extends TownPlan {
  readonly replace?: RolloutPlan['replace'];
  readonly serveOld?: RolloutPlan['options']['serveOld'];
  readonly build?: Build;
}

/** A town whose server is edited. */
class Stage implements AsyncDisposable {
  readonly town: Town;
  readonly rollout: Rollout;
  readonly reports: RolloutReport[] = [];

  constructor({ replace = 'start-first', serveOld = 'never', build, ...plan }: Plan = {}) {
    this.town = new Town({ ...plan, standing: () => this.rollout.standing() });
    const { generations, starts, registry } = this.town;
    this.rollout = new Rollout({
      build: build && { name: 'make', begin: () => build },
      specAfter: () => generations.current.spec,
      ...{ generations, starts, replace },
      sessions: () => registry.sessions(),
      options: { serveOld, isolation: 'session' },
      report: (report) => this.reports.push(report),
    });
    if (!build) this.rollout.begin();
  }

  get told(): string[] {
    return this.reports.map(({ kind }) => kind);
  }

  /** A change, from its first event to its end. */
  save(): void {
    this.rollout.touched('a.js');
    this.rollout.settled(['a.js']);
  }

  /** A file is written that says what it said before. */
  touch(): void {
    this.rollout.touched('a.js');
    this.rollout.settled(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rollout.close();
    await this.town[Symbol.asyncDispose]();
  }
}

const TEXT = { result: { content: [{ text: 'hello' }] } };
const never = new Promise<never>(() => {});
const OK: BuildResult = { ok: true, exitCode: 0, signal: null, ms: 1, errors: '' };

test('stop-first: the old one ends while a file is touched, and the new one starts when that was no change [watch.settle call.hold]', async () => {
  await using stage = new Stage({ replace: 'stop-first' });
  const { town, rollout } = stage;
  const id = await town.open();
  const old = await town.children.nth(0);
  const slow = town.call(id, 'slow');
  stage.save();
  const held = town.call(id);
  await settle();
  rollout.touched('a.js');
  old.answer(await old.received('tools/call'));
  await town.pass(1_000, 100);
  expect(slow.connection.only.result).toBeDefined();
  expect(town.children.all).toHaveLength(1);

  rollout.settled(undefined);
  await town.pass(1_000, 100);
  expect(held.connection.only).toMatchObject(TEXT);
  expect([rollout.state, stage.told]).toEqual(['quiet', ['rollout.began', 'rollout.done']]);
});

test('nothing is started while files change: who was not reached yet is when they are as they were [watch.settle]', async () => {
  await using stage = new Stage();
  const { town, rollout } = stage;
  const [one, two, three] = [await town.open(), await town.open(), await town.open()];
  stage.save();
  await town.children.nth(3);
  // The first one has it in a moment: by then another file is being written.
  rollout.touched('b.js');
  await town.pass(1_000, 100);
  expect(town.children.all).toHaveLength(4);
  const held = [one, two, three].map((id) => town.call(id));
  await town.pass(1_000, 100);
  expect(held.map(({ connection }) => connection.got)).toEqual([[], [], []]);

  rollout.settled(undefined);
  await town.pass(1_000, 100);
  expect(town.children.all).toHaveLength(6);
  for (const { connection } of held) expect(connection.only).toMatchObject(TEXT);
  expect(town.running).toHaveLength(3);
  expect(stage.told.at(-1)).toBe('rollout.done');
});

test('a session that has the new code goes on when a touch was no change, though others have not [call.hold]', async () => {
  let isMute = false;
  const play = mcpServer();
  await using stage = new Stage({
    play: (child, nth) => (nth === 3 && isMute ? undefined : play(child)),
  });
  const { town, rollout } = stage;
  const [slow, quick] = [await town.open(), await town.open()];
  isMute = true;
  // The one that was used last has it first.
  await town.pass(1_000);
  town.call(quick);
  await settle();
  stage.save();
  await town.pass(1_000, 100);
  expect(rollout.state).toBe('rolling');
  stage.touch();
  const [late, early] = [town.call(slow), town.call(quick)];
  await settle();
  expect(early.connection.only).toMatchObject(TEXT);
  expect(late.connection.got).toEqual([]);
});

test('a session that falls asleep meanwhile needs no new server, and holds nobody up [session.idle]', async () => {
  let isMute = false;
  const play = mcpServer();
  await using stage = new Stage({ play: (child) => (isMute ? undefined : play(child)) });
  const { town, rollout } = stage;
  const id = await town.open();
  isMute = true;
  stage.save();
  await settle();
  town.the(id).sleep();
  await settle();
  expect([rollout.state, town.the(id).state]).toEqual(['quiet', 'dormant']);
});

test('a first server that does not start is a rollout that failed, though its client is gone with it [rollout.proof]', async () => {
  await using stage = new Stage({ play: (child) => setImmediate(() => child.end(1)), build: done(OK) });
  const { town, rollout } = stage;
  rollout.begin();
  const { connection } = town.arrive();
  await town.pass(5_000, 100);
  expect(connection.only.error?.message).toMatch(/^Not run: /);
  expect(stage.told).toContain('rollout.failed');
  expect(stage.told).not.toContain('rollout.done');
});

test('a build that a stop has ended is not told as one that failed [cli.stop]', async () => {
  const { build, end } = running();
  await using stage = new Stage({ build });
  const { town, rollout } = stage;
  rollout.begin();
  await settle();
  const closed = rollout.close();
  end({ ...OK, ok: false, exitCode: null, signal: 'SIGTERM' });
  await closed;
  expect(stage.told).toEqual(['rollout.began', 'build.began']);
  expect([...town.registry.sessions()]).toEqual([]);
  rollout.force();
  expect(rollout.state).toBe('building');
});

test.each(['never', 'broken', 'always'] as const)(
  'a broken build is told as one, whoever serves: --serve-old %s [http.health]',
  async (serveOld) => {
    await using stage = new Stage({ serveOld, build: done({ ...OK, ok: false, exitCode: 1 }) });
    stage.save();
    await settle();
    expect([stage.rollout.isBroken, stage.rollout.isBuilding]).toEqual([true, false]);
    expect(stage.reports.at(-1)).toMatchObject({ kind: 'build.ended', isOldServed: serveOld !== 'never' });
  },
);

test('what is waited for is what is built, not what was touched meanwhile [call.words]', async () => {
  await using stage = new Stage({ build: running().build });
  const { rollout } = stage;
  rollout.begin();
  expect(rollout.standing().waitingFor).toEqual({ what: 'still building', why: 'make, the first one' });
  stage.save();
  expect(rollout.standing().waitingFor).toEqual({ what: 'still building', why: 'make, a.js changed' });
  rollout.touched('b.js');
  expect(rollout.standing().waitingFor).toEqual({ what: 'still building', why: 'make, a.js changed' });
});

function done(result: BuildResult): Build {
  return { done: Promise.resolve(result), cancel: async () => {}, kill: () => {} };
}

function running(): { build: Build; end(result: BuildResult): void } {
  let end = (_: BuildResult) => {};
  const ended = new Promise<BuildResult>((resolve) => {
    end = resolve;
  });
  return {
    build: { done: Promise.race([ended, never]), cancel: async () => {}, kill: () => {} },
    end: (result) => end(result),
  };
}
