// Real files, real events: what counts as a change, and when.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { makeTempFolder, type TempFolder } from '../helpers/temp-folder.js';
import { watching } from './watching.js';

describe('one save [watch.settle]', () => {
  test('is told at its first event, and is one change when it is over', async () => {
    const folder = makeTempFolder({ 'src/a.js': '1' });
    const watch = await watching(folder);
    folder.write('src/a.js', '2');
    await watch.begun();
    expect(watch.touched).toEqual(['src/a.js']);
    expect(watch.watcher.isSettling).toBe(true);
    expect(watch.settled).toEqual([]);
    expect(await watch.next()).toEqual(['src/a.js']);
    expect(watch.watcher.isSettling).toBe(false);
    expect(await watch.rest()).toEqual([]);
  });

  test('by a file that is moved over the old one is one change, each time', async () => {
    const folder = makeTempFolder({ 'src/a.js': '1' });
    const watch = await watching(folder);
    for (const content of ['2', '3', '4']) {
      folder.replace('src/a.js', content);
      expect(await watch.next()).toEqual(['src/a.js']);
    }
    expect(await watch.rest()).toEqual([]);
  });

  test('that a formatter follows is one change', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const watch = await watching(folder, { delay: 400 });
    folder.write('a.js', 'x=2');
    await sleep(150);
    folder.write('a.js', 'x = 2;\n');
    expect(await watch.next()).toEqual(['a.js']);
    expect(await watch.rest()).toEqual([]);
  });

  test('of another file while the first one settles is part of the same change', async () => {
    const folder = makeTempFolder({ 'a.js': '1', 'b.js': '1' });
    const watch = await watching(folder, { delay: 400 });
    folder.write('b.js', '2');
    await watch.begun();
    folder.write('a.js', '2');
    expect(await watch.next()).toEqual(['a.js', 'b.js']);
    expect(watch.touched).toEqual(['b.js']);
    expect(await watch.rest()).toEqual([]);
  });

  test('of a new file in new folders is a change', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const watch = await watching(folder);
    folder.write('x/y/z/b.js', '1');
    expect(await watch.next()).toEqual(['x/y/z/b.js']);
    folder.write('x/y/z/b.js', '2');
    expect(await watch.next()).toEqual(['x/y/z/b.js']);
  });

  test('that removes a file is a change', async () => {
    const folder = makeTempFolder({ 'a.js': '1', 'b.js': '1' });
    const watch = await watching(folder);
    folder.remove('a.js');
    expect(await watch.next()).toEqual(['a.js']);
    expect(await watch.rest()).toEqual([]);
  });

  test('that is taken back before it settles is none', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const watch = await watching(folder);
    folder.write('a.js', '2');
    expect(await watch.next()).toEqual(['a.js']);
    folder.write('a.js', '3');
    await watch.begun();
    folder.write('a.js', '2');
    expect(await watch.next()).toBe('nothing');
  });

  test('while the watch is being set up is not lost', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const { openChokidar } = await import('../../src/watch/files.js');
    const watch = await watching(
      folder,
      {},
      {
        openEvents: (request, doors) => {
          folder.write('a.js', 'changed before there were events');
          return openChokidar(request, doors);
        },
      },
    );
    expect(await watch.next()).toEqual(['a.js']);
  });
});

describe('files that are touched and the same [watch.settle]', () => {
  async function hashed(): Promise<{ folder: TempFolder; watch: Awaited<ReturnType<typeof watching>> }> {
    const folder = makeTempFolder({ 'a.js': '1' });
    const watch = await watching(folder);
    folder.write('a.js', 'the same bytes');
    await watch.next();
    return { folder, watch };
  }

  test('with a new date are no change', async () => {
    const { folder, watch } = await hashed();
    utimesSync(folder.at('a.js'), new Date(), new Date());
    expect(await watch.next()).toBe('nothing');
  });

  test('with the same bytes written again are no change', async () => {
    const { folder, watch } = await hashed();
    folder.write('a.js', 'the same bytes');
    expect(await watch.next()).toBe('nothing');
    folder.replace('a.js', 'the same bytes');
    expect(await watch.next()).toBe('nothing');
  });

  test('removed and made again are no change', async () => {
    const { folder, watch } = await hashed();
    folder.remove('a.js');
    folder.write('a.js', 'the same bytes');
    expect(await watch.next()).toBe('nothing');
    expect(await watch.rest()).toEqual([]);
  });

  test('with other bytes of the same number are a change', async () => {
    const { folder, watch } = await hashed();
    folder.write('a.js', 'the SAME bytes');
    expect(await watch.next()).toEqual(['a.js']);
  });
});

describe('a file that takes time to write [watch.settle]', () => {
  test('is told of when it is complete', async () => {
    const folder = makeTempFolder({ 'big.js': '' });
    const watch = await watching(folder, { delay: 200 }, { look: () => statSync(folder.at('big.js')).size });
    for (let piece = 0; piece < 10; piece += 1) {
      appendFileSync(folder.at('big.js'), 'x'.repeat(1000));
      await sleep(50);
    }
    expect(await watch.next()).toEqual(['big.js']);
    expect(watch.seen).toEqual([10_000]);
    expect(await watch.rest()).toEqual([]);
  });

  test('is waited for until it may be executed, if it is run', async () => {
    const folder = makeTempFolder({ 'bin/server': 'one' });
    chmodSync(folder.at('bin/server'), 0o755);
    const mode = () => statSync(folder.at('bin/server')).mode & 0o111;
    const watch = await watching(
      folder,
      {
        paths: ['bin/server', 'sentinel.js'],
        executables: ['bin/server'],
        commands: ['bin/server'],
      },
      { look: mode },
    );
    folder.remove('bin/server');
    await watch.begun();
    await sleep(300);
    folder.write('bin/server', 'two');
    await sleep(300);
    chmodSync(folder.at('bin/server'), 0o755);
    expect(await watch.next()).toEqual(['bin/server']);
    expect(watch.seen).toEqual([0o111]);
    expect(await watch.rest()).toEqual([]);
  });

  test('is waited for until it is there, if another program runs it', async () => {
    const folder = makeTempFolder({ 'app.jar': 'one' });
    chmodSync(folder.at('app.jar'), 0o644);
    const isThere = () => existsSync(folder.at('app.jar'));
    const plan = { paths: ['app.jar', 'sentinel.js'], executables: ['app.jar'] };
    const watch = await watching(folder, plan, { look: isThere });
    folder.remove('app.jar');
    await watch.begun();
    await sleep(300);
    folder.write('app.jar', 'two');
    expect(await watch.next()).toEqual(['app.jar']);
    expect(watch.seen).toEqual([true]);
    expect(await watch.rest()).toEqual([]);
  });

  test('and is linked anew, as cargo does, is one change each time', async () => {
    const folder = makeTempFolder({ 'debug/server': 'v0' });
    chmodSync(folder.at('debug/server'), 0o755);
    const watch = await watching(folder, {
      paths: ['debug/server', 'sentinel.js'],
      executables: ['debug/server'],
      commands: ['debug/server'],
    });
    for (const version of ['v1', 'v2', 'v3', 'v4', 'v5']) {
      folder.write(`debug/deps/${version}`, version);
      chmodSync(folder.at(`debug/deps/${version}`), 0o755);
      folder.remove('debug/server');
      linkSync(folder.at(`debug/deps/${version}`), folder.at('debug/server'));
      expect(await watch.next()).toEqual(['debug/server']);
    }
    expect(await watch.rest()).toEqual([]);
  });
});

describe('git [watch.settle]', () => {
  const hasGit = spawnSync('git', ['--version']).status === 0;

  test.skipIf(!hasGit)('checking out 400 files is one change', async () => {
    const folder = makeTempFolder();
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
        cwd: folder.path,
        stdio: 'pipe',
      });
    const writeAll = (content: string) => {
      for (let i = 0; i < 400; i += 1) folder.write(`src/${i % 20}/${i}.js`, `${content} ${i}`);
    };
    git('init', '--quiet');
    writeAll('one');
    git('add', '.');
    git('commit', '--quiet', '-m', 'one');
    git('checkout', '--quiet', '-b', 'two');
    writeAll('two');
    git('commit', '--quiet', '-a', '-m', 'two');
    const watch = await watching(folder, { delay: 200 });
    git('checkout', '--quiet', '-');
    const told = await watch.next();
    expect(watch.counts).toEqual([400]);
    expect(told).toHaveLength(20);
    expect(await watch.rest()).toEqual([]);
  });

  test('is waited for while it has the index locked', async () => {
    const folder = makeTempFolder({ '.git/HEAD': '', 'a.js': '1' });
    const watch = await watching(folder, {}, { look: () => existsSync(folder.at('.git/index.lock')) });
    folder.write('.git/index.lock', '');
    folder.write('a.js', '2');
    await watch.begun();
    await sleep(300);
    folder.remove('.git/index.lock');
    expect(await watch.next()).toEqual(['a.js']);
    expect(watch.seen).toEqual([false]);
  });

  test('in a linked working tree is waited for too', async () => {
    const folder = makeTempFolder({
      'main/HEAD': '',
      'tree/.git': 'gitdir: ../main\n',
      'tree/a.js': '1',
      'tree/sentinel.js': '',
    });
    const isLocked = () => existsSync(folder.at('main/index.lock'));
    const watch = await watching(folder, { cwd: folder.at('tree') }, { look: isLocked });
    folder.write('main/index.lock', '');
    folder.write('tree/a.js', '2');
    await watch.begun();
    await sleep(300);
    folder.remove('main/index.lock');
    expect(await watch.next()).toEqual(['a.js']);
    expect(watch.seen).toEqual([false]);
  });

  test('is not waited for where an old lock was left behind', async () => {
    const folder = makeTempFolder({ '.git/index.lock': '', 'a.js': '1' });
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(folder.at('.git/index.lock'), longAgo, longAgo);
    const watch = await watching(folder);
    folder.write('a.js', '2');
    expect(await watch.next()).toEqual(['a.js']);
  });
});

describe('a folder in the place of another one', () => {
  /** What is written into it later must still be heard. */
  async function expectHeard(folder: TempFolder, watch: Awaited<ReturnType<typeof watching>>, file: string) {
    for (const content of ['heard', 'heard again']) {
      folder.write(file, content);
      expect(await watch.next()).toEqual([file]);
    }
  }

  test('that was removed and made again at once is watched', async () => {
    const folder = makeTempFolder({ 'src/gen/a.js': '1' });
    const watch = await watching(folder);
    folder.remove('src/gen');
    folder.write('src/gen/a.js', '2');
    expect(await watch.next()).toEqual(['src/gen/a.js']);
    await expectHeard(folder, watch, 'src/gen/a.js');
  });

  test('that was moved there is watched', async () => {
    const folder = makeTempFolder({ 'src/gen/a.js': '1' });
    const elsewhere = makeTempFolder({ 'gen/a.js': '2', 'gen/b.js': '2' });
    const watch = await watching(folder);
    renameSync(folder.at('src/gen'), elsewhere.at('old'));
    renameSync(elsewhere.at('gen'), folder.at('src/gen'));
    expect(await watch.next()).toEqual(['src/gen/a.js', 'src/gen/b.js']);
    await expectHeard(folder, watch, 'src/gen/b.js');
  });

  test('that is the root of a tree is watched', async () => {
    const folder = makeTempFolder({ 'dist/a.js': '1', 'sentinel.js': '' });
    const watch = await watching(folder, { paths: ['dist', 'sentinel.js'] });
    folder.remove('dist');
    folder.write('dist/a.js', '2');
    expect(await watch.next()).toEqual(['dist/a.js']);
    await expectHeard(folder, watch, 'dist/a.js');
  });

  test('is waited for if it is the root of a tree, and one change', async () => {
    const folder = makeTempFolder({ 'dist/a.js': '1', 'dist/b.js': '1', 'sentinel.js': '' });
    const watch = await watching(folder, { paths: ['dist', 'sentinel.js'] });
    folder.write('dist/b.js', 'the same bytes');
    await watch.next();
    folder.remove('dist');
    await watch.begun();
    await sleep(300);
    folder.write('dist/a.js', '2');
    folder.write('dist/b.js', 'the same bytes');
    expect(await watch.next()).toEqual(['dist/a.js']);
    await expectHeard(folder, watch, 'dist/b.js');
    expect(await watch.rest()).toEqual([]);
  });

  test('that was not there at the beginning is watched when it comes', async () => {
    const folder = makeTempFolder();
    const watch = await watching(folder, { paths: ['dist', 'sentinel.js'] });
    folder.write('dist/deep/a.js', '1');
    expect(await watch.next()).toEqual(['dist/deep/a.js']);
    await expectHeard(folder, watch, 'dist/deep/a.js');
  });
});

describe('what is watched', () => {
  test('is not what tools, builds, editors and tests write [watch.infer]', async () => {
    const folder = makeTempFolder({
      'src/a.js': '1',
      '.gitignore': 'generated/\n*.gen.js\n',
      'node_modules/x/i.js': '',
    });
    const watch = await watching(folder, { never: [folder.at('state')], ignore: ['secret', '*.private.js'] });
    const quiet = [
      ...[
        'node_modules/x/i.js',
        '.git/HEAD.js',
        '.cache/a.js',
        'target/debug/a.js',
        'dist/a.js',
        'build/a.js',
      ],
      ...[
        'generated/a.js',
        'src/a.gen.js',
        'src/.a.js.swp',
        'src/a.js~',
        'src/#a.js#',
        'src/4913',
        'src/a.js.tmp.12',
      ],
      ...[
        'src/a.test.js',
        'test/a.js',
        'src/__tests__/a.js',
        'state/a.js',
        'secret/a.js',
        'src/b.private.js',
      ],
      ...['src/a.txt', 'server.log', 'data.sqlite'],
    ];
    for (const file of quiet) folder.write(file, 'new');
    expect(await watch.rest()).toEqual([]);
    expect(watch.touched).toEqual(['sentinel.js']);
  });

  test('is what is named, whatever is ignored otherwise', async () => {
    const folder = makeTempFolder({
      '.gitignore': 'dist\nlocal.json\n',
      'dist/a.js': '1',
      'local.json': '1',
    });
    const watch = await watching(folder, { paths: ['dist', 'local.json', 'sentinel.js'], explicit: true });
    folder.write('dist/a.js', '2');
    expect(await watch.next()).toEqual(['dist/a.js']);
    folder.write('local.json', '2');
    expect(await watch.next()).toEqual(['local.json']);
  });

  test('is not what --ignore names, even if it is named', async () => {
    const folder = makeTempFolder({ 'a.js': '1', 'src/b.js': '1' });
    const watch = await watching(folder, {
      paths: ['a.js', 'src', 'sentinel.js'],
      explicit: true,
      ignore: ['a.js', 'src/*.js'],
    });
    folder.write('a.js', '2');
    folder.write('src/b.js', '2');
    expect(await watch.rest()).toEqual([]);
    expect(watch.touched).toEqual(['sentinel.js']);
  });

  test('is what a glob means', async () => {
    const folder = makeTempFolder({
      'src/a.js': '1',
      'src/deep/b.js': '1',
      'src/c.txt': '1',
      'other/a.js': '1',
    });
    const watch = await watching(folder, { paths: ['src/**/*.js', '*.js'], explicit: true });
    for (const file of ['src/c.txt', 'other/a.js', 'src/deep/d.css']) folder.write(file, '2');
    expect(await watch.rest()).toEqual([]);
    folder.write('src/deep/b.js', '2');
    expect(await watch.next()).toEqual(['src/deep/b.js']);
    folder.write('src/new/c.js', '2');
    expect(await watch.next()).toEqual(['src/new/c.js']);
  });

  test('is a file by its name only, and its neighbours cost nothing', async () => {
    const folder = makeTempFolder({
      'server.js': '1',
      'other.js': '1',
      'deep/other.js': '1',
      'sentinel.js': '',
    });
    const watch = await watching(folder, { paths: ['server.js', 'sentinel.js'] });
    folder.write('other.js', '2');
    folder.write('deep/other.js', '2');
    expect(await watch.rest()).toEqual([]);
    folder.write('server.js', '2');
    expect(await watch.next()).toEqual(['server.js']);
  });

  test('is what .gitignore names no more', async () => {
    const folder = makeTempFolder({ '.gitignore': 'lib\n', 'lib/a.js': '1', 'a.js': '1' });
    const watch = await watching(folder);
    folder.write('lib/a.js', '2');
    expect(await watch.rest()).toEqual([]);
    folder.write('.gitignore', '');
    expect(await watch.next()).toEqual(['lib/a.js']);
    folder.write('lib/a.js', '3');
    expect(await watch.next()).toEqual(['lib/a.js']);
  });

  test('can lead in a circle of links', async () => {
    const folder = makeTempFolder({ 'src/a.js': '1' });
    symlinkSync(folder.path, folder.at('src/self'));
    const watch = await watching(folder);
    folder.write('src/a.js', '2');
    expect(await watch.next()).toContain('src/a.js');
  });

  test('is never the whole disk or the whole home', async () => {
    const folder = makeTempFolder({ 'sentinel.js': '' });
    const watch = await watching(folder, { paths: ['/', os.homedir(), 'sentinel.js'], explicit: true });
    expect(watch.reports).toMatchObject([
      { kind: 'watch.refused', folder: '/' },
      { kind: 'watch.refused', folder: os.homedir() },
      { kind: 'watch.ready', files: 1 },
    ]);
  });
});

describe('what is named and not there', () => {
  const missingIn = (watch: Awaited<ReturnType<typeof watching>>) =>
    watch.reports.filter(({ kind }) => kind === 'watch.missing');

  test('is told of once, by where it was looked for, and is watched when it comes', async () => {
    const folder = makeTempFolder({ 'src/a.js': '1', 'sentinel.js': '' });
    const paths = ['srcs', 'src', '../none.json', '*.ts', 'src/*.js', 'sentinel.js'];
    const watch = await watching(folder, { paths, explicit: true, cwd: folder.path });
    const missing = ['srcs', '../none.json', '*.ts'].map((name) => path.resolve(folder.path, name));
    expect(missingIn(watch)).toEqual([{ kind: 'watch.missing', paths: missing }]);
    for (const file of ['srcs/b.js', 'c.ts']) {
      folder.write(file, '1');
      expect(await watch.next()).toEqual([file]);
    }
    expect(missingIn(watch)).toHaveLength(1);
  });

  test('is not told of if all is there, or nobody named it', async () => {
    const folder = makeTempFolder({ 'src/[a].js': '1' });
    const named = await watching(folder, { paths: ['src/[a].js', '**/*.js', '.'], explicit: true });
    expect(missingIn(named)).toEqual([]);
    expect(missingIn(await watching(folder, { paths: ['srcs', '.'] }))).toEqual([]);
  });
});

describe('a pause [watch.pause]', () => {
  test('notes what changes, and its end makes one change of it', async () => {
    const folder = makeTempFolder({ 'a.js': '1', 'b.js': '1' });
    const watch = await watching(folder);
    watch.watcher.pause();
    folder.write('a.js', '2');
    await sleep(200);
    folder.write('b.js', '2');
    await sleep(200);
    expect(watch.touched).toEqual([]);
    watch.watcher.resume();
    expect(watch.touched).toHaveLength(1);
    expect(await watch.next()).toEqual(['a.js', 'b.js']);
    expect(await watch.rest()).toEqual([]);
  });

  test('does not tell at its end of what was taken up meanwhile, but of what changed after that', async () => {
    const folder = makeTempFolder({ 'a.js': '1', 'b.js': '1', 'gone.js': '1' });
    const watch = await watching(folder);
    watch.watcher.pause();
    folder.write('a.js', '2');
    folder.write('b.js', '2');
    folder.write('new/folder/c.js', '1');
    folder.remove('gone.js');
    await sleep(200);
    watch.watcher.takeUp();
    await sleep(200);
    folder.write('b.js', '3');
    await sleep(200);
    watch.watcher.resume();
    expect(await watch.rest()).toEqual([['b.js']]);
    watch.watcher.pause();
    watch.watcher.takeUp();
    await sleep(200);
    watch.watcher.resume();
    expect(await watch.rest()).toEqual([]);
  });

  test('lets go of a batch that has begun, and tells of it later', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const watch = await watching(folder);
    folder.write('a.js', '2');
    await watch.begun();
    watch.watcher.pause();
    expect(watch.settled).toEqual(['nothing']);
    expect(watch.watcher.isSettling).toBe(false);
    await watch.next();
    watch.watcher.resume();
    expect(await watch.next()).toEqual(['a.js']);
  });

  test('in which a folder was replaced ends with a watch over the new one', async () => {
    const folder = makeTempFolder({ 'src/gen/a.js': '1' });
    const watch = await watching(folder);
    watch.watcher.pause();
    folder.remove('src/gen');
    folder.write('src/gen/a.js', '2');
    folder.write('src/gen/b.js', '2');
    await sleep(200);
    watch.watcher.resume();
    expect(await watch.next()).toEqual(['src/gen/a.js', 'src/gen/b.js']);
    folder.write('src/gen/c.js', '3');
    expect(await watch.next()).toEqual(['src/gen/c.js']);
  });

  test('in which nothing happened ends in silence', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const watch = await watching(folder);
    watch.watcher.pause();
    watch.watcher.resume();
    expect(await watch.rest()).toEqual([]);
    expect(watch.touched).toEqual(['sentinel.js']);
  });
});

describe('a writer in circles [watch.loop]', () => {
  /** What becomes of a file that is written once after each of so many starts. */
  async function writeAfterStarts(file: string, explicit: boolean) {
    const folder = makeTempFolder({ [file]: '0', 'sentinel.js': '' });
    const watch = await watching(folder, { explicit });
    for (const content of ['1', '2', '3']) {
      watch.watcher.mark('started');
      folder.write(file, content);
      await watch.next();
    }
    watch.watcher.mark('started');
    folder.write(file, '4');
    return { watch, after: await watch.rest() };
  }

  test('is named once and ignored, if it is the server', async () => {
    const { watch, after } = await writeAfterStarts('cache.json', false);
    expect(watch.settled.slice(0, 3)).toEqual([['cache.json'], ['cache.json'], 'nothing']);
    expect(watch.reports.slice(1)).toEqual([{ kind: 'watch.loop', file: 'cache.json', writer: 'server' }]);
    expect(after).toEqual([]);
    expect(watch.touched.slice(3)).toEqual(['sentinel.js']);
  });

  test('is believed if the file was named by the user', async () => {
    const { watch, after } = await writeAfterStarts('cache.json', true);
    expect(watch.settled.slice(0, 3)).toEqual(Array(3).fill(['cache.json']));
    expect(after).toEqual([['cache.json']]);
  });

  test('is somebody at work if the file is source', async () => {
    const { watch, after } = await writeAfterStarts('main.js', false);
    expect(watch.settled.slice(0, 3)).toEqual(Array(3).fill(['main.js']));
    expect(after).toEqual([['main.js']]);
  });

  test('is named once and ignored while it goes on, if it is the build', async () => {
    const folder = makeTempFolder({ 'info.json': '0' });
    const watch = await watching(folder);
    for (const content of ['1', '2', '3']) {
      watch.watcher.mark('build-began');
      folder.write('info.json', content);
      await watch.next();
      watch.watcher.mark('build-ended');
    }
    expect(watch.settled).toEqual([['info.json'], ['info.json'], 'nothing']);
    expect(watch.reports.slice(1)).toEqual([{ kind: 'watch.loop', file: 'info.json', writer: 'build' }]);
    watch.watcher.mark('build-began');
    folder.write('info.json', '4');
    expect(await watch.rest()).toEqual([]);
    expect(watch.touched.slice(3)).toEqual(['sentinel.js']);
  });
});
