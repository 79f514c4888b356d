// The hall's second door: the server's code. What there is to watch, to build and to run, joined to the rollout.
import path from 'node:path';
import type { Spawn, SpawnSpec } from './backend/spawn.js';
import type { ChildGuard } from './backend/tree.js';
import type { Options } from './options.js';
import type { Reporter } from './report/report.js';
import { type Build, type BuildPlan, runBuild } from './rollout/build.js';
import { type Inference, infer } from './rollout/infer.js';
import type { Look } from './rollout/infer-look.js';
import { look } from './rollout/look.js';
import type { Rollout } from './rollout/rollout.js';
import { BUILT } from './store/names.js';
import { watchFiles } from './watch/files.js';
import type { Watcher } from './watch/watcher.js';

export interface CodePlan {
  readonly options: Options;
  readonly spec: SpawnSpec;
}

/** The folder that is the bridge's own, if there is one. */
type OwnFolder = string | undefined;

/** What there is to watch, to build and to run. */
export interface Code extends Omit<Inference, 'watchesItself'> {
  /** The user named what to watch. */
  readonly explicit: boolean;
  /** What clients are told the server is called before it says so itself. */
  readonly name: string;
}

/** What there is of the project on the disk. */
export function lookAt({ spec }: Pick<CodePlan, 'spec'>): Promise<Look> {
  return look(spec.command, { cwd: spec.cwd, env: spec.env, shell: spec.shell });
}

/** What follows from the command, what was seen on the disk, and what the user said. */
export function codeOf({ options, spec }: CodePlan, seen: Look, own?: OwnFolder): Code {
  const name = path.basename(spec.command[0]);
  const build = options.noWatch ? '' : options.build;
  const artefacts = own && path.join(own, BUILT);
  const inferred = infer(spec.command, seen, { build, shell: spec.shell, artefacts });
  const code = { ...inferred, never: [...inferred.never, ...(own ? [own] : [])], explicit: false, name };
  const none = { watch: [], named: [], hint: undefined };
  if (options.noWatch) return { ...code, ...none, from: 'watching nothing (--no-watch)' };
  if (options.watch.length === 0) return code;
  const from = `watching ${options.watch.join(', ')}${inferred.build ? `, building with ${inferred.build.name}` : ''}`;
  return { ...code, ...none, watch: options.watch, extensions: undefined, explicit: true, from };
}

interface BuildRooms {
  readonly spawn: Spawn;
  readonly guard: ChildGuard;
  readonly watch: CodeWatch;
  readonly report: Reporter;
}

/** Begins a build, and tells the watch that it may write files. */
export function beginBuild(
  build: BuildPlan,
  { options, spec }: CodePlan,
  { spawn, guard, watch, report }: BuildRooms,
): Build {
  watch.mark('build-began');
  const running = runBuild(build, {
    spawn,
    guard,
    cwd: spec.cwd,
    env: spec.env,
    killTimeout: options.killTimeout,
    onOutput: (text) => report({ kind: 'build.output', text }),
  });
  void running.done.then(() => watch.mark('build-ended'));
  return running;
}

export interface CodeWatch extends Pick<Watcher, 'mark' | 'pause' | 'resume' | 'takeUp' | 'close'> {
  /** The user has paused it. */
  readonly isPaused: boolean;
  /** Pauses, or resumes, for the user. */
  toggle(): void;
}

const WATCHES_NOTHING: CodeWatch = {
  isPaused: false,
  toggle: () => {},
  pause: () => {},
  resume: () => {},
  takeUp: () => {},
  mark: () => {},
  close: async () => {},
};

/** Watches the code and tells the rollout of its changes. */
export function watchCode(
  code: Code,
  { options, spec }: CodePlan,
  rollout: Rollout,
  report: Reporter,
): CodeWatch {
  if (code.watch.length === 0) return WATCHES_NOTHING;
  const { explicit, extensions, executables, commands, never } = code;
  const paths = [...code.watch, ...code.named];
  const { delay, poll, ignore } = options;
  const run = { executables, commands };
  const plan = { cwd: spec.cwd, paths, explicit, ...run, never, delay, poll, ignore, gitignore: true };
  const watcher = watchFiles(extensions ? { ...plan, extensions } : plan, {
    onTouched: (file) => rollout.touched(file),
    onSettled: (change) => rollout.settled(change?.paths),
    report,
  });
  let isPaused = false;
  return {
    get isPaused() {
      return isPaused;
    },
    toggle: () => {
      isPaused = !isPaused;
      if (isPaused) watcher.pause();
      else watcher.resume();
      report({ kind: 'watch.paused', isPaused });
    },
    pause: () => watcher.pause(),
    resume: () => watcher.resume(),
    takeUp: () => watcher.takeUp(),
    mark: (event) => watcher.mark(event),
    close: () => watcher.close(),
  };
}
