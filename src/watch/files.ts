// The only chokidar. Its events are hints: which file may have changed is asked of the disk, by watcher.ts and below.
import type { Stats } from 'node:fs';
import path from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { EventDoors, EventKind, EventRequest, EventSource, OpenEvents } from './feed.js';
import type { WatchPlan } from './plan.js';
import { FileWatcher, type WatchDoors, type Watcher, type WatcherReport } from './watcher.js';

export type WatchReport = WatcherReport;

/** How often files are looked at where there are no events (ms). */
const POLL = 1_000;

/** Watches the files of a plan from `ready` on. */
export function watchFiles(
  plan: WatchPlan,
  doors: WatchDoors,
  openEvents: OpenEvents = openChokidar,
): Watcher {
  const cwd = path.resolve(plan.cwd);
  const poll = plan.poll || isPollingForced(process.env.CHOKIDAR_USEPOLLING);
  return new FileWatcher({ ...plan, cwd, poll }, doors, openEvents);
}

/** chokidar polls where this variable says so, whatever it is asked for. */
function isPollingForced(variable: string | undefined): boolean {
  return variable !== undefined && !['', '0', 'false'].includes(variable.toLowerCase());
}

/** chokidar's events over some folders; it is loaded when it is first needed. */
export function openChokidar(request: EventRequest, doors: EventDoors): EventSource {
  const life = new AbortController();
  const opening = import('chokidar').then(({ watch }) => {
    if (life.signal.aborted) return undefined;
    const watcher = watch([...request.folders], {
      ignoreInitial: true,
      ignorePermissionErrors: true,
      // Its grace for files that are removed and made again would only delay the first word of it.
      atomic: false,
      usePolling: request.isPolling,
      interval: POLL,
      binaryInterval: POLL,
      ignored: (file, stats) => request.isIgnored(path.normalize(file), stats && kindOf(stats)),
    });
    listen(watcher, doors);
    return watcher;
  });
  return {
    ready: opening.then((watcher) => watcher && whenReady(watcher, life.signal)),
    close: async () => {
      life.abort();
      const watcher = await opening.catch(() => undefined);
      await watcher?.close();
      // What was under way when it was closed may still fail, and nobody would listen.
      watcher?.on('error', () => {});
    },
  };
}

function kindOf(stats: Stats): EventKind | undefined {
  if (stats.isSymbolicLink()) return undefined;
  if (stats.isDirectory()) return 'folder';
  return stats.isFile() ? 'file' : 'other';
}

function listen(watcher: FSWatcher, doors: EventDoors): void {
  watcher.on('all', (event, file) => {
    if (event === 'addDir' || event === 'unlinkDir') doors.onFolder(file);
    else doors.onEvent(file, undefined);
  });
  // It tells of folders that were replaced, of which the others say nothing, and earlier than they do.
  watcher.on('raw', (_event, name, details) => {
    const watched = watchedPathOf(details);
    const file = watched ?? name;
    // Some systems tell no name.
    if (typeof file === 'string') doors.onEvent(file, watched && name);
  });
  watcher.on('error', (error) => doors.onError(error as NodeJS.ErrnoException));
}

/** What was watched when an event named something in it; polling names what is watched itself. */
function watchedPathOf(details: unknown): string | undefined {
  if (typeof details !== 'object' || details === null || !('watchedPath' in details)) return undefined;
  return typeof details.watchedPath === 'string' ? details.watchedPath : undefined;
}

function whenReady(watcher: FSWatcher, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    watcher.once('ready', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
