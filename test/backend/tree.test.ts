// What belongs to a backend, wherever it has gone: found by its mark, ended with it, and told to the guard.
import { afterEach, describe, expect, test } from 'vitest';
import type { ChildGuard } from '../../src/backend/tree.js';
import { findProcess, isAlive, type Process, untilGone } from '../helpers/processes.js';
import { until } from '../helpers/until.js';
import { type Life, Lives, stderrOf, untilSilent } from './lives.js';

const lives = new Lives();

afterEach(() => lives.end());

/** Ends by SIGTERM only. */
const SERVER = 'setInterval(() => {}, 1000);';
/** Tells its pid, and a polite end, on stderr. */
const DAEMON = "trap 'echo polite >&2; exit' TERM; echo daemon $$ >&2; sleep 1000 & wait";
/** Its parent has ended, and it is in a session of its own. */
const STARTS_DAEMON = `require('node:child_process').spawn(
  'sh', ['-c', 'setsid sh -c "$0" &', ${JSON.stringify(DAEMON)}], { stdio: ['ignore', 'ignore', 'inherit'] });`;

/** Notes what it is told, and gives marks of this test alone. */
function makeGuard() {
  const told: string[] = [];
  let marks = 0;
  const guard: ChildGuard = {
    newMark: () => `test-${process.pid}-${performance.now()}:${++marks}`,
    arm: () => told.push('arm'),
    add: (pid, command) => told.push(`add ${pid} ${command}`),
    remove: (pid) => told.push(`remove ${pid}`),
  };
  return { guard, told };
}

async function daemonOf(life: Life): Promise<Process> {
  const pid = await until(
    () =>
      stderrOf(life)
        .join(' ')
        .match(/daemon (\d+)/)?.[1],
    'its daemon',
  );
  const [daemon] = lives.note(Number(pid));
  return daemon ?? expect.fail(`${pid} has ended`);
}

describe.runIf(process.platform === 'linux')('a daemon of a server', () => {
  test('is ended when the server crashes [supervise.tree]', async () => {
    const life = lives.startScript(`${STARTS_DAEMON} ${SERVER}`, { guard: makeGuard().guard });
    const daemon = await daemonOf(life);
    process.kill(life.backend.pid ?? 0, 'SIGKILL');
    await untilSilent(life);
    await untilGone([daemon], 'the daemon');
    expect(life.backend.state).toBe('crashed');
  });

  test('is ended when the server is stopped, and waited for [supervise.tree]', async () => {
    const life = lives.startScript(`${STARTS_DAEMON} process.stdin.resume();`, { guard: makeGuard().guard });
    const daemon = await daemonOf(life);
    life.backend.stop();
    await untilSilent(life);
    expect(isAlive(daemon)).toBe(false);
    expect(life.backend.state).toBe('stopped');
  });

  test('is found also if it is started by the end of the server [supervise.tree]', async () => {
    const script = `process.stdin.resume().on('end', () => { ${STARTS_DAEMON} });`;
    const life = lives.startScript(script, { guard: makeGuard().guard });
    life.backend.stop();
    const daemon = await daemonOf(life);
    await untilSilent(life);
    expect(isAlive(daemon)).toBe(false);
    expect(stderrOf(life)).toContain('polite');
  });

  test('of another one lives on', async () => {
    const { guard } = makeGuard();
    const one = lives.startScript(`${STARTS_DAEMON} ${SERVER}`, { guard });
    const other = lives.startScript(`${STARTS_DAEMON} ${SERVER}`, { guard });
    const [daemon, spared] = [await daemonOf(one), await daemonOf(other)];
    one.backend.kill();
    await untilSilent(one);
    await untilGone([daemon], 'the daemon');
    expect(isAlive(spared)).toBe(true);
  });
});

describe('the guard', () => {
  test('is armed before a server is spawned, told of it at once, and again when it is gone', async () => {
    const { guard, told } = makeGuard();
    const life = lives.startScript('process.stdin.resume();', { guard });
    const { pid } = life.backend;
    expect(told).toEqual(['arm', `add ${pid} ${process.execPath} -e process.stdin.resume();`]);
    life.backend.stop();
    expect(told).toHaveLength(2);
    await untilSilent(life);
    expect(told.slice(2)).toEqual([`remove ${pid}`]);
  });

  test('keeps a server that is being ended until the last of its group is gone', async () => {
    const { guard, told } = makeGuard();
    const life = lives.startFixture('grandchild', [], { guard });
    await lives.handshake(life);
    const pids: number[] = JSON.parse(await lives.call(life, 'pids'));
    const tree = lives.note(...pids);
    let left: Process[] | undefined;
    guard.remove = (pid) => {
      left = tree.filter(isAlive);
      told.push(`remove ${pid}`);
    };
    life.backend.stop();
    await untilSilent(life);
    expect(told.at(-1)).toBe(`remove ${life.backend.pid}`);
    expect(left).toEqual([]);
  });

  test('is told nothing of a server that could not be spawned', async () => {
    const { guard, told } = makeGuard();
    const life = lives.start(['/nowhere/server'], { guard });
    await untilSilent(life);
    expect(told).toEqual(['arm']);
  });
});

test('a server finds its mark in its environment, and no option of a bridge', async () => {
  const { guard } = makeGuard();
  const life = lives.startScript("console.error(Object.keys(process.env).join(' '))", { guard });
  await untilSilent(life);
  const [names = ''] = stderrOf(life);
  expect(names.split(' ')).toContain('_MCP_BRIDGE_BACKEND');
  expect(names).not.toMatch(/\bMCP_BRIDGE_/);
  expect(findProcess(life.backend.pid ?? 0)).toBeUndefined();
});
