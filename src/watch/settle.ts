// Is a batch of file events over? Pure; batch.ts looks at the files and waits.
import { isSame, type Sample } from './sample.js';

/** How the files of a batch looked at one moment. */
export type Look = ReadonlyMap<string, Sample | undefined>;

/** Why a batch is not over. */
export type Unrest =
  /** A file looks otherwise than a moment ago. */
  | 'writing'
  /** git is replacing files. */
  | 'git'
  /** What the server needs is not there, or may not be executed. */
  | 'missing';

export interface Scene {
  readonly before: Look;
  readonly now: Look;
  readonly isGitBusy: boolean;
  /** Whether something is missing that the server cannot do without. */
  readonly isMissing: boolean;
  /** Files that are run. */
  readonly executables: readonly string[];
  /** The batch has taken too long: only what would not run at all is waited for. */
  readonly isLate: boolean;
}

/** What a batch still has to wait for, if anything. */
export function unrestOf({
  before,
  now,
  isGitBusy,
  isMissing,
  executables,
  isLate,
}: Scene): Unrest | undefined {
  const moving = [...now].filter(([file, sample]) => !isSame(before.get(file), sample)).map(([file]) => file);
  if (moving.some((file) => !isLate || executables.includes(file))) return 'writing';
  if (isGitBusy) return 'git';
  return isMissing && !isLate ? 'missing' : undefined;
}

/** What changed, for people and for the next step: paths as they are called in the project. */
export interface Change {
  /** Relative to the project's folder, sorted; at most 20 of them. */
  readonly paths: readonly string[];
  /** How many there are. */
  readonly count: number;
}

const MOST_PATHS = 20;

/** `relative`: the paths as they are told. */
export function makeChange(relative: readonly string[]): Change {
  return { paths: relative.toSorted().slice(0, MOST_PATHS), count: relative.length };
}
