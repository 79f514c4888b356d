// What is found on a real disk, and what follows from it.
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type InferOptions, infer } from '../../src/rollout/infer.js';
import { askCargo } from '../../src/rollout/infer-facts.js';
import { look } from '../../src/rollout/look.js';
import { makeTempFolder, type TempFolder } from '../helpers/temp-folder.js';

const hasCargo = spawnSync('cargo', ['--version']).status === 0;

async function inferIn(
  folder: TempFolder,
  line: string,
  options: InferOptions = {},
  env: Record<string, string> = {},
) {
  const words = line.split(' ');
  const seen = await look(words, {
    cwd: folder.path,
    env: { ...process.env, ...env },
    shell: options.shell ?? false,
  });
  const { watch, never, ...inference } = infer(words, seen, options);
  const relative = (each: string) => path.relative(folder.path, each) || '.';
  return { ...inference, watch: watch.map(relative), never: never.map(relative) };
}

describe('the project', () => {
  test('is the nearest folder above the script that has a manifest', async () => {
    const folder = makeTempFolder({
      'package.json': '{}',
      'sub/pyproject.toml': '',
      'sub/deep/er/server.py': '',
      'a.py': '',
    });
    expect((await inferIn(folder, 'python sub/deep/er/server.py')).watch).toEqual(['sub']);
    expect((await inferIn(folder, 'python a.py')).watch).toEqual(['.']);
    // A file that is handed over says nothing about where the code is.
    expect((await inferIn(folder, 'python a.py sub/deep/er/server.py')).watch).toEqual(['.']);
    expect((await inferIn(folder, 'python -m server sub/deep')).watch).toEqual(['.']);
  });

  test.each([
    ...['go.mod', 'pom.xml', 'build.gradle.kts', 'App.csproj', '.git/HEAD'],
    ...['setup.py', 'setup.cfg', 'requirements.txt'],
  ])('%s makes a project', async (name) => {
    const folder = makeTempFolder({ [`p/${name}`]: '', 'p/a/b/run.py': '' });
    expect((await inferIn(folder, 'python p/a/b/run.py')).watch).toEqual(['p']);
  });

  test('is the folder of the script where there is no manifest, and the script alone in a home folder', async () => {
    const folder = makeTempFolder({ 'x/server.py': '', 'package.json': '{}' });
    const env = { HOME: folder.path };
    expect((await inferIn(folder, 'python x/server.py', {}, env)).watch).toEqual(['x']);
    folder.write('server.py', '');
    expect((await inferIn(folder, 'python server.py', {}, env)).watch).toEqual(['server.py']);
    expect((await inferIn(folder, 'some-server', {}, env)).watch).toEqual([]);
  });

  test.each<[line: string, watch: string, named?: string]>([
    ['python3 -m srv', '.', 'srv.py'],
    ['python3 -u -m srv --port 1', '.', 'srv.py'],
    ['python3 -m pkg', 'pkg'],
    ['python3 -m pkg.sub.main', 'pkg'],
    ['python3 pkg', 'pkg'],
  ])('is the module where there is no manifest: %s', async (line, watch, named) => {
    const folder = makeTempFolder({ 'srv.py': '', 'pkg/__main__.py': '', 'pkg/sub/main.py': '' });
    const inference = await inferIn(folder, line);
    expect(inference).toMatchObject({ watch: [watch], extensions: ['py', 'pyi', 'toml'] });
    expect(inference.named).toEqual(named ? [folder.at(named)] : []);
    expect((await inferIn(folder, 'python3 -m elsewhere')).watch).toEqual([]);
    expect((await inferIn(folder, 'python3 -m srv', {}, { HOME: folder.path })).watch).toEqual(['srv.py']);
  });

  test('is where an option says that it is', async () => {
    const folder = makeTempFolder({
      'p/App.csproj': '',
      'q/pyproject.toml': '',
      'r/package.json': '{"scripts":{"x":"node a.js"}}',
      'r/a.js': '',
    });
    expect((await inferIn(folder, 'dotnet run --project p')).watch).toEqual(['p']);
    expect((await inferIn(folder, 'dotnet run --project p/App.csproj')).watch).toEqual(['p']);
    expect((await inferIn(folder, `uv --directory ${folder.at('q')} run my-server`)).watch).toEqual(['q']);
    expect((await inferIn(folder, 'npm --prefix r run x')).watch).toEqual(['r']);
  });
});

describe('files', () => {
  test('machine code is known by its first bytes, a script by what runs it', async () => {
    const folder = makeTempFolder({
      elf: '\x7fELF\x02\x01',
      'x.exe': 'MZ\x90',
      'run.py.sh': '#!/bin/sh\n',
      server: '#!/usr/bin/env python3\n',
      'pyproject.toml': '',
      text: 'text',
    });
    folder.write('macho', Buffer.from([0xcf, 0xfa, 0xed, 0xfe]));
    for (const name of ['elf', 'macho', 'x.exe']) {
      expect(await inferIn(folder, `./${name}`)).toMatchObject({
        watch: [name],
        executables: [folder.at(name)],
      });
    }
    expect(await inferIn(folder, './text')).toMatchObject({ watch: ['text'], executables: [] });
    expect(await inferIn(folder, './server')).toMatchObject({
      watch: ['.', 'server'],
      extensions: ['py', 'pyi', 'toml'],
    });
    expect(await inferIn(folder, './run.py.sh')).toMatchObject({ watch: ['.', 'run.py.sh'] });
  });

  test('a script is found without its ending, as node finds it', async () => {
    const folder = makeTempFolder({ 'package.json': '{}', 'p/package.json': '{}', 'p/dist/server.js': '' });
    expect((await inferIn(folder, 'node p/dist/server')).watch).toEqual(['p/dist', 'p/package.json']);
  });

  test('a program is not found by the name of its source', async () => {
    const folder = makeTempFolder({ '.git/HEAD': '', 'server.ts': '' });
    const inference = await inferIn(folder, './server', { build: 'make' });
    expect(inference).toMatchObject({ watch: ['.'], never: ['server'], commands: [folder.at('server')] });
  });

  test('an argument that is no file is only a word', async () => {
    const folder = makeTempFolder({ 'package.json': '{}', 'conf/a.toml': '' });
    expect((await inferIn(folder, 'some-server --x conf/nothing.toml')).watch).toEqual(['.']);
    expect((await inferIn(folder, 'some-server --x conf/a.toml')).watch).toEqual(['conf/a.toml']);
    expect((await inferIn(folder, 'some-server conf')).watch).toEqual(['.']);
  });
});

describe('package.json and tsconfig.json', () => {
  test('a script is resolved, in the folder of its package', async () => {
    const scripts = { dev: 'tsx watch src/a.ts', start: 'node dist/a.js', build: 'tsc' };
    const tsconfig = '{\n  // where it goes\n  "compilerOptions": { "outDir": "./dist" }\n}';
    const folder = makeTempFolder({
      'package.json': JSON.stringify({ scripts }),
      'tsconfig.json': tsconfig,
      'dist/a.js': '',
      'sub/x': '',
    });
    expect((await inferIn(folder, 'npm run dev')).watchesItself).toBe(true);
    const start = await inferIn(folder, 'npm start');
    expect(start).toMatchObject({ watch: ['dist', 'package.json'], never: [] });
    expect(start.hint).toContain('--build "npm run build"');
    expect(await inferIn(folder, 'npm start', { build: 'npm run build' })).toMatchObject({
      watch: ['.'],
      never: ['dist'],
    });
    expect(await inferIn(folder, 'cd sub && npm start', { shell: true })).toMatchObject({
      watch: ['dist', 'package.json'],
    });
  });

  test('one that is broken is none', async () => {
    const folder = makeTempFolder({ 'package.json': '{', 'src/a.ts': '' });
    expect((await inferIn(folder, 'npm run dev')).watch).toEqual(['.']);
    expect((await inferIn(folder, 'tsx src/a.ts')).watch).toEqual(['.']);
  });
});

const manifest = (name: string, more = '') =>
  `[package]\nname = "${name}"\nversion = "1.0.0"\nedition = "2021"\n${more}`;

describe.skipIf(!hasCargo)('cargo is asked (needs cargo)', () => {
  const app = {
    'ws/Cargo.toml': '[workspace]\nmembers = ["app", "dep", "other"]\nresolver = "2"\n',
    'ws/app/Cargo.toml': manifest('app', '[dependencies]\ndep = { path = "../dep" }\n'),
    'ws/app/src/main.rs': 'fn main() {}',
    'ws/app/build.rs': 'fn main() {}',
    'ws/dep/Cargo.toml': manifest('dep', '[dependencies]\noutside = { path = "../../outside" }\n'),
    'ws/dep/src/lib.rs': '',
    'ws/other/Cargo.toml': manifest('other'),
    'ws/other/src/main.rs': 'fn main() {}',
    'outside/Cargo.toml': manifest('outside', '[workspace]\n'),
    'outside/src/lib.rs': '',
  };
  const OF_APP = [
    'ws/app/src',
    'ws/dep/src',
    'outside/src',
    'ws/app/build.rs',
    'ws/app/Cargo.toml',
    'ws/dep/Cargo.toml',
    'outside/Cargo.toml',
    'ws/Cargo.toml',
    'ws/Cargo.lock',
  ];
  const line = 'cargo run --manifest-path ws/app/Cargo.toml';

  test('what the package is made of, in its workspace and outside of it', async () => {
    const folder = makeTempFolder(app);
    const inference = await inferIn(folder, line);
    expect([...inference.watch].sort()).toEqual([...OF_APP].sort());
    expect(inference.never).toEqual(['ws/target']);
    expect(inference.run).toEqual({ kind: 'built', args: [] });
  });

  test('where it writes, whoever says so', async () => {
    const folder = makeTempFolder({ ...app, '.cargo/config.toml': '[build]\ntarget-dir = "out"\n' });
    expect(await inferIn(folder, line)).toMatchObject({ never: ['out'] });
    expect((await inferIn(folder, line)).watch).toContain('.cargo/config.toml');
    expect(await inferIn(folder, line, {}, { CARGO_TARGET_DIR: folder.at('other') })).toMatchObject({
      never: ['other'],
    });
    expect(await inferIn(folder, `env CARGO_TARGET_DIR=x ${line}`)).toMatchObject({ never: ['x'] });
  });

  test.each<[config: string, runs: string]>([
    ['[target.x86_64-unknown-linux-gnu]\nrunner = "qemu"\n', 'command'],
    ["[target.'cfg(unix)']\nrunner = ['a', 'b']\n", 'command'],
    ['target.x.runner = "a"\n', 'command'],
    ['# runner = "a"\n', 'built'],
  ])('whether the project has a runner of its own: %j', async (config, runs) => {
    const folder = makeTempFolder({ ...app, '.cargo/config.toml': config });
    expect((await inferIn(folder, line)).run.kind).toBe(runs);
  });

  test('a variable may name a runner as well', async () => {
    const folder = makeTempFolder(app);
    const env = { CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER: 'qemu' };
    expect((await inferIn(folder, line, {}, env)).run.kind).toBe('command');
  });

  test('a manifest that is broken does not keep its sources from being watched', async () => {
    const folder = makeTempFolder({ 'Cargo.toml': 'broken', 'src/main.rs': '' });
    expect((await inferIn(folder, 'cargo run')).watch).toEqual([
      'src',
      'build.rs',
      'Cargo.toml',
      'Cargo.lock',
    ]);
  });
});

test('a cargo that is not there is not asked', async () => {
  const folder = makeTempFolder({ 'Cargo.toml': manifest('x'), 'src/main.rs': '' });
  expect((await inferIn(folder, 'cargo run', {}, { PATH: '/nowhere' })).watch).toContain('src');
});

test.skipIf(process.platform === 'win32')(
  'a cargo that does not answer is given so long for all that it is asked, and no longer',
  async () => {
    const outside = ['a', 'b', 'c', 'd'].map((name) => ({ name, path: `/outside/${name}` }));
    const folder = makeTempFolder({
      'bin/cargo': `#!/bin/sh\necho "$@" >> asked\ncase "$*" in *--manifest-path*) exec sleep 60; esac\ncat told`,
    });
    const app = { name: 'app', manifest_path: folder.at('Cargo.toml'), targets: [], dependencies: outside };
    const told = { workspace_root: folder.path, target_directory: folder.at('target'), packages: [app] };
    folder.write('told', JSON.stringify(told));
    chmodSync(folder.at('bin/cargo'), 0o755);
    const shown = { words: ['cargo', 'run'], env: {}, folder: folder.path, others: [], direct: true };
    const env = { PATH: `${folder.at('bin')}:${process.env.PATH}` };
    const facts = await askCargo(shown, env, [], 1_000);
    expect(facts).toMatchObject({ root: folder.path, packages: [{ name: 'app' }] });
    expect(folder.read('asked').trim().split('\n')).toHaveLength(2);
  },
);
