// A watch over a temp folder, and what it told.
import { expect, onTestFinished } from 'vitest';
import type { OpenEvents } from '../../src/watch/feed.js';
import { watchFiles } from '../../src/watch/files.js';
import type { WatchPlan } from '../../src/watch/plan.js';
import type { Watcher, WatcherReport } from '../../src/watch/watcher.js';
import type { TempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

/** The paths that a batch changed. */
export type Told = readonly string[] | 'nothing';

export interface Watching {
  readonly watcher: Watcher;
  /** The file that each batch began with. */
  readonly touched: readonly string[];
  readonly settled: readonly Told[];
  /** How many files each batch changed. */
  readonly counts: readonly number[];
  readonly reports: readonly WatcherReport[];
  /** What was seen at the end of each batch. */
  readonly seen: readonly unknown[];
  /** What the next batch changed, when it is over. */
  next(): Promise<Told>;
  /** Waits for the beginning of the next batch. */
  begun(): Promise<void>;
  /** What else was told until one more file has changed: nothing, if the watch is at rest. */
  rest(): Promise<readonly Told[]>;
}

/** Quiet time of the tests' watches (ms). */
const DELAY = 80;
const SENTINEL = 'sentinel.js';

interface Extras {
  readonly openEvents?: OpenEvents;
  /** Looks at something at the end of each batch. */
  look?(): unknown;
}

export async function watching(
  folder: TempFolder,
  plan: Partial<WatchPlan> = {},
  { openEvents, look }: Extras = {},
): Promise<Watching> {
  const touched: string[] = [];
  const settled: Told[] = [];
  const counts: number[] = [];
  const reports: WatcherReport[] = [];
  const seen: unknown[] = [];
  let read = 0;
  const watcher = watchFiles(
    {
      ...{
        cwd: folder.path,
        paths: ['.'],
        explicit: false,
        extensions: ['js', 'json'],
        ignore: [],
        never: [],
      },
      ...{ delay: DELAY, poll: false, gitignore: true },
      ...plan,
    },
    {
      onTouched: (file) => {
        touched.push(file);
        expect(touched.length, 'each batch ends before the next one begins').toBe(settled.length + 1);
      },
      onSettled: (change) => {
        expect(settled.length, 'a batch that ends has begun').toBe(touched.length - 1);
        seen.push(look?.());
        counts.push(change?.count ?? 0);
        settled.push(change?.paths ?? 'nothing');
      },
      report: (report) => reports.push(report),
    },
    openEvents,
  );
  onTestFinished(() => watcher.close());
  await watcher.ready;

  return {
    ...{ watcher, touched, settled, counts, reports, seen },
    next: async () => {
      read += 1;
      await until(() => settled.length >= read, `batch ${read} to be over`);
      return settled[read - 1] ?? 'nothing';
    },
    begun: async () => {
      await until(() => touched.length > read, `batch ${read + 1} to begin`);
    },
    rest: async () => {
      const from = read;
      folder.write(SENTINEL, `${performance.now()}`);
      const isTold = (told: Told) => told.includes(SENTINEL);
      await until(() => settled.slice(from).some(isTold), 'the sentinel to be told');
      read = settled.length;
      return settled
        .slice(from)
        .map((told) => (told === 'nothing' ? told : told.filter((file) => file !== SENTINEL)))
        .filter((told) => told.length > 0);
    },
  };
}
