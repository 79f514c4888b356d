// The builds that are made of `cargo run` and `go run`, and what cargo's projects are made of. Pure.
import { describe, expect, test } from 'vitest';
import { type CargoFacts, type CargoPackage, makeRecorder } from '../../src/rollout/cargo.js';
import { infer } from '../../src/rollout/infer.js';
import type { Look } from '../../src/rollout/infer-look.js';

const APP = '/projects/app';
const NODE = '/usr/bin/node';

function lookAt(cargo?: CargoFacts): Look {
  return { cwd: APP, wide: ['/'], project: APP, files: ['Cargo.toml'], found: {}, node: NODE, cargo };
}

function inferWords(words: readonly string[], cargo?: CargoFacts, artefacts?: string) {
  return infer(words, lookAt(cargo), { artefacts });
}

function crate(name: string, folder: string, more: Partial<CargoPackage> = {}): CargoPackage {
  return {
    name,
    folder,
    targets: [{ kind: 'bin', name, file: `${folder}/src/main.rs` }],
    dependencies: [],
    ...more,
  };
}

const ONE: CargoFacts = {
  root: APP,
  target: `${APP}/target`,
  packages: [crate('app', APP)],
  configs: [],
  hasRunner: false,
};

const TOLD = ['--message-format=json-render-diagnostics', '--config', makeRecorder(NODE)];

describe('cargo run becomes a build and what it makes [watch.infer]', () => {
  test.each<[words: string, command: string[], args: string[]]>([
    ['cargo run', ['cargo', 'run'], []],
    ['cargo r', ['cargo', 'run'], []],
    ['cargo run --release -- --port 1 --', ['cargo', 'run', '--release'], ['--port', '1', '--']],
    ['cargo run -q serve --x', ['cargo', 'run', '-q'], ['serve', '--x']],
    ['cargo +nightly run', ['cargo', '+nightly', 'run'], []],
    [
      'cargo --locked --config net.offline=true run',
      ['cargo', '--locked', '--config', 'net.offline=true', 'run'],
      [],
    ],
    [
      'cargo run --bin a -p b --features x,y --profile dist --target t --manifest-path m/Cargo.toml -- c',
      [
        'cargo',
        'run',
        '--bin',
        'a',
        '-p',
        'b',
        '--features',
        'x,y',
        '--profile',
        'dist',
        '--target',
        't',
        '--manifest-path',
        'm/Cargo.toml',
      ],
      ['c'],
    ],
    ['cargo run --example=ex -pb -Fx c', ['cargo', 'run', '--example=ex', '-pb', '-Fx'], ['c']],
    ['cargo run --message-format short --message-format=json -q', ['cargo', 'run', '-q'], []],
  ])('%s', (line, command, args) => {
    const { build, run } = inferWords(line.split(' '), ONE);
    expect(build).toEqual({
      name: 'cargo build',
      command: [...command, ...TOLD],
      shell: false,
      env: {},
      tells: 'cargo',
    });
    expect(run).toEqual({ kind: 'built', args });
  });

  test('variables set in front of it are those of the build, and so of what it makes', () => {
    for (const words of [
      ['env', 'A=1', 'cargo', 'run'],
      ['sh', '-c', 'A=1 exec cargo run'],
    ]) {
      expect(inferWords(words, ONE).build).toMatchObject({ env: { A: '1' }, tells: 'cargo' });
    }
  });

  test.each([
    ['sh', '-c', 'cd x && cargo run'],
    ['sh', '-c', 'cargo run $ARGS'],
    ['nice', 'cargo', 'run'],
  ])('what does more than that is run as it is: %s %s %s', (...words) => {
    expect(inferWords(words, ONE)).toMatchObject({ build: undefined, run: { kind: 'command' } });
  });

  test('a project with its own runner is built, and run by cargo', () => {
    const words = ['cargo', 'run', '--release', '--', 'x'];
    const plan = { build: { command: ['cargo', 'build', '--release'] }, run: { kind: 'command' } };
    expect(inferWords(words, { ...ONE, hasRunner: true })).toMatchObject(plan);
    expect(inferWords(words, { ...ONE, hasRunner: true }).build).not.toHaveProperty('tells');
    const configured = ['cargo', 'run', '--config', 'target.x.runner="y"'];
    expect(inferWords(configured, ONE).run).toEqual({ kind: 'command' });
  });

  test('other commands of cargo are not made into anything', () => {
    expect(inferWords(['cargo', 'xtask', 'run'], ONE)).toMatchObject({ build: undefined, watch: [APP] });
  });

  test('one line says all of it', () => {
    expect(inferWords(['cargo', 'run'], ONE).from).toBe(
      'watching src/, Cargo.toml, Cargo.lock (*.rs, *.toml), building with cargo build: from "cargo run"',
    );
  });
});

describe('what of a cargo project is watched', () => {
  const watch = (line: string, facts?: CargoFacts) => inferWords(line.split(' '), facts).watch;

  test('the sources of its targets, its manifest, the lock, never what cargo writes', () => {
    const targets = [
      { kind: 'bin', name: 'app', file: `${APP}/src/main.rs` },
      { kind: 'lib', name: 'app', file: `${APP}/lib/deep/lib.rs` },
      { kind: 'example', name: 'ex', file: `${APP}/examples/ex.rs` },
      { kind: 'custom-build', name: 'build-script-build', file: `${APP}/build.rs` },
    ];
    const facts = {
      ...ONE,
      target: '/built',
      packages: [crate('app', APP, { targets })],
      configs: [`${APP}/.cargo/config.toml`],
    };
    const files = ['build.rs', 'Cargo.toml', 'Cargo.lock', '.cargo/config.toml'].map(
      (name) => `${APP}/${name}`,
    );
    expect(watch('cargo run', facts)).toEqual([`${APP}/src`, `${APP}/lib/deep`, ...files]);
    expect(watch('cargo run --example ex', facts)).toContain(`${APP}/examples`);
    expect(inferWords(['cargo', 'run'], facts).never).toEqual(['/built']);
    expect(inferWords(['cargo', 'run', '--target-dir', 'out'], facts).never).toEqual([
      '/built',
      `${APP}/out`,
    ]);
  });

  test('of a workspace the selected package, with all it depends on by path', () => {
    const facts: CargoFacts = {
      ...ONE,
      packages: [
        crate('app', `${APP}/app`, { dependencies: [`${APP}/dep`] }),
        crate('dep', `${APP}/dep`, { dependencies: ['/projects/outside'] }),
        crate('outside', '/projects/outside', { dependencies: [`${APP}/dep`] }),
        crate('other', `${APP}/other`),
      ],
    };
    const sources = (folder: string) => [`${folder}/src`, `${folder}/Cargo.toml`];
    const ofApp = ['/projects/outside', `${APP}/app`, `${APP}/dep`].flatMap(sources);
    const root = [`${APP}/Cargo.toml`, `${APP}/Cargo.lock`];
    for (const line of [
      'cargo run -p app',
      'cargo run --package=app@1.0',
      'cargo run -papp',
      'cargo run --manifest-path app/Cargo.toml',
    ]) {
      expect([...watch(line, facts)].sort()).toEqual([...ofApp, ...root].sort());
    }
    expect([...watch('cargo run -p other', facts)].sort()).toEqual(
      [...sources(`${APP}/other`), ...root].sort(),
    );
    const below = infer(['cargo', 'run'], { ...lookAt(facts), cwd: `${APP}/other/src/deep` });
    expect([...below.watch].sort()).toEqual([...sources(`${APP}/other`), ...root].sort());
    // Nothing is selected in the root of a workspace that is no package: then all may be meant.
    expect(watch('cargo run', facts)).toContain(`${APP}/other/src`);
  });

  test('where cargo could not be asked, what most projects have', () => {
    expect(inferWords(['cargo', 'run', '--manifest-path', 'x/Cargo.toml'])).toMatchObject({
      watch: ['src', 'build.rs', 'Cargo.toml', 'Cargo.lock'].map((name) => `${APP}/x/${name}`),
      never: [`${APP}/x/target`],
      run: { kind: 'built' },
    });
  });
});

// Not tried with a real go.
describe('go run becomes a build and what it makes [watch.infer]', () => {
  const OUT = '/state/build';

  test.each<[line: string, built: string[], args: string[]]>([
    ['go run .', ['.'], []],
    ['go run ./cmd/server -v --port 1', ['./cmd/server'], ['-v', '--port', '1']],
    ['go run main.go util.go config.json', ['main.go', 'util.go'], ['config.json']],
    ['go run main.go', ['main.go'], []],
  ])('%s', (line, built, args) => {
    const { build, run } = inferWords(line.split(' '), undefined, OUT);
    const command = ['go', 'build', '-buildvcs=false', '-o', `${OUT}/server`, ...built];
    expect(build).toEqual({ name: 'go build', command, shell: false, env: {}, executable: `${OUT}/server` });
    expect(run).toEqual({ kind: 'built', args });
  });

  test('its flags are those of the build', () => {
    const words = ['go', 'run', '-race', '-tags', 'a,b', '-buildvcs=true', './x', 'y'];
    expect(inferWords(words, undefined, OUT).build?.command.slice(2)).toEqual([
      '-race',
      '-tags',
      'a,b',
      '-buildvcs=true',
      '-o',
      `${OUT}/server`,
      './x',
    ]);
  });

  test('it is run as it is where go has to run the program, or there is no folder to build into', () => {
    const as = { build: undefined, run: { kind: 'command' } };
    expect(inferWords(['go', 'run', '-exec', 'x', '.'], undefined, OUT)).toMatchObject(as);
    expect(inferWords(['go', 'run', '.'])).toMatchObject(as);
  });
});
