// Where the system gives no more file events, and what is left behind in the end.
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { EventSource, OpenEvents } from '../../src/watch/feed.js';
import { openChokidar } from '../../src/watch/files.js';
import { isAnyRemote, limitBehind } from '../../src/watch/polling.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';
import { makeStandalone, runScript } from './standalone.js';
import { watching } from './watching.js';

const PLAN = `{ cwd: process.argv[1] + '/..', paths: ['project'], explicit: false, extensions: ['js'], ignore: [], never: [],
  delay: 100, poll: false, gitignore: true }`;

describe('when file watches run out [watch.limits]', () => {
  /** Events as usual, but each folder beyond the limit gives an error, at the start or later. */
  function limited(code: string, opened: boolean[]): { openEvents: OpenEvents; hit(): void } {
    let hit = () => {};
    const openEvents: OpenEvents = (request, doors) => {
      opened.push(request.isPolling);
      const source = openChokidar(request, doors);
      hit = () => {
        for (let path = 0; path < 3; path += 1) doors.onError(Object.assign(new Error(code), { code }));
      };
      return source;
    };
    return { openEvents, hit: () => hit() };
  }

  test('at the start, it is said once with the command that helps, and files are polled', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const opened: boolean[] = [];
    const { openEvents, hit } = limited('ENOSPC', opened);
    const atOnce: OpenEvents = (request, doors) => {
      const source = openEvents(request, doors);
      if (!request.isPolling) hit();
      return source;
    };
    const watch = await watching(folder, {}, { openEvents: atOnce });
    expect(opened).toEqual([false, true]);
    expect(watch.reports).toEqual([
      { kind: 'watch.limited', ...limitBehind('ENOSPC') },
      { kind: 'watch.ready', files: 1, polls: 'limited' },
    ]);
    folder.write('a.js', 'two');
    expect(await watch.next()).toEqual(['a.js']);
  });

  test('later, files are polled from then on, and what changed in between is found', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const opened: boolean[] = [];
    const { openEvents, hit } = limited('EMFILE', opened);
    let isDeaf = false;
    const deaf: OpenEvents = (request, doors) => {
      const hear = {
        ...doors,
        onEvent: (...event: [string, string | undefined]) => isDeaf || doors.onEvent(...event),
      };
      return openEvents(request, hear);
    };
    const watch = await watching(folder, {}, { openEvents: deaf });
    isDeaf = true;
    folder.write('a.js', 'two');
    hit();
    expect(await watch.next()).toEqual(['a.js']);
    expect(opened).toEqual([false, true]);
    expect(watch.reports.map(({ kind }) => kind)).toEqual(['watch.ready', 'watch.limited']);
  });

  test('the command names the limit that was hit', () => {
    if (process.platform !== 'linux') return;
    const watches = limitBehind('ENOSPC');
    expect(watches).toMatchObject({ name: 'fs.inotify.max_user_watches', value: expect.any(Number) });
    expect(watches.command).toMatch(/^sudo sysctl fs\.inotify\.max_user_watches=\d+$/);
    expect(limitBehind('EMFILE').command).toMatch(/^sudo sysctl fs\.inotify\.max_user_instances=\d+$/);
  });

  const unshare = [
    'unshare',
    '-Ur',
    'sh',
    '-c',
    'echo 3 > /proc/sys/user/max_inotify_watches && exec "$0" "$@"',
  ];
  const canLimit = spawnSync(unshare[0] ?? '', [...unshare.slice(1), 'true']).status === 0;

  test.skipIf(!canLimit)('of the system itself, changes are still heard of', async () => {
    const folder = makeStandalone();
    for (let i = 0; i < 30; i += 1) folder.write(`project/${i}/a.js`, '1');
    const script = `
      import { writeFileSync } from 'node:fs';
      import { watchFiles } from './watch/files.js';
      const kinds = [];
      const watcher = watchFiles(${PLAN}, {
        onTouched() {},
        onSettled(change) { console.log(kinds.join(), change.paths.join()); watcher.close(); },
        report({ kind, polls }) { kinds.push(polls ?? kind); },
      });
      await watcher.ready;
      writeFileSync(new URL('project/29/a.js', import.meta.url), 'two');`;
    expect(await runScript(folder, script, unshare)).toBe('watch.limited,limited project/29/a.js\n');
  });
});

describe('polling', () => {
  test('can be asked for', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const watch = await watching(folder, { poll: true });
    expect(watch.reports).toEqual([{ kind: 'watch.ready', files: 1, polls: 'asked' }]);
    folder.write('a.js', 'two');
    expect(await watch.next()).toEqual(['a.js']);
    folder.write('new/b.js', '1');
    expect(await watch.next()).toEqual(['new/b.js']);
  });

  test('is not for folders on this machine', async () => {
    expect(await isAnyRemote([makeTempFolder().path, '/nowhere'])).toBe(false);
  });
});

describe('events that are lost', () => {
  const silent: OpenEvents = (): EventSource => ({
    ready: Promise.resolve(),
    close: () => Promise.resolve(),
  });

  test('of a file that is watched by name are made up for', async () => {
    const folder = makeTempFolder({ 'server.js': '1' });
    const watch = await watching(folder, { paths: ['server.js'] }, { openEvents: silent });
    folder.write('server.js', 'two');
    expect(await watch.next()).toEqual(['server.js']);
    await until(() => !watch.watcher.isSettling, 'rest');
    expect(watch.touched).toEqual(['server.js']);
  });

  test('in a folder that was made anew are made up for', async () => {
    const folder = makeTempFolder({ 'src/a.js': '1' });
    const watch = await watching(folder, { paths: ['src'] }, { openEvents: silent });
    folder.remove('src');
    folder.write('src/a.js', 'two');
    expect(await watch.next()).toEqual(['src/a.js']);
  });

  test('where polling begins are made up for', async () => {
    const folder = makeTempFolder({ 'src/a.js': '1' });
    const watch = await watching(folder, { poll: true }, { openEvents: silent });
    folder.write('src/a.js', 'two');
    expect(await watch.next()).toEqual(['src/a.js']);
  });

  test('of a file that was not there are made up for', async () => {
    const folder = makeTempFolder();
    const watch = await watching(folder, { paths: ['debug/server'] });
    folder.write('debug/server', '1');
    expect(await watch.next()).toEqual(['debug/server']);
    folder.write('debug/server', 'two');
    expect(await watch.next()).toEqual(['debug/server']);
  });
});

describe('the end', () => {
  test('leaves nothing that keeps the process, at whatever moment it comes', async () => {
    const folder = makeStandalone();
    for (let i = 0; i < 10; i += 1) folder.write(`project/${i}/a.js`, '1');
    const script = `
      import { writeFileSync } from 'node:fs';
      import { setTimeout as sleep } from 'node:timers/promises';
      import { watchFiles } from './watch/files.js';
      const watch = (poll) => watchFiles({ ...${PLAN}, poll }, { onTouched() {}, onSettled() {}, report() {} });
      await watch(false).close();
      for (const ms of [1, 20, 60]) {
        const opening = watch(false);
        await sleep(ms);
        await opening.close();
        await opening.ready;
      }
      const settling = watch(false);
      const polling = watch(true);
      await settling.ready;
      await polling.ready;
      writeFileSync(new URL('project/3/a.js', import.meta.url), 'two');
      await sleep(20);
      await settling.close();
      await polling.close();
      const closed = performance.now();
      process.on('exit', () => console.log(performance.now() - closed < 2000 ? 'ended' : 'lingered'));`;
    expect(await runScript(folder, script)).toBe('ended\n');
  });
});
