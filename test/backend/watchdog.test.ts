// The shell that ends what a dead bridge leaves. To it, a closed watchdog and a dead bridge are the same.
import { type ChildProcess, spawn } from 'node:child_process';
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

function start(): Watchdog {
  const watchdog = new Watchdog();
  onTestFinished(() => watchdog.close());
  return watchdog;
}

/** Leads a group of its own. */
async function startGroup(script: string): Promise<Process & { child: ChildProcess }> {
  const child = spawn(process.execPath, ['-e', script], {
    detached: true,
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
