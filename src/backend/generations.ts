// Which build of the server is the newest, and how it is run.
import type { SpawnSpec } from './spawn.js';

export interface Generation {
  /** 1 for the first; +1 for each change that is taken up. */
  readonly number: number;
  readonly spec: SpawnSpec;
}

export class Generations {
  #current: Generation;

  constructor(spec: SpawnSpec) {
    this.#current = { number: 1, spec };
  }

  /** What a backend that is started now runs. */
  get current(): Generation {
    return this.#current;
  }

  /** A change is taken up: from now on this is run. */
  advance(spec: SpawnSpec): void {
    this.#current = { number: this.#current.number + 1, spec };
  }

  /** The first build names what is run; that is no change yet. */
  begin(spec: SpawnSpec): void {
    this.#current = { number: this.#current.number, spec };
  }
}
