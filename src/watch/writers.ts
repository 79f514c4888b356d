// Who writes in circles: the server after its starts, or the build. Drives the table of loop.ts.
import { type Heard, isMuted, type LoopEvent, loopStep, UNAWARE, type Writer } from './loop.js';
import type { WatchPlan } from './plan.js';
import type { Print } from './prints.js';

const NOBODY: ReadonlyMap<string, Writer> = new Map();

export class Writers {
  readonly #mayCatch: boolean;
  readonly #tell: (file: string, writer: Writer) => void;
  #memory = UNAWARE;

  /** `tell`: this one was caught. Nobody is where the user has named what is watched. */
  constructor({ explicit }: Pick<WatchPlan, 'explicit'>, tell: (file: string, writer: Writer) => void) {
    this.#mayCatch = !explicit;
    this.#tell = tell;
  }

  /** Whether what is heard of the file now means nothing. */
  isMuted(file: string): boolean {
    return isMuted(this.#memory, file, performance.now());
  }

  /** Something began or ended that may write files. */
  mark(kind: 'started' | 'build-began' | 'build-ended'): void {
    this.#observe({ kind, at: performance.now() });
  }

  /** These files are others than before. Who was caught by that. */
  changed(files: ReadonlyMap<string, Omit<Heard, 'written'> & { readonly print: Print | undefined }>) {
    const heard = [...files].map(
      ([file, { first, last, print }]) => [file, { first, last, written: writtenAt(print) }] as const,
    );
    return this.#observe({ kind: 'changed', files: new Map(heard) });
  }

  #observe(event: LoopEvent): ReadonlyMap<string, Writer> {
    if (!this.#mayCatch) return NOBODY;
    const { memory, caught } = loopStep(this.#memory, event);
    this.#memory = memory;
    for (const [file, writer] of caught) this.#tell(file, writer);
    return caught;
  }
}

/** By the clock of `performance.now`. */
function writtenAt(print: Print | undefined): number | undefined {
  return print && Number(print.sample.mtime / 1_000n) / 1_000 - performance.timeOrigin;
}
