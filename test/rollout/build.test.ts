// Builds as processes: their output, their end, and what they leave behind.
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadSpawn, type Spawn } from '../../src/backend/spawn.js';
import type { ChildGuard } from '../../src/backend/tree.js';
import { type Build, type BuildPlan, runBuild } from '../../src/rollout/build.js';
import { specAfter } from '../../src/rollout/build-run.js';
import { descendantsOf, findProcess, untilGone } from '../helpers/processes.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const spawn: Spawn = await loadSpawn();

interface Running extends Build {
  readonly lines: readonly string[];
  said(text: string): Promise<unknown>;
}

interface Circumstances {
  readonly killTimeout?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly guard?: ChildGuard;
}

function start(
  plan: Partial<BuildPlan> & Pick<BuildPlan, 'command'>,
  circumstances: Circumstances = {},
): Running {
  const { killTimeout = 3_000, env = {}, cwd = makeTempFolder().path, guard } = circumstances;
  const lines: string[] = [];
  const build = runBuild(
    { name: 'the build', shell: false, ...plan },
    { spawn, cwd, env: { ...process.env, ...env }, killTimeout, guard, onOutput: (line) => lines.push(line) },
  );
  onTestFinished(() => build.cancel());
  const said = (text: string) =>
    until(() => lines.some((line) => line.includes(text)), `"${text}" among ${lines}`);
  return { ...build, lines, said };
}

/** A line for the shell, as --build is. */
function startShell(line: string, circumstances?: Circumstances): Running {
  return start({ command: [line], shell: true }, circumstances);
}

/** A script for node. */
function startNode(script: string, circumstances?: Circumstances): Running {
  return start({ command: [process.execPath, '-e', script] }, circumstances);
}

describe('a build that goes well', () => {
  test('says so, and has nothing to tell', async () => {
    const build = startShell('echo one; echo two >&2; exit 0');
    const { ms, ...result } = await build.done;
    expect(result).toEqual({ ok: true, exitCode: 0, signal: null, errors: '' });
    expect(ms).toBeGreaterThan(0);
    expect([...build.lines].sort()).toEqual(['one', 'two']);
  });

  test('its output is given as it was written, colours and all, and the last line without its end', async () => {
    const build = startShell("printf '\\033[31mred\\033[0m\\n\\n  last'");
    await build.done;
    expect(build.lines).toEqual(['\x1b[31mred\x1b[0m', '', '  last']);
  });

  test('it runs in the folder of the server, with its variables and those of the plan', async () => {
    const cwd = makeTempFolder().path;
    const build = start(
      { command: ['echo $A $B; pwd'], shell: true, env: { B: 'b' } },
      { cwd, env: { A: 'a', B: 'not' } },
    );
    expect(await build.done).toMatchObject({ ok: true, env: { B: 'b' } });
    expect(build.lines).toEqual(['a b', cwd]);
  });

  test('what it makes is what the plan says', async () => {
    const executable = makeTempFolder().at('built/server');
    expect(await start({ command: ['true'], executable }).done).toMatchObject({ ok: true, executable });
  });

  test('what it leaves running in its group is ended', async () => {
    const build = startShell('sleep 1000 & echo $!; read nothing');
    await build.done;
    const sleeper = findProcess(Number(build.lines[0]));
    await untilGone(sleeper ? [sleeper] : [], 'the sleeper');
  });

  test('one that reads its stdin finds its end', async () => {
    const build = startShell('cat; echo read $?');
    expect(await build.done).toMatchObject({ ok: true });
    expect(build.lines).toEqual(['read 0']);
  });
});

describe('a build that fails', () => {
  test('tells its errors from the first one on, of both its outputs', async () => {
    const build = startShell('echo working; echo "src/a.ts(1,7): error TS1005: no"; echo "  more"; exit 2');
    const result = await build.done;
    expect(result).toMatchObject({ ok: false, exitCode: 2, signal: null });
    expect(result.errors).toBe('src/a.ts(1,7): error TS1005: no\n  more');
  });

  test('without the folder that it is to build into, which cannot be made, says so and runs nothing', async () => {
    const folder = makeTempFolder({ built: 'a file' });
    const build = start({ command: ['echo', 'ran'], executable: folder.at('built/server') });
    const { ms: _, ...result } = await build.done;
    const errors = expect.stringContaining(`The folder ${folder.at('built')} could not be made: EEXIST`);
    expect(result).toEqual({ ok: false, exitCode: 127, signal: null, errors });
    expect(build.lines).toEqual([]);
    await build.cancel();
    build.kill();
  });

  test('what it wrote last is there, however much it was', async () => {
    const result = await startNode(`
      for (let i = 0; i < 50_000; i += 1) process.stderr.write('noise '.repeat(20) + i + '\\n');
      process.stderr.write('error: the last of it', () => process.exit(1));
    `).done;
    expect(result.errors).toBe('error: the last of it');
  });

  test('one that ended by a signal says which', async () => {
    expect(await startShell('kill -SEGV $$').done).toMatchObject({
      ok: false,
      exitCode: null,
      signal: 'SIGSEGV',
    });
  });

  test('one that cannot be started is one that failed', async () => {
    const result = await start({ command: ['/nowhere/make'] }).done;
    expect(result).toMatchObject({ ok: false, exitCode: 127, signal: null });
    expect(result.errors).toBe('/nowhere/make could not be started: ENOENT');
  });

  test('it ends though a process that left it holds its output open', async () => {
    const build = startNode(`
      const child = require('node:child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'inherit' });
      child.unref();
      process.stdout.write(child.pid + '\\n', () => process.exit(3));
    `);
    expect(await build.done).toMatchObject({ ok: false, exitCode: 3 });
    const sleeper = Number(build.lines[0]);
    expect(findProcess(sleeper)).toBeDefined();
    process.kill(sleeper);
  });

  test('one that should have told what to run, and did not, is none', async () => {
    const result = await start({ command: ['true'], tells: 'cargo' }).done;
    expect(result).toMatchObject({ ok: false, exitCode: 0, errors: 'cargo did not tell what it would run.' });
  });
});

describe('a build that is cancelled', () => {
  test('is gone with all that it has started, before cancel resolves', async () => {
    const build = startShell('sleep 1000 & (sleep 1000 & wait) & echo started; wait');
    await build.said('started');
    const all = await until(() => {
      const sleepers = descendantsOf(process.pid);
      return sleepers.length >= 3 ? sleepers : undefined;
    }, 'its processes');
    await build.cancel();
    await untilGone(all, 'the build');
    expect(await build.done).toMatchObject({ ok: false, signal: 'SIGTERM' });
  });

  test('is killed where it does not hear SIGTERM', async () => {
    const build = startNode(
      "process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1000); console.log('up')",
      {
        killTimeout: 50,
      },
    );
    await build.said('up');
    await build.cancel();
    expect(await build.done).toMatchObject({ ok: false, signal: 'SIGKILL' });
    expect(build.lines).toContain('no');
  });

  test('with what has left its group', async () => {
    const script = `
      const child = require('node:child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
      console.log('up'); setInterval(() => {}, 1000);`;
    const build = startNode(script);
    await build.said('up');
    const all = descendantsOf(process.pid);
    await build.cancel();
    await untilGone(all, 'the build and what left its group');
  });

  test('is no build that went well, even if it says so', async () => {
    const build = startNode(
      "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000); console.log('up')",
    );
    await build.said('up');
    await build.cancel();
    expect(await build.done).toMatchObject({ ok: false, exitCode: 0 });
  });

  test('twice is once, and after its end nothing', async () => {
    const build = startShell('echo up; sleep 1000');
    await build.said('up');
    await Promise.all([build.cancel(), build.cancel()]);
    await build.done;
    await build.cancel();
  });

  test('at the last moment it is killed without a wait', async () => {
    const build = startShell('trap "" TERM; echo up; while :; do sleep 1000; done');
    await build.said('up');
    build.kill();
    expect(await build.done).toMatchObject({ ok: false, signal: 'SIGKILL' });
  });
});

describe('the guard', () => {
  /** What it is told, with what of the build's group is alive then. */
  function makeGuard() {
    const told: string[] = [];
    const guard = {
      newMark: () => expect.fail('a build has no mark'),
      arm: () => told.push('arm'),
      add: (_pid: number, command: string) => told.push(`add ${command}`),
      remove: (pid: number) => told.push(`remove ${findProcess(pid) ? 'alive' : 'gone'}`),
    };
    return { guard, told };
  }

  test('is armed before a build is spawned, told of it at once, and again at its end', async () => {
    const { guard, told } = makeGuard();
    const build = startShell('echo up; sleep 0.1', { guard });
    expect(told).toEqual(['arm', 'add echo up; sleep 0.1']);
    await build.done;
    expect(told.slice(2)).toEqual(['remove gone']);
  });

  test('keeps a build that is cancelled until it is gone', async () => {
    const { guard, told } = makeGuard();
    const build = startShell('trap "" TERM; echo up; while :; do sleep 1000; done', {
      guard,
      killTimeout: 50,
    });
    await build.said('up');
    const cancelled = build.cancel();
    expect(told).toHaveLength(2);
    await cancelled;
    expect(told.slice(2)).toEqual(['remove gone']);
    await build.done;
    build.kill();
    expect(told).toHaveLength(3);
  });

  test('is told nothing of a build that could not be spawned', async () => {
    const { guard, told } = makeGuard();
    await start({ command: ['/nowhere/make'] }, { guard }).done;
    expect(told).toEqual(['arm']);
  });
});

describe('what is run after it', () => {
  const spec = { command: ['cargo', 'run'], cwd: '/app', env: { A: '1', B: '2' }, shell: true } as const;
  const went = { ok: true, exitCode: 0, signal: null, ms: 1, errors: '' };

  test('what was made, with its arguments and the variables that it needs', () => {
    const result = { ...went, executable: '/t/x', env: { B: '3', C: '4' } };
    expect(specAfter(spec, { kind: 'built', args: ['-v'] }, result)).toEqual({
      command: ['/t/x', '-v'],
      cwd: '/app',
      env: { A: '1', B: '3', C: '4' },
      shell: false,
    });
  });

  test('the command as it was given, where nothing was made that is to be run', () => {
    expect(specAfter(spec, { kind: 'command' }, { ...went, executable: '/t/x' })).toBe(spec);
    expect(specAfter(spec, { kind: 'built', args: [] }, undefined)).toBe(spec);
  });
});
