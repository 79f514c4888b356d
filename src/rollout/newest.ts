// How the newest code stands: whether it is changing, and why it does not run.
import type { CallFailure } from '../errors.js';
import type { Options } from '../options.js';

const CALM = Promise.resolve();

export class Newest {
  readonly #serveOld: Options['serveOld'];
  readonly #waiting: (() => void)[] = [];
  #isChanging = false;
  #failure: CallFailure | undefined;

  constructor(serveOld: Options['serveOld']) {
    this.#serveOld = serveOld;
  }

  get isChanging(): boolean {
    return this.#isChanging;
  }

  /** It does not build, or does not start. */
  get isBroken(): boolean {
    return this.#failure !== undefined && !this.#isChanging;
  }

  /** Calls wait for what changes. */
  get isAwaited(): boolean {
    return this.#isChanging && this.#serveOld !== 'always';
  }

  /** While it is broken the old code serves. */
  get isOldServed(): boolean {
    return this.#serveOld !== 'never';
  }

  /** What calls are told while it is broken; undefined: the old code serves them, or they wait for what changes. */
  get refusal(): CallFailure | undefined {
    return this.isOldServed || this.#isChanging ? undefined : this.#failure;
  }

  /** Resolves when nothing changes any more; at once if nothing does. */
  whenCalm(): Promise<void> {
    return this.#isChanging ? new Promise((resolve) => this.#waiting.push(resolve)) : CALM;
  }

  changes(): void {
    this.#isChanging = true;
  }

  /** The change is over, whatever came of it. */
  calms(): void {
    this.#isChanging = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  fails(failure: CallFailure): void {
    this.#failure = failure;
  }

  /** What it failed of is mended, or tried anew. */
  mends(): void {
    this.#failure = undefined;
  }
}
