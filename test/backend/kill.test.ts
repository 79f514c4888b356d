// The end of a process tree, on trees that nobody supervises.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { isTreeGone, signalTree, findEscaped as whatEscaped } from '../../src/backend/kill.js';
import { descendantsOf, findProcess, isAlive, type Process, untilGone } from '../helpers/processes.js';
import { until } from '../helpers/until.js';

const isLinux = process.platform === 'linux';
const FOR_EVER = 'setInterval(() => {}, 1000);';
const SPAWN = `const { spawn } = require('node:child_process');`;

const seen: Process[] = [];

function findEscaped(pid: number): number[] {
  return whatEscaped(pid).map((one) => one.pid);
}

afterEach(async () => {
  for (const one of seen) if (isAlive(one)) process.kill(one.pid, 'SIGKILL');
  await untilGone(seen.splice(0), 'all that the test started');
});

/** A leader of a group of its own that runs `script`, and the first line that it writes: pids, as JSON. */
async function startTree(script: string): Promise<{ leader: Process; others: Process[] }> {
  const child = spawn(process.execPath, ['-e', script], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [pids, leader] = await Promise.all([firstLine(child), noted(child.pid ?? 0)]);
  return { leader, others: await Promise.all(JSON.parse(pids).map(noted)) };
}

async function firstLine({ stdout }: ChildProcessByStdio<Writable, Readable, null>): Promise<string> {
  for await (const line of createInterface({ input: stdout })) return line;
  throw new Error('It ended without a line.');
}

async function noted(pid: number): Promise<Process> {
  const found = await until(() => findProcess(pid), `process ${pid}`);
  seen.push(found);
  return found;
}

/** A child that does what `script` says, and that `options` set free or not; its pid is printed by the leader. */
function leaderOf(script: string, options: object): string {
  const args = JSON.stringify(['-e', script]);
  return `
    ${SPAWN}
    const child = spawn(process.execPath, ${args}, ${JSON.stringify({ stdio: ['ignore', 'pipe', 'inherit'], ...options })});
    child.stdout.once('data', () => console.log(JSON.stringify([child.pid])));
    ${FOR_EVER}
  `;
}

const CHILD = `process.on('SIGTERM', () => {}); ${FOR_EVER} console.log('up');`;

describe('a tree in one group', () => {
  test('is there until its last process is gone, and nothing of it has escaped', async () => {
    const { leader, others } = await startTree(leaderOf(CHILD, {}));
    expect(isTreeGone(leader.pid)).toBe(false);
    expect(findEscaped(leader.pid)).toEqual([]);
    signalTree(leader.pid, 'SIGTERM');
    await untilGone([leader], 'the leader');
    expect(others.map(isAlive)).toEqual([true]);
    expect(isTreeGone(leader.pid)).toBe(false);
    signalTree(leader.pid, 'SIGKILL');
    await until(() => isTreeGone(leader.pid), 'the end of the tree');
    expect(others.map(isAlive)).toEqual([false]);
  });

  test('that is gone can be signalled without an error', async () => {
    const { leader } = await startTree(`console.log('[]'); ${FOR_EVER}`);
    signalTree(leader.pid, 'SIGKILL');
    await untilGone([leader], 'the leader');
    await until(() => isTreeGone(leader.pid), 'the end of the tree');
    signalTree(leader.pid, 'SIGTERM');
    signalTree(leader.pid, 'SIGKILL', [leader.pid]);
  });
});

describe.runIf(isLinux)('what left the group', () => {
  test('is found while the leader lives, ended with the tree, and waited for', async () => {
    const { leader, others } = await startTree(leaderOf(CHILD, { detached: true }));
    const escaped = findEscaped(leader.pid);
    expect(escaped).toEqual(others.map(({ pid }) => pid));
    signalTree(leader.pid, 'SIGKILL');
    await untilGone([leader], 'the leader');
    expect(isTreeGone(leader.pid)).toBe(true);
    expect(isTreeGone(leader.pid, escaped)).toBe(false);
    signalTree(leader.pid, 'SIGKILL', escaped);
    await until(() => isTreeGone(leader.pid, escaped), 'the end of what left the group');
    expect(others.map(isAlive)).toEqual([false]);
  });

  test('is found also below a child that stayed in it', async () => {
    const { leader, others } = await startTree(leaderOf(leaderOf(CHILD, { detached: true }), {}));
    const below = await Promise.all(descendantsOf(leader.pid).map(({ pid }) => noted(pid)));
    const escaped = below.filter(({ pid }) => pid !== others[0]?.pid);
    expect(escaped).toHaveLength(1);
    expect(findEscaped(leader.pid)).toEqual(escaped.map(({ pid }) => pid));
  });

  test('is found whatever it calls itself', async () => {
    const { leader, others } = await startTree(
      leaderOf(`process.title = 'a) Z 1 1 ('; ${CHILD}`, { detached: true }),
    );
    expect(findEscaped(leader.pid)).toEqual(others.map(({ pid }) => pid));
    expect(isTreeGone(others[0]?.pid ?? 0)).toBe(false);
  });

  test('of a process that is not there is nothing', () => {
    expect(findEscaped(2 ** 22 + 1)).toEqual([]);
    expect(isTreeGone(2 ** 22 + 1)).toBe(true);
  });
});

describe.runIf(isLinux)('a zombie', () => {
  // A shell that has become another program never learns that its child has ended.
  const PATIENT = String.raw`until grep -q sleep /proc/\$PPID/comm; do :; done; echo [\$\$]`;
  const NEGLIGENT = `
    ${SPAWN}
    const script = ${JSON.stringify(`setsid sh -c "${PATIENT}" & exec sleep 1000`)};
    spawn('sh', ['-c', script], { stdio: ['ignore', 'inherit', 'inherit'] });
    ${FOR_EVER}
  `;

  test('is gone, though its parent has not taken note of its end', async () => {
    const child = spawn(process.execPath, ['-e', NEGLIGENT], {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = await Promise.all([firstLine(child), noted(child.pid ?? 0)]);
    const [zombie]: [number] = JSON.parse(line);
    const sleeper = descendantsOf(child.pid ?? 0);
    seen.push(...sleeper);
    await until(() => findProcess(zombie) === undefined, `the end of ${zombie}`);
    expect(() => process.kill(zombie, 0)).not.toThrow();
    expect(isTreeGone(zombie)).toBe(true);
    expect(isTreeGone(child.pid ?? 0, [zombie])).toBe(false);
  });
});
