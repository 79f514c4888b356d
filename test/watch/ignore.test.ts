// What is never watched, and who decides where they disagree.
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readGitignores } from '../../src/watch/gitignore.js';
import { globTree, ignoreMatcher } from '../../src/watch/globs.js';
import { type Ground, isNeverWatched } from '../../src/watch/ignore.js';
import type { WatchPlan } from '../../src/watch/plan.js';
import { refusedRoot } from '../../src/watch/roots.js';
import { makeScope } from '../../src/watch/scope.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

const PROJECT: Ground = { isProject: true, tests: false, data: false, dotnet: false, named: new Set() };
const isIgnored = (file: string, ground: Partial<Ground> = {}) =>
  isNeverWatched(file.replace(/\/$/, '').split('/'), file.endsWith('/'), { ...PROJECT, ...ground });

describe('in a project that nobody named', () => {
  test.each([
    ...[
      '.git/',
      '.git/HEAD',
      '.hg/store/',
      '.vscode/settings.json',
      '.venv/lib/a.py',
      '.next/a.js',
      '.claude/a.ts',
    ],
    ...[
      'node_modules/',
      'packages/a/node_modules/x/i.js',
      'src/__pycache__/a.pyc',
      'venv/lib/a.py',
      'a.egg-info/x',
    ],
    ...['target/', 'target/debug/x', 'dist/a.js', 'build/a.js', 'out/a.js', 'vendor/a.go', 'coverage/a.js'],
    ...[
      'src/a.js~',
      'src/.a.js.swp',
      'src/.a.js.swx',
      'src/#a.js#',
      'src/.#a.js',
      '4913',
      'a.tmp',
      'a.js.tmp.123.4',
    ],
    ...['a.js___jb_tmp___', 'sedAb3X9z', '.DS_Store', 'src/Thumbs.db', 'a.pyc', '.nfs0001'],
    ...[
      'server.log',
      'logs/a.txt',
      'data.sqlite',
      'data.sqlite3-wal',
      'data.db',
      'data.db-journal',
      'a.pid',
      'a.lock',
    ],
    ...['a.test.ts', 'src/a.spec.js', 'src/a_test.go', 'test_a.py', 'conftest.py', 'tests/a.rs', 'test/a.js'],
    ...['src/__tests__/a.js', 'pkg/testdata/a.json'],
  ])('%s is ignored', (file) => {
    expect(isIgnored(file)).toBe(true);
  });

  test.each([
    ...['src/', 'src/main.rs', 'Cargo.toml', 'Cargo.lock', 'uv.lock', 'package-lock.json', 'main.go', '.env'],
    ...['src/build/a.js', 'internal/target/a.go', 'src/bin/x.rs', 'bin/cli.js', 'obj/a.js', 'src/tests/a.js'],
    ...['src/latest.js', 'src/contest.py', 'src/attest_a.py', 'a.tmpl', 'src/log.ts', 'db.ts', 'dist.js'],
  ])('%s is not', (file) => {
    expect(isIgnored(file)).toBe(false);
  });

  test('what a build wrote is only where a project begins', () => {
    expect(isIgnored('build/a.js', { isProject: false })).toBe(false);
    expect(isIgnored('bin/a.cs', { dotnet: true })).toBe(true);
  });
});

describe('where somebody named it', () => {
  test('tests count in a folder, logs and databases by a glob, and what is spelled out', () => {
    expect(isIgnored('a.test.ts', { tests: true })).toBe(false);
    expect(isIgnored('tests/a.ts', { tests: true })).toBe(false);
    expect(isIgnored('data.db', { data: true })).toBe(false);
    expect(isIgnored('node_modules/x/i.js', { named: new Set(['node_modules']) })).toBe(false);
    expect(isIgnored('a.js~', { named: new Set(['a.js~']) })).toBe(false);
  });

  test('tools, version control and litter do not count all the same', () => {
    const named = { tests: true, data: true };
    for (const file of ['node_modules/a.js', '.git/a', 'a.js~']) expect(isIgnored(file, named)).toBe(true);
  });
});

describe('who wins', () => {
  const folder = () =>
    makeTempFolder({
      '.git/HEAD': '',
      '.gitignore': '/gen\n/local.json\n*.out.js\n',
      'gen/a.js': '',
      'local.json': '',
      'src/a.js': '',
      'src/a.out.js': '',
      'node_modules/x/i.js': '',
    });

  function wanted(plan: Partial<WatchPlan>, ...files: string[]): string[] {
    const { path: cwd, at } = folder();
    const full = {
      cwd,
      paths: ['.'],
      explicit: false,
      ignore: [],
      never: [],
      delay: 0,
      poll: false,
      gitignore: true,
    };
    const never = (plan.never ?? []).map(at);
    const scope = makeScope({ ...full, ...plan, never }, '/nobody');
    return files.filter((file) => scope.isWanted(at(file)));
  }

  test('the defaults and .gitignore, where nothing was named', () => {
    const files = ['src/a.js', 'src/a.out.js', 'gen/a.js', 'local.json', 'node_modules/x/i.js'];
    expect(wanted({}, ...files)).toEqual(['src/a.js']);
    expect(wanted({ gitignore: false }, ...files)).toEqual([
      'src/a.js',
      'src/a.out.js',
      'gen/a.js',
      'local.json',
    ]);
  });

  test('a path that was named, over the defaults and .gitignore', () => {
    const paths = ['gen', 'local.json', 'node_modules/x', 'src/**/*.out.js'];
    expect(
      wanted({ paths, explicit: true }, 'gen/a.js', 'local.json', 'node_modules/x/i.js', 'src/a.out.js'),
    ).toHaveLength(4);
  });

  test('--ignore, over a path that was named', () => {
    const plan = { paths: ['gen', 'src'], explicit: true };
    expect(wanted({ ...plan, ignore: ['gen'] }, 'gen/a.js', 'src/a.js')).toEqual(['src/a.js']);
    expect(wanted({ ...plan, ignore: ['**/a.js'] }, 'gen/a.js', 'src/a.js')).toEqual([]);
    expect(wanted({ ...plan, ignore: ['./src/'] }, 'gen/a.js', 'src/a.js')).toEqual(['gen/a.js']);
  });

  test('what the bridge and the build write, over everything', () => {
    expect(wanted({ paths: ['gen', 'src'], explicit: true, never: ['gen'] }, 'gen/a.js', 'src/a.js')).toEqual(
      ['src/a.js'],
    );
  });

  test('the extensions, in folders that were inferred', () => {
    const files = ['src/a.js', 'src/a.css', 'src/noext'];
    expect(wanted({ extensions: ['js'] }, ...files)).toEqual(['src/a.js']);
    expect(wanted({ extensions: ['js'], explicit: true }, ...files)).toEqual(files);
  });
});

describe('.gitignore', () => {
  const hasGit = spawnSync('git', ['--version']).status === 0;

  test.skipIf(!hasGit)('is read as git reads it', () => {
    const folder = makeTempFolder({
      '.gitignore': 'out/\n*.gen.js\n!keep.gen.js\n/top.js\nsub/skip\n# comment\n\ndeep/**/x.js\n',
      '.git/info/exclude': 'private.js\n',
      'sub/.gitignore': '!back.gen.js\nlocal/\n',
      'out/.gitignore': '!a.js\n',
    });
    execFileSync('git', ['init', '--quiet'], { cwd: folder.path });
    folder.write('.git/info/exclude', 'private.js\n');
    const files = [
      ...[
        'a.js',
        'out/a.js',
        'src/out/a.js',
        'a.gen.js',
        'keep.gen.js',
        'sub/b.gen.js',
        'sub/back.gen.js',
        'top.js',
      ],
      ...[
        'sub/top.js',
        'sub/skip/a.js',
        'sub/local/a.js',
        'local/a.js',
        'private.js',
        'deep/x.js',
        'deep/a/b/x.js',
      ],
    ];
    for (const file of files) if (file !== 'out/.gitignore') folder.write(file, '');
    const isGitIgnored = readGitignores(folder.path);
    const git = spawnSync('git', ['check-ignore', ...files], { cwd: folder.path, encoding: 'utf8' });
    expect(files.filter((file) => isGitIgnored(folder.at(file), false))).toEqual(
      git.stdout.trim().split('\n'),
    );
  });

  test('says nothing of what is elsewhere', () => {
    const folder = makeTempFolder({ '.gitignore': '*\n' });
    const isGitIgnored = readGitignores(folder.path);
    expect(isGitIgnored(folder.path, true)).toBe(false);
    expect(isGitIgnored(`${folder.path}-other/a.js`, false)).toBe(false);
    expect(isGitIgnored('/a.js', false)).toBe(false);
  });
});

describe('a glob', () => {
  test.each([
    [
      'src/**/*.js',
      '/p/src',
      Number.POSITIVE_INFINITY,
      ['/p/src/a.js', '/p/src/x/y.js'],
      ['/p/src/a.ts', '/p/a.js'],
    ],
    ['*.js', '/p', 1, ['/p/a.js'], ['/p/src/a.js']],
    ['src/*/{a,b}.js', '/p/src', 2, ['/p/src/x/a.js', '/p/src/x/b.js'], ['/p/src/a.js', '/p/src/x/c.js']],
    ['/abs/**', '/abs', Number.POSITIVE_INFINITY, ['/abs/a', '/abs/b/c'], ['/p/abs/a']],
    ['../other/*.py', '/other', 1, ['/other/a.py'], ['/p/other/a.py']],
  ])('%s is read from %s', (glob, base, depth, meant, others) => {
    const tree = globTree(glob, '/p');
    expect([tree.base, tree.depth]).toEqual([base, depth]);
    expect([...meant, ...others].filter((file) => tree.isMeant(file))).toEqual(meant);
  });

  test.each([
    ['*.json', ['a.json', 'src/b.json'], ['a.js']],
    ['tmp', ['tmp', 'tmp/a', 'src/tmp/b'], ['tmpl/a', 'a.tmp']],
    ['src/gen', ['src/gen', 'src/gen/a/b.js'], ['gen/a', 'x/src/gen']],
    ['./src/gen/', ['src/gen/a'], ['src/genes']],
    ['src/**/*.gen.*', ['src/a.gen.js', 'src/x/b.gen.ts'], ['a.gen.js']],
    ['/p/data/*', ['data/a', 'data/b/c'], ['data', 'other']],
    ['.env*', ['.env', '.env.local'], ['a.env']],
  ])('of --ignore, %s, means a name, or a path and what is in it', (glob, meant, others) => {
    const isIgnoredBy = ignoreMatcher([glob], '/p');
    expect([...meant, ...others].filter((file) => isIgnoredBy(path.join('/p', file)))).toEqual(meant);
  });
});

describe('a root', () => {
  test.each([
    ['/', '/users/a', true],
    ['/users', '/users/a', true],
    ['/users/a', '/users/a', true],
    ['/users/a/', '/users/a', true],
    ['/users/a/project', '/users/a', false],
    ['/users/ab', '/users/a', false],
    ['/srv', '/users/a', false],
    ['/srv', '', false],
    ['C:\\', 'C:\\Users\\a', true],
    ['d:\\', 'C:\\Users\\a', true],
    ['C:\\Users', 'C:\\Users\\a', true],
    ['C:\\Users\\a\\project', 'C:\\Users\\a', false],
  ])('%s, with a home in %s: refused is %s', (folder, home, expected) => {
    expect(refusedRoot(folder, home)).toBe(expected);
  });
});
