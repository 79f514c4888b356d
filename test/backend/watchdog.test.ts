// The shell that ends what a dead bridge leaves. To it, a closed watchdog and a dead bridge are the same.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { Watchdog } from '../../src/backend/watchdog.js';
import {
  commandOf,
  descendantsOf,
  findProcess,
  isAlive,
  type Process,
  untilGone,
} from '../helpers/processes.js';
import { until } from '../helpers/until.js';

const onLinux = test.runIf(process.platform === 'linux');

const FOR_EVER = "console.log('up'); setInterval(() => {}, 1000);";
const STUBBORN = `process.on('SIGTERM', () => {}); ${FOR_EVER}`;

function start(entry = `_TEST_MARK=${randomUUID()}`): Watchdog {
  const watchdog = new Watchdog(entry);
  onTestFinished(() => watchdog.close());
  return watchdog;
}

/** Leads a group of its own. */
async function startGroup(
  script: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Process & { child: ChildProcess }> {
  const child = spawn(process.execPath, ['-e', script], {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const found = findProcess(child.pid ?? 0) ?? expect.fail('it has ended');
  onTestFinished(() => {
    if (isAlive(found)) process.kill(found.pid, 'SIGKILL');
  });
  return { ...found, child };
}

function watchdogs(): Process[] {
  return descendantsOf(process.pid).filter(({ pid }) => commandOf(pid).endsWith('mcp-bridge-watchdog'));
}

onLinux('ends the groups of its last list, with SIGTERM if that is enough [cli.stop]', async () => {
  const watchdog = start();
  const [polite, stubborn, spared] = [
    await startGroup(FOR_EVER),
    await startGroup(STUBBORN),
    await startGroup(FOR_EVER),
  ];
  watchdog.set([polite.pid, spared.pid]);
  watchdog.set([polite.pid, spared.pid, stubborn.pid]);
  watchdog.set([polite.pid, stubborn.pid]);
  const shells = watchdogs();
  const ends = Promise.all([polite, stubborn].map(({ child }) => once(child, 'exit')));
  const closed = performance.now();
  watchdog.close();
  expect(await ends).toEqual([
    [null, 'SIGTERM'],
    [null, 'SIGKILL'],
  ]);
  await untilGone(shells, 'the watchdog');
  expect(performance.now() - closed).toBeLessThan(3_000);
  expect(isAlive(spared)).toBe(true);
});

onLinux('ends what carries its mark and was never on its list, politely first [cli.stop]', async () => {
  const [mark, other] = [randomUUID(), randomUUID()];
  const watchdog = start(`_TEST_MARK=${mark}`);
  const [polite, stubborn, spared] = [
    await startGroup(FOR_EVER, { _TEST_MARK: `${mark}.1` }),
    await startGroup(STUBBORN, { _TEST_MARK: `${mark}.2` }),
    await startGroup(FOR_EVER, { _TEST_MARK: other }),
  ];
  watchdog.arm();
  const shells = watchdogs();
  const ends = Promise.all([polite, stubborn].map(({ child }) => once(child, 'exit')));
  watchdog.close();
  expect(await ends).toEqual([
    [null, 'SIGTERM'],
    [null, 'SIGKILL'],
  ]);
  expect(isAlive(spared)).toBe(true);
  await untilGone(shells, 'the watchdog');
});

onLinux('tells what is in a group of its list and carries its mark once to end', async () => {
  const mark = randomUUID();
  const watchdog = start(`_TEST_MARK=${mark}`);
  const counts = `let n = 0; process.on('SIGTERM', () => { n += 1; setTimeout(() => process.exit(n), 200); }); ${FOR_EVER}`;
  const { pid, child } = await startGroup(counts, { _TEST_MARK: `${mark}.1` });
  watchdog.set([pid]);
  const shells = watchdogs();
  const end = once(child, 'exit');
  watchdog.close();
  expect(await end).toEqual([1, null]);
  await untilGone(shells, 'the watchdog');
});

onLinux('with nothing on its list it ends without a wait', async () => {
  const watchdog = start();
  const { pid } = await startGroup(FOR_EVER);
  watchdog.set([pid]);
  watchdog.set([]);
  const shells = watchdogs();
  expect(shells).toHaveLength(1);
  const closed = performance.now();
  watchdog.close();
  await untilGone(shells, 'the watchdog');
  expect(performance.now() - closed).toBeLessThan(1_000);
  expect(isAlive({ pid, startedAt: findProcess(pid)?.startedAt })).toBe(true);
});

onLinux('is started when it is needed, once, and again if somebody has ended it', async () => {
  const watchdog = start();
  watchdog.set([]);
  expect(watchdogs()).toEqual([]);
  const { pid, child } = await startGroup(FOR_EVER);
  watchdog.set([pid]);
  watchdog.set([pid]);
  const [shell, ...others] = watchdogs();
  expect(others).toEqual([]);
  process.kill(shell?.pid ?? expect.fail('there is none'), 'SIGKILL');
  const again = await until(() => {
    watchdog.set([pid]);
    return watchdogs().find((one) => one.pid !== shell?.pid);
  }, 'the next watchdog');
  const end = once(child, 'exit');
  watchdog.close();
  expect(await end).toEqual([null, 'SIGTERM']);
  await untilGone([again], 'the watchdog');
});

onLinux('neither hears polite signals nor keeps its parent', async () => {
  const { pid, child } = await startGroup(FOR_EVER);
  const before = process.getActiveResourcesInfo();
  const watchdog = start();
  watchdog.set([pid]);
  await until(() => watchdogs().length === 1, 'the watchdog');
  // What keeps this process running is what kept it before.
  expect(process.getActiveResourcesInfo().filter((name) => /Pipe|Process/.test(name))).toEqual(
    before.filter((name) => /Pipe|Process/.test(name)),
  );
  const [shell] = watchdogs();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(shell?.pid ?? 0, signal);
  const end = once(child, 'exit');
  watchdog.close();
  expect(await end).toEqual([null, 'SIGTERM']);
});
