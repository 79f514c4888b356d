// The builds of a project, one at a time: the latest change wins.
import type { Build, BuildResult } from './build.js';

export class Builds {
  readonly #begin: () => Build;
  #current: Build | undefined;
  #last: BuildResult | undefined;
  /** Those whose processes are not gone. */
  readonly #alive = new Set<Build>();
  #ending: Promise<unknown> = Promise.resolve();
  #turn = 0;

  constructor(begin: () => Build) {
    this.#begin = begin;
  }

  /** How the last one went that came to its end. */
  get last(): BuildResult | undefined {
    return this.#last;
  }

  /**
   * Runs one when nothing is left of the one before; `onBegin` is called then. Resolves with how it went, or with undefined
   * where it was cancelled.
   */
  async run(onBegin: () => void): Promise<BuildResult | undefined> {
    this.#turn += 1;
    const turn = this.#turn;
    // Two at once would write the same files.
    await this.#ending;
    if (turn !== this.#turn) return undefined;
    onBegin();
    const build = this.#begin();
    this.#current = build;
    this.#alive.add(build);
    const result = await build.done;
    this.#alive.delete(build);
    if (build !== this.#current) return undefined;
    this.#current = undefined;
    this.#last = result;
    return result;
  }

  /** Ends the one that runs, or waits to. */
  cancel(): void {
    const build = this.#current;
    this.#current = undefined;
    this.#turn += 1;
    if (build) this.#ending = Promise.all([this.#ending, build.cancel()]);
  }

  /** Resolves when nothing is left of any. */
  async close(): Promise<void> {
    this.cancel();
    await Promise.all([...this.#alive].map((build) => build.cancel()));
  }

  /** Kills what there is, now and synchronously. */
  kill(): void {
    for (const build of this.#alive) build.kill();
  }
}
