// One batch of file events, from the first of them until the files have come to rest. settle.ts decides when.
import { type Print, readPrints } from './prints.js';
import { samplesOf } from './sample.js';
import { type Look, type Unrest, unrestOf } from './settle.js';

export interface BatchWorld {
  /** Quiet time that ends a batch (ms). */
  readonly delay: number;
  /** Files that are run. */
  readonly executables: readonly string[];
  /** Tells of each file that looks otherwise than it did. */
  findDifferent(tell: (file: string) => void): Promise<void>;
  isGitBusy(): boolean;
  /** Whether, of what these files need or are, something is not there. */
  isMissing(files: readonly string[]): boolean;
}

export interface BatchDoors {
  /** The batch is about this file, the first one that counts. */
  onTouched(file: string): void;
  /** It takes long. */
  onSlow(why: Unrest, file: string | undefined): void;
  /** The files have come to rest, and are this. */
  onRest(files: ReadonlyMap<string, Print | undefined>): void;
}

/** When a file was touched: the first and the last time (ms). */
export interface Touch {
  readonly first: number;
  readonly last: number;
}

/** Between the two looks that must be alike (ms). chokidar tells nothing of a second write within 50 ms. */
const GAP = 60;
/** How often is asked whether what was missing is there, or git is done (ms). */
const RECHECK = 50;
const SLOW = 10_000;
/** A batch is over after so long, unless a file that is run is still being written (ms). */
const PATIENCE = 30_000;

export class Batch {
  readonly #world: BatchWorld;
  readonly #doors: BatchDoors;
  readonly #touches = new Map<string, Touch>();
  readonly #began = performance.now();
  #timer: NodeJS.Timeout | undefined;
  /** Counts the attempts to end; a new event makes the one that goes on void. */
  #attempt = 0;
  #isStirred = false;
  #isOver = false;
  #isSlow = false;

  constructor(world: BatchWorld, doors: BatchDoors) {
    this.#world = world;
    this.#doors = doors;
  }

  /** The files it is about. */
  get touches(): ReadonlyMap<string, Touch> {
    return this.#touches;
  }

  /** A file was touched. */
  touch(file: string): void {
    this.#note(file);
    this.#waitForQuiet();
  }

  /** Something happened to folders: all files have to be looked at. */
  stir(): void {
    this.#isStirred = true;
    this.#waitForQuiet();
  }

  /** Nothing more comes of it. */
  cancel(): void {
    this.#isOver = true;
    this.#attempt += 1;
    clearTimeout(this.#timer);
  }

  #note(file: string): void {
    const now = performance.now();
    const isFirst = this.#touches.size === 0;
    this.#touches.set(file, { first: this.#touches.get(file)?.first ?? now, last: now });
    if (isFirst) this.#doors.onTouched(file);
  }

  #waitForQuiet(): void {
    this.#tellIfSlow('writing');
    if (this.#isLate && this.#timer) return;
    this.#tryIn(Math.max(0, this.#world.delay - GAP));
  }

  #tryIn(ms: number): void {
    this.#attempt += 1;
    const attempt = this.#attempt;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#lookFirst(attempt), ms);
  }

  async #lookFirst(attempt: number): Promise<void> {
    await this.#findTheRest();
    if (attempt !== this.#attempt) return;
    const before = samplesOf(this.#touches.keys());
    this.#timer = setTimeout(() => void this.#lookAgain(attempt, before), GAP);
  }

  async #lookAgain(attempt: number, before: Look): Promise<void> {
    const now = samplesOf(this.#touches.keys());
    const unrest = this.#unrest(before, now);
    if (unrest) return this.#waitOn(unrest);
    const prints = await readPrints(now, this.#isLate);
    if (attempt !== this.#attempt) return;
    if (!prints) return this.#waitOn('writing');
    this.cancel();
    this.#doors.onRest(prints);
  }

  /** Folders that have changed may hide files that nothing was heard of. */
  async #findTheRest(): Promise<void> {
    if (!this.#isStirred) return;
    this.#isStirred = false;
    await this.#world.findDifferent((file) => {
      if (!this.#isOver) this.#note(file);
    });
  }

  #unrest(before: Look, now: Look): Unrest | undefined {
    return unrestOf({
      before,
      now,
      isGitBusy: this.#world.isGitBusy(),
      isMissing: this.#world.isMissing([...now.keys()]),
      executables: this.#world.executables,
      isLate: this.#isLate,
    });
  }

  #waitOn(unrest: Unrest): void {
    this.#tellIfSlow(unrest);
    this.#tryIn(RECHECK);
  }

  #tellIfSlow(why: Unrest): void {
    if (this.#isSlow || performance.now() - this.#began < SLOW) return;
    this.#isSlow = true;
    this.#doors.onSlow(why, [...this.#touches.keys()].at(-1));
  }

  get #isLate(): boolean {
    return performance.now() - this.#began > PATIENCE;
  }
}
