// One change to every backend: hold the calls, build, then take the new generation to the sessions.
import { isExclusive } from '../backend/exclusive.js';
import type { Generations } from '../backend/generations.js';
import type { SpawnSpec } from '../backend/spawn.js';
import type { Exit, Starts } from '../backend/starts.js';
import type { CallFailure } from '../errors.js';
import type { Options } from '../options.js';
import { runsOnce, type WaitingFor } from '../session/failures.js';
import type { Standing } from '../session/plan.js';
import type { Session } from '../session/session.js';
import type { Build, BuildResult } from './build.js';
import { Builds } from './builds.js';
import { buildFailed, newcomerFailed } from './failures.js';
import { Newest } from './newest.js';
import { type Replace, Roll } from './roll.js';
import { QUIET, type RolloutEffect, type RolloutInput, type RolloutState, rolloutStep } from './state.js';

export type RolloutReport =
  | { readonly kind: 'rollout.began'; readonly paths: readonly string[] }
  | { readonly kind: 'build.began'; readonly command: string }
  | { readonly kind: 'build.ended'; readonly result: BuildResult; readonly isOldServed: boolean }
  | {
      readonly kind: 'rollout.done';
      readonly generation: number;
      readonly ms: number;
      readonly sessions: number;
      readonly paths: readonly string[];
    }
  | { readonly kind: 'rollout.failed'; readonly exit: Exit; readonly isOldServed: boolean }
  /** `late`: it did not say so, but was not ready after so many ms beside the old one. */
  | { readonly kind: 'rollout.exclusive'; readonly late: number | undefined };

export interface RolloutPlan {
  /** The build step: what people call it, and how it is begun. Without one a change is built as soon as it has settled. */
  readonly build: { readonly name: string; readonly begin: () => Build } | undefined;
  /** How a generation is run, after a build that told this. */
  readonly specAfter: (result: BuildResult | undefined) => SpawnSpec;
  readonly generations: Generations;
  readonly starts: Starts;
  readonly sessions: () => Iterable<Session>;
  readonly options: Pick<Options, 'serveOld' | 'isolation'>;
  readonly replace: Replace;
  readonly report: (report: RolloutReport) => void;
}

export class Rollout {
  readonly #plan: RolloutPlan;
  #state: RolloutState = QUIET;
  #replace: Replace;
  readonly #newest: Newest;
  readonly #builds: Builds | undefined;
  #isFirst = true;
  #isClosed = false;
  /** The newest one. */
  #roll: Roll | undefined;
  /** What the newest generation is made for; and what is changing now, which may come to nothing. */
  #paths: readonly string[] = [];
  #cause = 'the first one';
  #touched = '';
  #beganAt = 0;

  constructor(plan: RolloutPlan) {
    this.#plan = plan;
    this.#replace = plan.replace;
    this.#newest = new Newest(plan.options.serveOld);
    this.#builds = plan.build && new Builds(plan.build.begin);
  }

  get state(): RolloutState['name'] {
    return this.#state.name;
  }

  get isBuilding(): boolean {
    const state = this.#state;
    return state.name === 'building' || (state.name === 'settling' && state.under === 'build');
  }

  /** The newest code does not build, or does not start. */
  get isBroken(): boolean {
    return this.#newest.isBroken;
  }

  get lastBuild(): BuildResult | undefined {
    return this.#builds?.last;
  }

  /** What sessions that are opened or woken now must know. */
  readonly standing = (): Standing => ({
    changing: this.#newest.isAwaited,
    refusal: this.#newest.refusal,
    waitingFor: this.#waitingFor(),
  });

  /** The first build, if there is one to make. */
  begin(): void {
    if (this.#plan.build) this.#input('forced');
    else this.#isFirst = false;
  }

  /** The first event of a change. */
  touched(path: string): void {
    this.#touched = path;
    this.#input('touched');
  }

  /** The change has settled; undefined: there was none. */
  settled(paths: readonly string[] | undefined): void {
    if (paths) {
      this.#paths = paths;
      this.#cause = `${paths.slice(0, 3).join(', ')} changed`;
    }
    this.#input(paths ? 'settled' : 'unchanged');
  }

  /** A rollout without a change, because the user wants one. */
  force(): void {
    this.#paths = [];
    this.#cause = 'restart';
    this.#input('forced');
  }

  /** Ends the build that runs; resolves when its processes are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#roll?.cancel();
    await this.#builds?.close();
  }

  /** Kills the build that runs, now and synchronously. */
  kill(): void {
    this.#builds?.kill();
  }

  #input(input: RolloutInput): void {
    if (this.#isClosed) return;
    const { state, effects } = rolloutStep(this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: RolloutEffect): void {
    switch (effect) {
      case 'hold':
        return this.#hold();
      case 'release':
        return this.#release();
      case 'build':
        return void this.#runBuild();
      case 'cancel-build':
        return this.#builds?.cancel();
      case 'roll':
        return void this.#rollOut();
      case 'cancel-roll':
        return this.#roll?.cancel();
      case 'resume-roll':
        return this.#resumeRoll();
      case 'refuse':
        return this.#refuse();
    }
  }

  #hold(): void {
    this.#newest.changes();
    this.#plan.starts.close();
    if (!this.#newest.isAwaited) return;
    for (const session of this.#plan.sessions()) session.holdBegins();
  }

  #release(): void {
    this.#newest.mends();
    this.#plan.starts.open(false);
    this.#newest.calms();
    for (const session of this.#plan.sessions()) {
      if (this.#roll) this.#roll.letGo(session);
      else session.holdEnds();
    }
  }

  #resumeRoll(): void {
    this.#plan.starts.open(false);
    this.#newest.calms();
    this.#roll?.resume(this.#plan.sessions());
  }

  #refuse(): void {
    this.#newest.calms();
    // What runs from now on runs without a build: what mends it is a change.
    this.#isFirst = false;
    const { refusal } = this.#newest;
    for (const session of this.#plan.sessions()) {
      if (refusal) session.refuseCalls(refusal);
      else session.holdEnds();
    }
    // Last: who gets the place of one that was refused is told in a moment too.
    this.#plan.starts.open(false);
  }

  async #runBuild(): Promise<void> {
    const { build, report } = this.#plan;
    this.#beganAt = performance.now();
    this.#newest.mends();
    report({ kind: 'rollout.began', paths: this.#paths });
    if (!build || !this.#builds) return this.#input('built');
    const result = await this.#builds.run(() => report({ kind: 'build.began', command: build.name }));
    if (!result) return;
    report({ kind: 'build.ended', result, isOldServed: this.#newest.isOldServed });
    if (!result.ok) this.#newest.fails(buildFailed(build.name, result));
    this.#input(result.ok ? 'built' : 'build-failed');
  }

  async #rollOut(): Promise<void> {
    const { generations, starts, sessions, report } = this.#plan;
    const spec = this.#plan.specAfter(this.lastBuild);
    if (this.#isFirst) generations.begin(spec);
    else generations.advance(spec);
    this.#isFirst = false;
    starts.open(true);
    this.#newest.calms();
    const { number: generation } = generations.current;
    const roll = this.#makeRoll(generation);
    this.#roll = roll;
    const end = await roll.run(sessions());
    if (end.kind === 'cancelled') return;
    if (end.kind === 'failed') return this.#failed(end.exit);
    const ms = performance.now() - this.#beganAt;
    report({ kind: 'rollout.done', generation, ms, sessions: end.sessions, paths: this.#paths });
    this.#input('rolled');
  }

  #makeRoll(generation: number): Roll {
    const { report } = this.#plan;
    return new Roll({
      generation,
      replace: () => this.#replace,
      runsOnce: (late) => {
        if (this.#replace === 'start-first') report({ kind: 'rollout.exclusive', late });
        this.#replace = 'stop-first';
      },
      isHolding: () => this.#newest.isChanging,
      whenCalm: () => this.#newest.whenCalm(),
      refusalOf: (exit) => (this.#newest.isOldServed ? undefined : this.#failureOf(exit)),
    });
  }

  #failed(exit: Exit): void {
    this.#newest.fails(this.#failureOf(exit));
    this.#plan.report({ kind: 'rollout.failed', exit, isOldServed: this.#newest.isOldServed });
    this.#input('roll-failed');
  }

  #failureOf(exit: Exit): CallFailure {
    return isExclusive(exit) ? runsOnce(exit, this.#plan.options.isolation) : newcomerFailed(exit);
  }

  #waitingFor(): WaitingFor | undefined {
    const { build } = this.#plan;
    if (this.isBuilding && build) return { what: 'still building', why: `${build.name}, ${this.#cause}` };
    if (!this.#newest.isChanging) return undefined;
    return { what: 'files are still changing', why: `${this.#touched} changed` };
  }
}
