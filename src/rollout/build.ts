// One run of a build: its output, what its errors say, what it has made; and its end, with all that it has started.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Child, ChildEnd, Spawn } from '../backend/spawn.js';
import { type ChildGuard, Tree } from '../backend/tree.js';
import { BuildErrors } from './build-errors.js';
import { pipesRead, readLines, readMessages } from './build-pipes.js';
import { type CargoTold, isAboutRecorder, readTold } from './cargo.js';

export interface BuildPlan {
  /** What people call it. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly shell: boolean;
  /** Variables besides those of the server. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Who tells what was made: cargo, on its stdout. */
  readonly tells?: 'cargo';
  /** What is made, where that is known before. */
  readonly executable?: string;
}

export interface BuildResult {
  readonly ok: boolean;
  /** 127 where the command could not be started, as shells have it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly ms: number;
  /** The compiler's words from its first error on; nothing of a build that went well. */
  readonly errors: string;
  /** What is to be run, and the variables that it needs besides the server's own. */
  readonly executable?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface Build {
  readonly done: Promise<BuildResult>;
  /** Ends it with all that it has started; resolves when nothing of it is left. */
  cancel(): Promise<void>;
  /** Kills it with all that it has started, now and synchronously. For the last moment of the bridge. */
  kill(): void;
}

export interface BuildDoors {
  readonly spawn: Spawn;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long it has between SIGTERM and SIGKILL (ms). */
  readonly killTimeout: number;
  /** A line that it has written, as it was written. */
  readonly onOutput: (line: string) => void;
  /** Ends it if the bridge cannot. */
  readonly guard?: ChildGuard | undefined;
}

/** Time for SIGKILL to be seen (ms). */
const KILL_GRACE = 2_000;
const POLL = { first: 5, longest: 100 };

/** Starts a build at once; what cannot be started is a build that failed. */
export function runBuild(plan: BuildPlan, doors: BuildDoors): Build {
  const problem = makeFolderOf(plan.executable);
  if (problem !== undefined) return notStarted(problem);
  const run = new BuildRun(plan, doors);
  return { done: run.done, cancel: () => run.cancel(), kill: () => run.kill() };
}

/** Makes the folder that is built into; why it could not be made. */
function makeFolderOf(executable: string | undefined): string | undefined {
  if (executable === undefined) return undefined;
  const folder = path.dirname(executable);
  try {
    mkdirSync(folder, { recursive: true });
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `The folder ${folder} could not be made: ${why}`;
  }
}

function notStarted(problem: string): Build {
  return { done: Promise.resolve(failed(0, problem)), cancel: async () => {}, kill: () => {} };
}

function failed(ms: number, errors: string): BuildResult {
  return { ok: false, exitCode: 127, signal: null, ms, errors };
}

class BuildRun {
  readonly done: Promise<BuildResult>;
  readonly #plan: BuildPlan;
  readonly #doors: BuildDoors;
  readonly #child: Child;
  readonly #tree: Tree;
  readonly #errors = new BuildErrors();
  readonly #startedAt = performance.now();
  #told: CargoTold | undefined;
  #end: ChildEnd | undefined;
  #cancelled: Promise<void> | undefined;

  constructor(plan: BuildPlan, doors: BuildDoors) {
    this.#plan = plan;
    this.#doors = doors;
    const { command, shell } = plan;
    doors.guard?.arm();
    this.#child = doors.spawn({ command, cwd: doors.cwd, env: { ...doors.env, ...plan.env }, shell });
    // Without a mark: what a build starts for the next ones, such as a compiler's daemon, may outlive it.
    this.#tree = new Tree({ pid: this.#child.pid, command, guard: doors.guard });
    const { stdin, stdout, stderr } = this.#child;
    for (const pipe of [stdin, stdout, stderr]) pipe.on('error', () => {});
    // There is nobody to answer it.
    stdin.end();
    const take = (line: string) => this.#take(line);
    readLines(stderr, take);
    if (plan.tells === 'cargo') readMessages(stdout, (line) => this.#takeMessage(line));
    else readLines(stdout, take);
    this.done = this.#run();
  }

  cancel(): Promise<void> {
    this.#cancelled ??= this.#cancel();
    return this.#cancelled;
  }

  kill(): void {
    this.#tree.signal('SIGKILL');
  }

  async #run(): Promise<BuildResult> {
    this.#end = await new Promise<ChildEnd>((resolve) => this.#child.onEnd(resolve));
    this.#tree.leaderEnded();
    // What it leaves behind in its group would write on while its output is run.
    if (!this.#cancelled) {
      this.kill();
      this.#tree.forget();
    }
    await pipesRead(this.#child);
    return this.#result(this.#end);
  }

  #result(end: ChildEnd): BuildResult {
    const ms = performance.now() - this.#startedAt;
    if (end.kind === 'spawn-failed') {
      return failed(ms, `${this.#plan.command[0]} could not be started: ${end.code}`);
    }
    const { code: exitCode, signal } = end;
    const made = this.#made();
    const ok = exitCode === 0 && !this.#cancelled && made !== undefined;
    if (ok) return { ok, exitCode, signal, ms, errors: '', ...made };
    const silent = exitCode === 0 && !this.#cancelled ? 'cargo did not tell what it would run.' : '';
    return { ok, exitCode, signal, ms, errors: silent || this.#errors.text() };
  }

  /** What was made; undefined where that should have been told and was not. */
  #made(): Pick<BuildResult, 'executable' | 'env'> | undefined {
    const { tells, executable, env } = this.#plan;
    if (tells === undefined) return { executable, env };
    return this.#told && { executable: this.#told.executable, env: changed(this.#doors.env, this.#told.env) };
  }

  async #cancel(): Promise<void> {
    this.#tree.signal('SIGTERM');
    if (!(await this.#isGoneWithin(this.#doors.killTimeout))) {
      this.kill();
      await this.#isGoneWithin(KILL_GRACE);
    }
    this.#tree.forget();
  }

  async #isGoneWithin(ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    for (let wait = POLL.first; ; wait = Math.min(wait * 2, POLL.longest)) {
      if (this.#tree.isGone()) return true;
      if (performance.now() >= deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  #takeMessage(line: string): void {
    this.#told = readTold(line) ?? this.#told;
  }

  #take(line: string): void {
    if (this.#plan.tells === 'cargo' && isAboutRecorder(line)) return;
    this.#doors.onOutput(line);
    this.#errors.push(line);
  }
}

/** The variables that have another value now. */
function changed(
  before: Readonly<Record<string, string | undefined>>,
  after: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
}
