// Real cargo: what is built and run instead of `cargo run` behaves as it does.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSpawn, type SpawnSpec } from '../../src/backend/spawn.js';
import { type BuildResult, runBuild } from '../../src/rollout/build.js';
import { specAfter } from '../../src/rollout/build-run.js';
import { infer } from '../../src/rollout/infer.js';
import { look } from '../../src/rollout/look.js';
import { descendantsOf, untilGone } from '../helpers/processes.js';
import { makeTempFolder, type TempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const hasCargo = spawnSync('cargo', ['--version']).status === 0;
const FIXTURE = fileURLToPath(new URL('../../fixtures/cargo', import.meta.url));
const spawn = await loadSpawn();

/** Compiled once for all tests here, outside of every project. */
let target: string;
beforeAll(() => {
  target = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-target-')));
});
afterAll(() => rmSync(target, { recursive: true, force: true }));

interface Built extends BuildResult {
  readonly spec: SpawnSpec;
  readonly lines: readonly string[];
}

/** Infers, builds, and says what is to be run. */
async function build(folder: TempFolder, words: readonly [string, ...string[]], at = '.'): Promise<Built> {
  const cwd = folder.at(at);
  const env = { ...process.env, CARGO_TARGET_DIR: target, SAME: 'same' };
  const spec: SpawnSpec = { command: words, cwd, env, shell: false };
  const inference = infer(words, await look(words, { cwd, env }));
  if (!inference.build) throw new Error('Expected a build.');
  const lines: string[] = [];
  const doors = { spawn, cwd, env, killTimeout: 3_000, onOutput: (line: string) => lines.push(line) };
  const result = await runBuild(inference.build, doors).done;
  return { ...result, spec: specAfter(spec, inference.run, result), lines };
}

/** What a program writes to its stdout, with this on its stdin. */
function outputOf({ command: [file, ...args], cwd, env }: SpawnSpec, input = ''): string {
  const { stdout, stderr, status } = spawnSync(file, args, {
    cwd,
    env: env as NodeJS.ProcessEnv,
    input,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${file} ended with ${status}:\n${stderr}`);
  return stdout;
}

/** The program writes its arguments, its folder and its environment. */
const TELLS_ALL = `fn main() {
    println!("{:?} {:?}", std::env::args().skip(1).collect::<Vec<_>>(), std::env::current_dir().unwrap());
    let mut all: Vec<_> = std::env::vars().collect();
    all.sort();
    for (key, value) in all { println!("{key}={value:?}"); }
}
`;

const PROJECT = {
  'Cargo.toml': '[workspace]\nmembers = ["app", "dep"]\nresolver = "2"\n',
  'app/Cargo.toml': `[package]
name = "app"
version = "1.2.3-beta.4"
edition = "2021"
authors = ["A B <a@b.example>"]
description = "It's a \\"test\\""
default-run = "app"
[dependencies]
dep = { path = "../dep" }
[[bin]]
name = "other"
path = "src/other.rs"
`,
  'app/build.rs': `fn main() {
    println!("cargo::rustc-env=OF_BUILD_SCRIPT=1");
    println!("cargo::rustc-link-search=native={}", std::env::var("OUT_DIR").unwrap());
    println!("cargo::warning=of the build script");
}
`,
  'app/src/main.rs': TELLS_ALL,
  'app/src/other.rs': TELLS_ALL,
  'app/examples/ex.rs': TELLS_ALL,
  'dep/Cargo.toml': '[package]\nname = "dep"\nversion = "0.1.0"\nedition = "2021"\n',
  'dep/src/lib.rs': '',
  '.cargo/config.toml': `[env]
OF_CONFIG = "yes"
SAME = "not this"
FORCED = { value = "f", force = true }
OF_FOLDER = { value = "x", relative = true }
`,
};

describe.skipIf(!hasCargo)('what cargo run would run (needs cargo) [watch.infer]', () => {
  test.each<[at: string, words: string]>([
    ['app', 'cargo run -- --port 1 x'],
    ['app', 'cargo run -q --bin other -- a'],
    ['app', 'cargo run --example ex'],
    ['.', 'cargo run -p app --release'],
    ['.', 'env SAME=other cargo run --manifest-path app/Cargo.toml a b'],
  ])('in %s: %s has the arguments, the folder and the environment that cargo gives it', async (at, line) => {
    const folder = makeTempFolder(PROJECT);
    const words = line.split(' ') as [string, ...string[]];
    const built = await build(folder, words, at);
    expect(built).toMatchObject({ ok: true, errors: '' });
    expect(built.spec.command[0]).toBe(built.executable);
    const env = { ...process.env, CARGO_TARGET_DIR: target, SAME: 'same' };
    const theirs = outputOf({ command: words, cwd: folder.at(at), env, shell: false });
    expect(outputOf(built.spec)).toBe(theirs);
    expect(theirs).toContain('OF_CONFIG="yes"');
  });

  test('nobody is told of the recorder', async () => {
    const { lines } = await build(makeTempFolder(PROJECT), ['cargo', 'run', '-p', 'app']);
    expect(lines.join('\n')).toContain('warning: app@1.2.3-beta.4: of the build script');
    expect(lines.join('\n')).not.toContain('would-run');
  });

  test('which of several binaries is meant, cargo says', async () => {
    const folder = makeTempFolder({
      'Cargo.toml': '[package]\nname = "two"\nversion = "0.1.0"\nedition = "2021"\n',
      'src/bin/a.rs': TELLS_ALL,
      'src/bin/b.rs': TELLS_ALL,
    });
    const result = await build(folder, ['cargo', 'run']);
    expect(result).toMatchObject({ ok: false, exitCode: 101 });
    expect(result.errors).toContain('Use the `--bin` option to specify a binary');
    expect(await build(folder, ['cargo', 'run', '--bin', 'b'])).toMatchObject({ ok: true });
  });
});

describe.skipIf(!hasCargo)('the fixture (needs cargo)', () => {
  const copy = () => {
    const folder = makeTempFolder();
    cpSync(FIXTURE, folder.path, { recursive: true });
    return folder;
  };
  const call = (name: string) =>
    `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { name: 'Ada' } } })}\n`;
  const PLACE = '    // A new tool goes above this line.';

  test('answers; with a tool more it has one more; what does not compile is told; and then it works again', async () => {
    const folder = copy();
    const first = await build(folder, ['cargo', 'run']);
    expect(outputOf(first.spec, call('greet'))).toContain('"text":"Hello, Ada!"');

    const main = folder.read('src/main.rs');
    const more = main.replace(
      PLACE,
      `    Tool { name: "part", run: |name| format!("Goodbye, {name}!") },\n${PLACE}`,
    );
    folder.write('src/main.rs', more);
    const second = await build(folder, ['cargo', 'run']);
    expect(outputOf(second.spec, call('part'))).toContain('"text":"Goodbye, Ada!"');

    folder.write('src/main.rs', main.replace(PLACE, `    Tool { name: 7, run: |name| name },\n${PLACE}`));
    const broken = await build(folder, ['cargo', 'run']);
    expect(broken).toMatchObject({ ok: false, exitCode: 101 });
    expect(broken.errors).toMatch(/^error\[E0308\]: mismatched types\n +--> src\/main\.rs:9:18\n/);
    // What was built last is still there for whoever has to be started meanwhile.
    expect(outputOf(second.spec, call('part'))).toContain('"text":"Goodbye, Ada!"');

    folder.write('src/main.rs', main);
    expect(outputOf((await build(folder, ['cargo', 'run'])).spec, call('greet'))).toContain('Hello, Ada!');
  });

  test('31 errors among warnings are told from the first one on [call.words]', async () => {
    const folder = copy();
    const bad = Array.from({ length: 31 }, (_, i) => `fn f${i}() { let a: i32 = "x"; }`).join('\n');
    const warned = '#[deprecated]\nfn old() {}\nfn warn() { old(); }\n';
    folder.write('src/main.rs', `${folder.read('src/main.rs')}\n${warned}${bad}\n`);
    const { errors, lines } = await build(folder, ['cargo', 'run']);
    expect(lines.join('\n')).toMatch(/due to 31 previous errors; \d+ warnings? emitted/);
    expect(errors).toMatch(/^error\[E0308\]: mismatched types\n +--> src\/main\.rs:\d+:24\n/);
    expect(errors).not.toMatch(/^warning/m);
    expect(errors).toMatch(/… and \d+ more errors \(\d+ more lines\)$/);
    expect(Buffer.byteLength(errors)).toBeLessThanOrEqual(4_096);
  });

  test('a build that is cancelled leaves no compiler running', async () => {
    const folder = copy();
    const env = { ...process.env, CARGO_TARGET_DIR: folder.at('target') };
    const words = ['cargo', 'run'] as const;
    const inference = infer(words, await look(words, { cwd: folder.path, env }));
    if (!inference.build) throw new Error('Expected a build.');
    const doors = { spawn, cwd: folder.path, env, killTimeout: 3_000, onOutput: () => {} };
    const running = runBuild(inference.build, doors);
    const compiling = await until(() => {
      const all = descendantsOf(process.pid);
      return all.length > 1 ? all : undefined;
    }, 'cargo and a compiler');
    await running.cancel();
    await untilGone(compiling, 'cargo and its compilers');
    expect(await running.done).toMatchObject({ ok: false, signal: 'SIGTERM' });
  });
});
