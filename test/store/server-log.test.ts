// What servers say on stderr is kept, the last of it, and never in the way.
import { readdirSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ServerLog } from '../../src/store/server-log.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

const AT = new Date('2026-01-02T03:04:05.678Z');

test('a line is kept with its time and its session’s label, for the user alone [supervise.logs]', () => {
  const folder = makeTempFolder();
  const log = new ServerLog(folder.path);
  log.write('claude-code', 'listening ☃', AT);
  log.write('claude-code-2', '', AT);
  expect(folder.read('server.log')).toBe(
    '2026-01-02T03:04:05.678Z claude-code listening ☃\n2026-01-02T03:04:05.678Z claude-code-2 \n',
  );
  if (process.platform !== 'win32') expect(statSync(folder.at('server.log')).mode & 0o777).toBe(0o600);
});

test('lines follow those of the bridge before', () => {
  const folder = makeTempFolder();
  for (const text of ['a', 'b']) new ServerLog(folder.path).write('s', text, AT);
  expect(folder.read('server.log').match(/ s .$/gm)).toEqual([' s a', ' s b']);
});

test('the last lines are kept in two files, none larger than it may be [supervise.logs]', () => {
  const folder = makeTempFolder();
  let log = new ServerLog(folder.path, 1_000);
  for (let i = 0; i < 200; i += 1) {
    if (i % 30 === 0) {
      log.close();
      log = new ServerLog(folder.path, 1_000);
    }
    log.write('s', `ü${i}`, AT);
    expect(statSync(folder.at('server.log')).size).toBeLessThanOrEqual(1_000);
  }
  expect(readdirSync(folder.path).sort()).toEqual(['server.log', 'server.old.log']);
  const kept =
    (folder.read('server.old.log') + folder.read('server.log')).match(/(?<=ü)\d+/g)?.map(Number) ?? [];
  expect(kept).toEqual(Array.from(kept, (_, i) => 200 - kept.length + i));
  expect(kept.length).toBeGreaterThan(1_000 / 32);
});

test('5 MiB make a file full', () => {
  const folder = makeTempFolder();
  const log = new ServerLog(folder.path);
  for (let i = 0; i < 6; i += 1) log.write('s', 'x'.repeat(1024 * 1024 - 40), AT);
  expect(statSync(folder.at('server.old.log')).size).toBeGreaterThan(4.9 * 1024 * 1024);
  expect(statSync(folder.at('server.log')).size).toBeLessThanOrEqual(1024 * 1024);
});

test('what cannot be written is left out, and the next line may be written again', () => {
  const folder = makeTempFolder();
  const log = new ServerLog(folder.at('later'));
  log.write('s', 'a', AT);
  folder.write('later/other', '');
  log.write('s', 'b', AT);
  log.close();
  log.write('s', 'c', AT);
  expect(folder.read('later/server.log')).toBe(`${AT.toISOString()} s b\n`);
});
