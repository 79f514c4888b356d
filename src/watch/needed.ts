// Whether what the server cannot do without is there: its program, and the folders of its code.
import path from 'node:path';
import { namesBelow } from './below.js';
import type { WatchPlan } from './plan.js';
import { isExecutable, isThere } from './sample.js';

export class Needed {
  readonly executables: readonly string[];
  readonly #commands: readonly string[];
  /** Every tree there ever was. */
  readonly #trees = new Set<string>();

  constructor({ cwd, executables = [], commands = [] }: WatchPlan) {
    this.executables = executables.map((file) => path.resolve(cwd, file));
    this.#commands = commands.map((file) => path.resolve(cwd, file));
  }

  get trees(): Iterable<string> {
    return this.#trees;
  }

  learn(trees: readonly string[]): void {
    for (const tree of trees) this.#trees.add(tree);
  }

  /** Whether it is missing, and these files, which are touched, may be why. */
  isMissing(files: readonly string[]): boolean {
    if (this.executables.some((file) => files.includes(file) && !this.#isRunnable(file))) return true;
    const gone = [...this.#trees].filter((tree) => !isThere(tree));
    return gone.some((tree) => files.some((file) => namesBelow(tree, file)));
  }

  /** What another program reads, a jar or a dll, is run without the permission to execute it. */
  #isRunnable(file: string): boolean {
    return this.#commands.includes(file) ? isExecutable(file) : isThere(file);
  }
}
