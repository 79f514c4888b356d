// Keeps the system's file events coming: over the right folders, again after folders were replaced, and by polling
// where there are no events.
import os from 'node:os';
import path from 'node:path';
import { type Listing, listFiles } from './listing.js';
import type { WatchPlan } from './plan.js';
import { isAnyRemote, isLimitError, type Limit, limitBehind } from './polling.js';
import { identitiesOf, identityOf, isFolder } from './sample.js';
import { makeScope, type Scope } from './scope.js';

/** Events over some folders and what is in them. */
export interface EventSource {
  /** From now on nothing is missed. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

export type EventKind = 'file' | 'folder' | 'other';

export interface EventRequest {
  readonly folders: readonly string[];
  readonly isPolling: boolean;
  /** `kind` as far as it is known. */
  isIgnored(file: string, kind: EventKind | undefined): boolean;
}

export interface EventDoors {
  /** Something happened to a path, or, with a name, to that name in it if it is a folder. */
  onEvent(file: string, name: string | undefined): void;
  /** A folder is watched from now on, or not any more because it is gone. */
  onFolder(folder: string): void;
  onError(error: NodeJS.ErrnoException): void;
}

export type OpenEvents = (request: EventRequest, doors: EventDoors) => EventSource;

/** Why files are looked at every second instead of waiting for events. */
export type PollReason = 'asked' | 'remote' | 'limited';

export type FeedReport =
  | { readonly kind: 'watch.refused'; readonly folder: string }
  | ({ readonly kind: 'watch.limited' } & Limit)
  | { readonly kind: 'watch.failed'; readonly error: unknown };

export interface FeedDoors {
  /** Something happened to a file that counts. */
  onFile(file: string): void;
  /** Something happened to folders. */
  onFolders(): void;
  report(report: FeedReport): void;
}

/** Polling begins with a first look at each file that nobody can wait for; what changed before it is found later (ms). */
const LOOK_BACK = 1_500;

export class Feed {
  readonly #plan: WatchPlan;
  readonly #openEvents: OpenEvents;
  readonly #doors: FeedDoors;
  readonly #told = new Set<string | undefined>();
  #scope: Scope;
  /** The folders that are watched, and which ones they were when that began. */
  #watched: Map<string, string> = new Map();
  #source: EventSource | undefined;
  #polls: PollReason | undefined;
  #following: Promise<unknown> = Promise.resolve();
  #lookBack: NodeJS.Timeout | undefined;
  #isOpening = false;
  #isBroken = false;
  #isClosed = false;
  /** Ends the wait for a source that will not do. */
  #giveUp: (() => void) | undefined;

  constructor(plan: WatchPlan, openEvents: OpenEvents, doors: FeedDoors) {
    this.#plan = plan;
    this.#openEvents = openEvents;
    this.#doors = doors;
    this.#polls = plan.poll ? 'asked' : undefined;
    this.#scope = makeScope(plan, os.homedir());
    for (const folder of this.#scope.refused) doors.report({ kind: 'watch.refused', folder });
  }

  get scope(): Scope {
    return this.#scope;
  }

  get polls(): PollReason | undefined {
    return this.#polls;
  }

  /** What there is now. */
  list(): Promise<Listing> {
    this.#scope = makeScope(this.#plan, os.homedir());
    return listFiles(this.#scope);
  }

  /** Sees to it that events come from all the folders that were listed; what there is when they do. */
  follow(listing: Listing): Promise<Listing> {
    const following = this.#following.then(() => this.#follow(listing));
    this.#following = following.catch(() => {});
    return following;
  }

  /** Whether each folder that is asked for by name is still the one that is watched. */
  isIntact(): boolean {
    const { folders } = makeScope(this.#plan, os.homedir());
    return this.#isOpening || this.#isWatched(identitiesOf(folders));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#lookBack);
    this.#giveUp?.();
    await this.#source?.close();
  }

  async #follow(listing: Listing): Promise<Listing> {
    if (this.#isClosed || (!this.#isBroken && this.#isWatched(listing.folders))) return listing;
    this.#isOpening = true;
    try {
      await this.#open();
      const now = await this.list();
      this.#watched = new Map(now.folders);
      if (this.#polls) this.#lookBackLater();
      return now;
    } finally {
      this.#isOpening = false;
    }
  }

  #lookBackLater(): void {
    clearTimeout(this.#lookBack);
    this.#lookBack = setTimeout(() => this.#doors.onFolders(), LOOK_BACK).unref();
  }

  #isWatched(folders: ReadonlyMap<string, string>): boolean {
    return [...folders].every(([folder, identity]) => this.#watched.get(folder) === identity);
  }

  async #open(): Promise<void> {
    const { folders } = this.#scope;
    if (!this.#polls && (await isAnyRemote(folders))) this.#polls = 'remote';
    do {
      await this.#source?.close();
      if (this.#isClosed) return;
      this.#isBroken = false;
      this.#source = folders.length > 0 ? this.#makeSource() : undefined;
      const gaveUp = new Promise<void>((resolve) => {
        this.#giveUp = resolve;
      });
      await Promise.race([this.#source?.ready, gaveUp]);
      this.#giveUp = undefined;
    } while (this.#isBroken);
    if (this.#isClosed) await this.#source?.close();
  }

  #makeSource(): EventSource {
    const { folders } = this.#scope;
    let isOurs = true;
    const source = this.#openEvents(
      {
        // What lies directly in a folder that is watched is watched with it.
        folders: folders.filter(
          (folder) => !folders.includes(path.dirname(folder)) || folder === path.dirname(folder),
        ),
        isPolling: this.#polls !== undefined,
        isIgnored: (file, kind) => !this.#counts(file, kind),
      },
      {
        onEvent: (file, name) => isOurs && this.#onEvent(file, name),
        onFolder: (folder) => isOurs && this.#onFolder(folder),
        onError: (error) => isOurs && this.#onError(error),
      },
    );
    const close = () => {
      isOurs = false;
      return source.close();
    };
    return { ready: source.ready, close };
  }

  #counts(file: string, kind: EventKind | undefined): boolean {
    if (kind === 'other') return false;
    if (kind !== 'folder' && this.#scope.isWanted(file)) return true;
    return kind !== 'file' && this.#scope.isOpen(file);
  }

  #onEvent(watched: string, name: string | undefined): void {
    const file = name !== undefined && this.#watched.has(watched) ? path.join(watched, name) : watched;
    const was = this.#watched.get(file);
    if (was !== undefined) return this.#onFolderEvent(file, was);
    const isWanted = this.#scope.isWanted(file);
    if (path.basename(file) === '.gitignore' || (isWanted && isFolder(file))) this.#doors.onFolders();
    else if (isWanted) this.#doors.onFile(file);
  }

  /** A folder that is not the one it was took its files with it. */
  #onFolderEvent(folder: string, was: string): void {
    if (identityOf(folder) === was) return;
    this.#doors.onFile(folder);
    this.#doors.onFolders();
  }

  #onFolder(folder: string): void {
    const identity = identityOf(folder);
    if (identity === undefined) this.#watched.delete(folder);
    else this.#watched.set(folder, identity);
    this.#doors.onFolders();
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (isLimitError(error)) return this.#onLimit(error.code);
    if (this.#told.has(error.code)) return;
    this.#told.add(error.code);
    this.#doors.report({ kind: 'watch.failed', error });
  }

  /** The same error comes once for every path; the first one says it all. */
  #onLimit(code: string | undefined): void {
    if (this.#polls) return;
    this.#polls = 'limited';
    this.#isBroken = true;
    this.#doors.report({ kind: 'watch.limited', ...limitBehind(code) });
    if (this.#giveUp) this.#giveUp();
    else this.#doors.onFolders();
  }
}
