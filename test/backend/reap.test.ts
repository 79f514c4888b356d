// What an earlier bridge left behind: ended by the next one, and nothing else.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { readGroups, writeGroups } from '../../src/backend/groups.js';
import { Guard } from '../../src/backend/guard.js';
import { type ProcessEntry, readProcess } from '../../src/system/processes.js';
import { startOf } from '../../src/system/started.js';
import { startOrphan } from '../helpers/orphans.js';
import { findProcess, isAlive, untilGone } from '../helpers/processes.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const onLinux = describe.runIf(process.platform === 'linux');

const FOR_EVER = 'setInterval(() => {}, 1000);';
const VARIABLE = '_MCP_BRIDGE_BACKEND';

function makeGuard(mark: string, file?: string): Guard {
  const guard = new Guard({ mark, file });
  onTestFinished(() => guard.close());
  return guard;
}

/** A mark of this test, and one that a guard gives which has that mark. */
function makeMark() {
  const mark = `test-${randomUUID()}`;
  return { mark, earlier: makeGuard(mark).newMark() };
}

function ancestors(): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  for (let one = readProcess(process.ppid); one; one = readProcess(one.parent)) found.push(one);
  return found;
}

onLinux('what carries a mark of an earlier life', () => {
  test('is ended, whatever group it is in [cli.stop]', async () => {
    const { mark, earlier } = makeMark();
    const orphans = [startOrphan(FOR_EVER, { [VARIABLE]: earlier })];
    orphans.push(startOrphan(FOR_EVER, { [VARIABLE]: makeGuard(mark).newMark() }));
    const reaped = await makeGuard(mark).reap();
    expect(orphans.map(isAlive)).toEqual([false, false]);
    expect(reaped).toEqual(
      expect.arrayContaining(
        orphans.map(({ pid }) => ({ pid, command: `${process.execPath} -e ${FOR_EVER}` })),
      ),
    );
    expect(reaped).toHaveLength(2);
  });

  test('is killed if SIGTERM does not end it, and so is what it starts meanwhile [cli.stop]', async () => {
    const { mark, earlier } = makeMark();
    const folder = makeTempFolder();
    const respawns = `
      require('node:fs').writeFileSync(${JSON.stringify(folder.at('up'))}, '');
      process.on('SIGTERM', () => {
        const options = { detached: true, stdio: 'ignore' };
        const { pid } = require('node:child_process').spawn('sleep', ['1000'], options);
        require('node:fs').writeFileSync(${JSON.stringify(folder.at('child'))}, String(pid));
      });`;
    const orphan = startOrphan(`${FOR_EVER} ${respawns}`, { [VARIABLE]: earlier });
    await until(() => readdirSync(folder.path).includes('up'), 'its handler');
    const reaped = await makeGuard(mark).reap();
    expect(isAlive(orphan)).toBe(false);
    const child = Number(folder.read('child'));
    expect(findProcess(child)).toBeUndefined();
    expect(reaped.map(({ pid }) => pid)).toEqual([orphan.pid, child]);
  });

  test('is left alone if it is of another bridge, or of this one', async () => {
    const { mark } = makeMark();
    const guard = makeGuard(mark);
    const ours = startOrphan(FOR_EVER, { [VARIABLE]: guard.newMark() });
    const others = startOrphan(FOR_EVER, { [VARIABLE]: makeGuard(`${mark}-2`).newMark() });
    const named = startOrphan(FOR_EVER, { OTHER: `${VARIABLE}=${makeGuard(mark).newMark()}` });
    expect(await guard.reap()).toEqual([]);
    expect([ours, others, named].map(isAlive)).toEqual([true, true, true]);
  });

  test('is left alone if this bridge has started it', async () => {
    const { mark, earlier } = makeMark();
    const child = spawn(process.execPath, ['-e', FOR_EVER], {
      env: { [VARIABLE]: earlier },
      stdio: 'ignore',
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    expect(await makeGuard(mark).reap()).toEqual([]);
    expect(child.exitCode ?? child.signalCode).toBeNull();
  });
});

onLinux('what was written down', () => {
  test('is ended by the next one, its whole group, and reported with its command [cli.stop]', async () => {
    const { mark } = makeMark();
    const folder = makeTempFolder();
    const file = folder.at('children.json');
    const family = `const { pid } = require('node:child_process').spawn('sleep', ['1000'], { stdio: 'ignore' });
      require('node:fs').writeFileSync(${JSON.stringify(folder.at('child'))}, String(pid)); ${FOR_EVER}`;
    const orphan = startOrphan(family);
    await until(() => readdirSync(folder.path).includes('child') && folder.read('child'), 'its child');
    makeGuard(mark, file).add(orphan.pid, 'node server.js');

    const next = makeGuard(mark, file);
    expect(await next.reap()).toEqual([{ pid: orphan.pid, command: 'node server.js' }]);
    expect(isAlive(orphan)).toBe(false);
    expect(findProcess(Number(folder.read('child')))).toBeUndefined();
    expect(readGroups(file)).toEqual([]);
  });

  test('is looked for by its mark too where the bridge was killed before it could write', async () => {
    const { mark, earlier } = makeMark();
    const file = makeTempFolder().at('children.json');
    const orphan = startOrphan(FOR_EVER, { [VARIABLE]: earlier });
    expect(await makeGuard(mark, file).reap()).toEqual([]);
    const next = new Guard({ mark, file, wasKilled: true });
    onTestFinished(() => next.close());
    expect(await next.reap()).toMatchObject([{ pid: orphan.pid }]);
    expect(isAlive(orphan)).toBe(false);
  });

  test('stays written down until it is ended', () => {
    const { mark } = makeMark();
    const file = makeTempFolder().at('children.json');
    const [one, two] = [startOrphan(FOR_EVER), startOrphan(FOR_EVER)];
    makeGuard(mark, file).add(one.pid, 'one');
    const next = makeGuard(mark, file);
    next.add(two.pid, 'two');
    expect(readGroups(file).map(({ command }) => command)).toEqual(['one', 'two']);
    next.remove(two.pid);
    expect(readGroups(file).map(({ command }) => command)).toEqual(['one']);
  });

  test('is left alone if the number is another process by now', async () => {
    const { mark } = makeMark();
    const file = makeTempFolder().at('children.json');
    const orphan = startOrphan(FOR_EVER);
    const startedAt = startOf(orphan.pid) ?? '';
    writeGroups(file, [{ pid: orphan.pid, startedAt: `${startedAt}0`, command: 'another' }]);
    expect(await makeGuard(mark, file).reap()).toEqual([]);
    writeGroups(file, [
      { pid: orphan.pid, startedAt: startedAt.replace(/^\S+/, 'boot'), command: 'another' },
    ]);
    expect(await makeGuard(mark, file).reap()).toEqual([]);
    expect(isAlive(orphan)).toBe(true);
  });

  test('is left alone if this bridge was started by it', async ({ skip }) => {
    const { mark } = makeMark();
    const file = makeTempFolder().at('children.json');
    const leader = ancestors().find(({ pid, group }) => pid === group && pid > 1);
    const pid = leader?.pid ?? skip('no ancestor leads a group');
    writeGroups(file, [{ pid, startedAt: startOf(pid) ?? '', command: 'an earlier server' }]);
    // If it were not left alone, that would end the test.
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    onTestFinished(() => kill.mockRestore());
    expect(await makeGuard(mark, file).reap()).toEqual([]);
    expect(kill.mock.calls.filter(([, signal]) => signal !== 0)).toEqual([]);
  });

  test('and carries a mark too is signalled and told once', async () => {
    const { mark, earlier } = makeMark();
    const folder = makeTempFolder();
    const counts = `let n = 0; process.on('SIGTERM', () => {
      require('node:fs').writeFileSync(${JSON.stringify(folder.at('terms'))}, String(++n)); setTimeout(process.exit, 300); });
      require('node:fs').writeFileSync(${JSON.stringify(folder.at('up'))}, ''); ${FOR_EVER}`;
    const orphan = startOrphan(counts, { [VARIABLE]: earlier });
    await until(() => readdirSync(folder.path).includes('up'), 'its handler');
    const file = folder.at('children.json');
    makeGuard(mark, file).add(orphan.pid, 'node server.js');
    expect(await makeGuard(mark, file).reap()).toEqual([{ pid: orphan.pid, command: 'node server.js' }]);
    expect(folder.read('terms')).toBe('1');
    await untilGone([orphan], 'the orphan');
  });
});

describe('the file', () => {
  test.skipIf(process.platform === 'win32')('is for its user alone, and nothing is left beside it', () => {
    const folder = makeTempFolder();
    const file = folder.at('children.json');
    const groups = [{ pid: 12, startedAt: 'boot 1', command: 'sh -c "x"' }];
    writeGroups(file, groups);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path)).toEqual(['children.json']);
    expect(readGroups(file)).toEqual(groups);
  });

  test('that cannot be written or read is none', () => {
    const file = makeTempFolder().at('nowhere/children.json');
    writeGroups(file, []);
    expect(readGroups(file)).toEqual([]);
  });

  test.each([
    ['', 'empty'],
    ['[{"pid":12,"startedAt":"1","comm', 'torn'],
    ['{"pid":12}', 'something else'],
    ['[null,7,{"pid":"12","startedAt":"1","command":""}]', 'without groups'],
    ['[{"pid":1,"startedAt":"1","command":""}]', 'about the first process of all'],
    ['[{"pid":-12,"startedAt":"1","command":""},{"pid":0,"startedAt":"1","command":""}]', 'of no groups'],
  ])('%j, which is %s, is nothing', (text) => {
    const folder = makeTempFolder({ 'children.json': text });
    expect(readGroups(folder.at('children.json'))).toEqual([]);
  });
});

test.skipIf(process.platform === 'win32')(
  'the start of a process is the same each time, and no other has it',
  () => {
    expect(startOf(process.pid)).toBe(startOf(process.pid));
    expect(startOf(process.pid)).toMatch(/\S/);
    expect(startOf(2 ** 22 + 1)).toBeUndefined();
  },
);
