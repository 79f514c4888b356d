// The watch over a project's files: events in, batches out. It knows what each file was.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Batch } from './batch.js';
import { Feed, type FeedReport, type OpenEvents, type PollReason } from './feed.js';
import { findGitTop, gitLockOf, isGitBusy } from './git.js';
import type { Listing } from './listing.js';
import type { Writer } from './loop.js';
import { Needed } from './needed.js';
import type { WatchPlan } from './plan.js';
import { type Print, Prints, readPrints } from './prints.js';
import { samplesOf } from './sample.js';
import { missingOf } from './scope.js';
import { type Change, makeChange, type Unrest } from './settle.js';
import { Writers } from './writers.js';

export interface WatchDoors {
  /** A batch begins: the first file that may have changed, told in that very moment. */
  onTouched(file: string): void;
  /** The batch is over; undefined if nothing is different from before. */
  onSettled(change: Change | undefined): void;
  report(report: WatcherReport): void;
}

export type WatcherReport =
  | FeedReport
  | { readonly kind: 'watch.ready'; readonly files: number; readonly polls: PollReason | undefined }
  /** The user named this, absolute here, and there is nothing. */
  | { readonly kind: 'watch.missing'; readonly paths: readonly string[] }
  /** The server or the build writes this file in circles; it is ignored. */
  | { readonly kind: 'watch.loop'; readonly file: string; readonly writer: Writer }
  /** Files do not come to rest. */
  | { readonly kind: 'watch.slow'; readonly why: Unrest; readonly file: string | undefined };

export interface Watcher {
  /** From now on no change is missed. */
  readonly ready: Promise<void>;
  /** A batch has been told of that is not over. */
  readonly isSettling: boolean;
  /** Changes are noted and not told. */
  pause(): void;
  /** What changed meanwhile is one change. */
  resume(): void;
  /** All is being taken up as it is now: of what changed in the pause, only what changes from now on is told. */
  takeUp(): void;
  /** Something began or ended that may write files itself. */
  mark(event: 'started' | 'build-began' | 'build-ended'): void;
  close(): Promise<void>;
}

/** Files and folders that are asked for by name are looked at so often, whatever is heard of them (ms). */
const CHECK = 500;
/** Who waits for a server when the bridge begins to serve does not wait for events to be opened too (ms). */
const OPEN_AFTER = 30;
/** So long a batch waits for events over folders that were replaced (ms). */
const REOPEN = 500;

export class FileWatcher implements Watcher {
  readonly ready: Promise<void>;
  readonly #plan: WatchPlan;
  readonly #doors: WatchDoors;
  readonly #feed: Feed;
  readonly #prints = new Prints();
  readonly #writers: Writers;
  readonly #life = new AbortController();
  readonly #needed: Needed;
  #gitLocks: readonly string[] = [];
  #batch: Batch | undefined;
  /** What was touched while paused. */
  #noted: Set<string> | undefined;
  #checks: NodeJS.Timeout | undefined;

  constructor(plan: WatchPlan, doors: WatchDoors, openEvents: OpenEvents) {
    this.#plan = plan;
    this.#doors = doors;
    this.#needed = new Needed(plan);
    this.#feed = new Feed(plan, openEvents, {
      onFile: (file) => this.#onFile(file),
      onFolders: () => this.#onFolders(),
      report: (report) => doors.report(report),
    });
    this.#writers = new Writers(plan, (file, writer) =>
      doors.report({ kind: 'watch.loop', file: this.#relative(file), writer }),
    );
    this.ready = this.#begin();
  }

  get isSettling(): boolean {
    return (this.#batch?.touches.size ?? 0) > 0;
  }

  pause(): void {
    this.#noted ??= new Set();
    const batch = this.#batch;
    this.#batch = undefined;
    batch?.cancel();
    for (const file of batch?.touches.keys() ?? []) this.#noted.add(file);
    if (batch?.touches.size) this.#doors.onSettled(undefined);
  }

  resume(): void {
    const noted = this.#noted;
    this.#noted = undefined;
    for (const file of noted ?? []) this.#onFile(file);
    if (noted) this.#onFolders();
  }

  takeUp(): void {
    if (!this.#noted) return;
    const noted = [...this.#noted];
    this.#noted.clear();
    void this.#takeDifferent(noted);
  }

  mark(event: 'started' | 'build-began' | 'build-ended'): void {
    this.#writers.mark(event);
  }

  async close(): Promise<void> {
    this.#life.abort();
    this.#batch?.cancel();
    clearInterval(this.#checks);
    await this.#feed.close();
  }

  async #begin(): Promise<void> {
    try {
      const before = await this.#feed.list();
      this.#prints.begin(before);
      this.#tellMissing(before);
      await sleep(OPEN_AFTER, undefined, { signal: this.#life.signal });
      const now = await this.#feed.follow(before);
      if (this.#life.signal.aborted) return;
      this.#learnPlaces();
      for (const file of this.#prints.differing(now)) this.#onFile(file);
      this.#doors.report({ kind: 'watch.ready', files: now.files.size, polls: this.#feed.polls });
      this.#checks = setInterval(() => this.#check(), CHECK).unref();
      void this.#prints.fill(this.#life.signal);
    } catch (error) {
      if (!this.#life.signal.aborted) this.#doors.report({ kind: 'watch.failed', error });
    }
  }

  #tellMissing({ files }: Listing): void {
    const paths = this.#plan.explicit ? missingOf(this.#plan, [...files.keys()]) : [];
    if (paths.length > 0) this.#doors.report({ kind: 'watch.missing', paths });
  }

  #learnPlaces(): void {
    this.#needed.learn(this.#feed.scope.trees);
    const tops = [this.#plan.cwd, ...this.#needed.trees].map((folder) => findGitTop(folder));
    this.#gitLocks = [...new Set(tops)].flatMap((top) => (top ? [gitLockOf(top)] : []));
  }

  #onFile(file: string): void {
    if (this.#life.signal.aborted) return;
    if (this.#writers.isMuted(file)) void this.#take([file]);
    else if (this.#noted) this.#noted.add(file);
    else this.#currentBatch().touch(file);
  }

  #onFolders(): void {
    if (!this.#life.signal.aborted && !this.#noted) this.#currentBatch().stir();
  }

  #currentBatch(): Batch {
    this.#batch ??= new Batch(
      {
        delay: this.#plan.delay,
        executables: this.#needed.executables,
        findDifferent: (tell) => this.#findDifferent(tell),
        isGitBusy: () => isGitBusy(this.#gitLocks, Date.now()),
        isMissing: (files) => this.#needed.isMissing(files),
      },
      {
        onTouched: (file) => this.#doors.onTouched(this.#relative(file)),
        onSlow: (why, file) =>
          this.#doors.report({ kind: 'watch.slow', why, file: file && this.#relative(file) }),
        onRest: (prints) => this.#onRest(prints),
      },
    );
    return this.#batch;
  }

  async #findDifferent(tell: (file: string) => void): Promise<void> {
    const listing = await this.#feed.list();
    await this.#tellDifferent(listing, tell);
    this.#learnPlaces();
    // In a large project the events are back later than the files are at rest.
    await Promise.race([this.#followAndTell(listing), sleep(REOPEN, undefined, { ref: false })]);
  }

  async #followAndTell(listing: Listing): Promise<void> {
    try {
      const now = await this.#feed.follow(listing);
      if (now !== listing) await this.#tellDifferent(now, (file) => this.#onFile(file));
    } catch (error) {
      this.#doors.report({ kind: 'watch.failed', error });
    }
  }

  async #tellDifferent(listing: Listing, tell: (file: string) => void): Promise<void> {
    const muted: string[] = [];
    for (const file of this.#prints.differing(listing)) {
      if (this.#writers.isMuted(file)) muted.push(file);
      else tell(file);
    }
    await this.#take(muted);
  }

  #onRest(prints: ReadonlyMap<string, Print | undefined>): void {
    const changed = this.#prints.commit(prints);
    const touches = this.#batch?.touches ?? new Map();
    this.#batch = undefined;
    const accused = changed.filter((file) => !this.#needed.executables.includes(file));
    const heard = [...touches]
      .filter(([file]) => accused.includes(file))
      .map(([file, touch]) => [file, { ...touch, print: prints.get(file) }] as const);
    const caught = this.#writers.changed(new Map(heard));
    const counted = changed.filter((file) => !caught.has(file)).map((file) => this.#relative(file));
    if (touches.size > 0) this.#doors.onSettled(counted.length > 0 ? makeChange(counted) : undefined);
  }

  /** Takes for what it is whatever differs; in the pause nothing was heard of what is in new folders. */
  async #takeDifferent(noted: readonly string[]): Promise<void> {
    const differing = this.#prints.differing(await this.#feed.list());
    await this.#take([...new Set([...noted, ...differing])], false);
  }

  /** Takes files for what they are, without a word; none if one of them is being written, unless that is all right. */
  async #take(files: readonly string[], mayMove = true): Promise<void> {
    const prints = await readPrints(samplesOf(files), mayMove);
    if (prints) this.#prints.commit(prints);
  }

  /** Events can be lost: what was asked for by name is looked at besides. */
  #check(): void {
    for (const [file, sample] of samplesOf(this.#feed.scope.files)) {
      if (!this.#prints.looksSame(file, sample) && !this.#batch?.touches.has(file)) this.#onFile(file);
    }
    if (!this.#batch && !this.#feed.isIntact()) this.#onFolders();
  }

  #relative(file: string): string {
    return path.relative(this.#plan.cwd, file);
  }
}
