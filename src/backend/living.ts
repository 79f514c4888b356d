// Which processes of a session there are, serving or on their way out, and who waits for their end.
import type { Backend } from './backend.js';

interface Wait {
  readonly left: Set<Backend>;
  readonly resolve: () => void;
}

export class Living {
  readonly #all = new Set<Backend>();
  #waits: Wait[] = [];

  get all(): ReadonlySet<Backend> {
    return this.#all;
  }

  add(backend: Backend): void {
    this.#all.add(backend);
  }

  /** It is gone; who waits for it hears of that with `tellGone`. */
  remove(backend: Backend): void {
    this.#all.delete(backend);
  }

  tellGone(backend: Backend): void {
    this.#waits = this.#waits.filter(({ left, resolve }) => {
      left.delete(backend);
      if (left.size === 0) resolve();
      return left.size > 0;
    });
  }

  /** Resolves when none is left of those that there are now. */
  emptied(): Promise<void> {
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waits.push({ left: new Set(this.#all), resolve }));
  }
}
