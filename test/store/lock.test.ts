// The lock of a state folder: who has it, what is left of those who had it, and two who come at once.
import * as fs from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { holderOf, takeLock } from '../../src/store/lock.js';
import { isRunningSince, startOf } from '../../src/system/started.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, linkSync: vi.fn(real.linkSync), renameSync: vi.fn(real.renameSync) };
});

afterEach(() => {
  vi.mocked(fs.linkSync).mockReset();
  vi.mocked(fs.renameSync).mockReset();
});

/** Above the highest process id that Linux gives. */
const NOBODY = 2 ** 22 + 1;

function makeFile(content?: string) {
  const folder = makeTempFolder();
  const file = folder.at('bridge.lock');
  if (content !== undefined) {
    folder.write('bridge.lock', content);
    fs.utimesSync(file, 0, 0);
  }
  return { file, folder, names: () => fs.readdirSync(folder.path) };
}

function take(file: string) {
  const result = takeLock(file, '/project');
  if (!result.ok) throw new Error(`held by ${result.holder.pid}`);
  return result.lock;
}

const withoutLinks = () =>
  vi.mocked(fs.linkSync).mockImplementation(() => {
    throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
  });

test.each(['with', 'without'])(
  'a lock names who has it, and is gone when it is released, %s links',
  (links) => {
    if (links === 'without') withoutLinks();
    const { file, names } = makeFile();
    const lock = take(file);
    const holder = { pid: process.pid, started: startOf(process.pid), project: '/project' };
    expect(takeLock(file, '/other')).toMatchObject({ ok: false, holder });
    expect(holderOf(file)).toEqual(holder);
    expect(names()).toEqual(['bridge.lock']);
    if (process.platform !== 'win32') expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    lock.release();
    lock.release();
    expect(names()).toEqual([]);
    expect(holderOf(file)).toBeUndefined();
  },
);

test.each([
  ['a process that is gone', `{"pid":${NOBODY}}`],
  ['a process whose number was given again', `{"pid":${process.pid},"started":"before"}`],
  ['nobody', ''],
  ['no number', '{"pid":"1"}'],
  ['all processes', '{"pid":-1}'],
  ['what is no JSON', '\0\0\0'],
])('a lock that names %s is taken over', (_, content) => {
  const { file, names } = makeFile(content);
  take(file);
  expect(holderOf(file)?.pid).toBe(process.pid);
  expect(names()).toEqual(['bridge.lock']);
});

test('it is told whether who had it before has released it', () => {
  const left = makeFile(JSON.stringify({ pid: NOBODY, started: '1' }));
  expect(takeLock(left.file, '/project')).toMatchObject({ ok: true, isTakenOver: true });
  const released = makeFile();
  take(released.file).release();
  expect(takeLock(released.file, '/project')).toMatchObject({ ok: true, isTakenOver: false });
});

test('a lock is held until it is another, or gone; one that cannot be read is', () => {
  const { file, folder } = makeFile();
  const lock = take(file);
  expect(lock.isHeld()).toBe(true);
  fs.rmSync(file);
  fs.mkdirSync(file);
  expect(lock.isHeld()).toBe(true);
  lock.release();
  fs.rmdirSync(file);
  expect(lock.isHeld()).toBe(false);
  folder.write('bridge.lock', '{"pid":1}');
  expect(lock.isHeld()).toBe(false);
});

test('a lock of a process whose start is not known is left to it', () => {
  const { file } = makeFile(`{"pid":${process.pid}}`);
  expect(takeLock(file, '/project')).toMatchObject({ ok: false, holder: { pid: process.pid } });
});

test('a lock that is empty for a moment is about to be written', () => {
  const { file, folder } = makeFile();
  withoutLinks();
  const started = performance.now();
  folder.write('bridge.lock', '');
  take(file);
  expect(performance.now() - started).toBeGreaterThan(500);
});

test('a newcomer that took over just before keeps its lock', () => {
  const { file, folder, names } = makeFile(`{"pid":${NOBODY}}`);
  const other = `{"pid":${process.ppid}}`;
  vi.mocked(fs.renameSync).mockImplementationOnce((from, to) => {
    folder.write('bridge.lock', other);
    fs.cpSync(String(from), String(to));
    fs.rmSync(String(from));
  });
  expect(takeLock(file, '/project')).toMatchObject({ ok: false, holder: { pid: process.ppid } });
  expect([folder.read('bridge.lock'), names()]).toEqual([other, ['bridge.lock']]);
});

test('a release leaves the lock of another', () => {
  const { file, folder } = makeFile();
  const lock = take(file);
  folder.write('bridge.lock', 'of another');
  lock.release();
  expect(folder.read('bridge.lock')).toBe('of another');
});

test('a lock in a folder that is not there is an error', () => {
  const { folder } = makeFile();
  expect(() => takeLock(folder.at('no/bridge.lock'), '/project')).toThrow('ENOENT');
});

test('a process runs that started when it is said to have; of one that is not known, any does', () => {
  expect(isRunningSince(process.pid, startOf(process.pid))).toBe(true);
  expect(isRunningSince(process.pid, undefined)).toBe(true);
  expect(isRunningSince(NOBODY, undefined)).toBe(false);
  if (process.platform === 'win32') return;
  expect(isRunningSince(process.pid, 'before')).toBe(false);
  expect(startOf(process.pid)).not.toBe(startOf(1));
});
