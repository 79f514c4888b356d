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
import { buildFailed, newcomerFailed } from './failures.js';
import { type Replace, Roll } from './roll.js';
import { QUIET, type RolloutEffect, type RolloutInput, type RolloutState, rolloutStep } from './state.js';

export type RolloutReport =
  | { readonly kind: 'rollout.began'; readonly paths: readonly string[] }
  | { readonly kind: 'build.began'; readonly command: string }
  | { readonly kind: 'build.ended'; readonly result: BuildResult }
  | {
      readonly kind: 'rollout.done';
      readonly generation: number;
      readonly ms: number;
      readonly sessions: number;
      readonly paths: readonly string[];
    }
  | { readonly kind: 'rollout.failed'; readonly exit: Exit }
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
  #changing = false;
  #refusal: CallFailure | undefined;
  #failure: CallFailure | undefined;
  #build: Build | undefined;
  #lastBuild: BuildResult | undefined;
  #isFirst = true;
  /** Builds whose processes are not gone. */
  readonly #alive = new Set<Build>();
  #ending: Promise<unknown> = Promise.resolve();
  #builds = 0;
  #isClosed = false;
  /** The newest one. */
  #roll: Roll | undefined;
  #paths: readonly string[] = [];
  #beganAt = 0;

  constructor(plan: RolloutPlan) {
    this.#plan = plan;
    this.#replace = plan.replace;
  }

  get state(): RolloutState['name'] {
    return this.#state.name;
  }

  get lastBuild(): BuildResult | undefined {
    return this.#lastBuild;
  }

  /** What sessions that are opened or woken now must know. */
  readonly standing = (): Standing => ({
    changing: this.#changing && this.#plan.options.serveOld !== 'always',
    // While a change is on its way, calls wait for what it brings.
    refusal: this.#plan.options.serveOld === 'never' && !this.#changing ? this.#refusal : undefined,
    waitingFor: this.#waitingFor(),
  });

  /** The first build, if there is one to make. */
  begin(): void {
    if (this.#plan.build) this.#input('forced');
    else this.#isFirst = false;
  }

  /** The first event of a change. */
  touched(path: string): void {
    this.#paths = [path];
    this.#input('touched');
  }

  /** The change has settled; undefined: there was none. */
  settled(paths: readonly string[] | undefined): void {
    if (paths) this.#paths = paths;
    this.#input(paths ? 'settled' : 'unchanged');
  }

  /** A rollout without a change, because the user wants one. */
  force(): void {
    this.#paths = [];
    this.#input('forced');
  }

  /** Ends the build that runs; resolves when its processes are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#roll?.cancel();
    await Promise.all([...this.#alive].map((build) => build.cancel()));
  }

  /** Kills the build that runs, now and synchronously. */
  kill(): void {
    for (const build of this.#alive) build.kill();
  }

  #input(input: RolloutInput): void {
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
        return this.#cancelBuild();
      case 'roll':
        return void this.#rollOut();
      case 'cancel-roll':
        return this.#roll?.cancel();
      case 'refuse':
        return this.#refuse();
    }
  }

  #hold(): void {
    this.#changing = true;
    this.#plan.starts.close();
    if (this.#plan.options.serveOld === 'always') return;
    for (const session of this.#plan.sessions()) session.holdBegins();
  }

  #release(): void {
    this.#changing = false;
    this.#refusal = undefined;
    this.#plan.starts.open(false);
    for (const session of this.#plan.sessions()) {
      if (this.#roll) this.#roll.letGo(session);
      else session.holdEnds();
    }
  }

  #cancelBuild(): void {
    const build = this.#build;
    this.#build = undefined;
    if (build) this.#ending = Promise.all([this.#ending, build.cancel()]);
  }

  #refuse(): void {
    this.#changing = false;
    // What runs from now on runs without a build: what mends it is a change.
    this.#isFirst = false;
    this.#refusal = this.#failure ?? this.#refusal;
    const { serveOld } = this.#plan.options;
    for (const session of this.#plan.sessions()) {
      if (serveOld === 'never' && this.#refusal) session.refuseCalls(this.#refusal);
      else session.holdEnds();
    }
    // Last: who gets the place of one that was refused is told in a moment too.
    this.#plan.starts.open(false);
  }

  async #runBuild(): Promise<void> {
    const { build, report } = this.#plan;
    this.#beganAt = performance.now();
    this.#failure = undefined;
    report({ kind: 'rollout.began', paths: this.#paths });
    if (!build) return this.#input('built');
    this.#builds += 1;
    const turn = this.#builds;
    // One build at a time: two would write the same files.
    await this.#ending;
    if (turn !== this.#builds || this.#isClosed) return;
    report({ kind: 'build.began', command: build.name });
    const running = build.begin();
    this.#build = running;
    this.#alive.add(running);
    const result = await running.done;
    this.#alive.delete(running);
    // A later change has taken its place.
    if (this.#build !== running) return;
    this.#build = undefined;
    this.#lastBuild = result;
    report({ kind: 'build.ended', result });
    if (!result.ok) this.#failure = buildFailed(build.name, result);
    this.#input(result.ok ? 'built' : 'build-failed');
  }

  async #rollOut(): Promise<void> {
    const { generations, starts, sessions, report } = this.#plan;
    const spec = this.#plan.specAfter(this.#lastBuild);
    if (this.#isFirst) generations.begin(spec);
    else generations.advance(spec);
    this.#isFirst = false;
    this.#changing = false;
    this.#refusal = undefined;
    starts.open(true);
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
    const { options, report } = this.#plan;
    return new Roll({
      generation,
      replace: () => this.#replace,
      runsOnce: (late) => {
        if (this.#replace === 'start-first') report({ kind: 'rollout.exclusive', late });
        this.#replace = 'stop-first';
      },
      isHolding: () => this.#changing,
      refusalOf: (exit) => (options.serveOld === 'never' ? this.#failureOf(exit) : undefined),
    });
  }

  #failed(exit: Exit): void {
    this.#failure = this.#failureOf(exit);
    this.#plan.report({ kind: 'rollout.failed', exit });
    this.#input('roll-failed');
  }

  #failureOf(exit: Exit): CallFailure {
    return isExclusive(exit) ? runsOnce(exit, this.#plan.options.isolation) : newcomerFailed(exit);
  }

  #waitingFor(): WaitingFor | undefined {
    const { build } = this.#plan;
    const cause = this.#paths.length > 0 ? `${this.#paths.slice(0, 3).join(', ')} changed` : 'restart';
    if (this.#state.name === 'building' && build)
      return { what: 'still building', why: `${build.name}, ${cause}` };
    return this.#changing ? { what: 'files are still changing', why: cause } : undefined;
  }
}
