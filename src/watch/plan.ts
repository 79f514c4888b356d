// What is to be watched, as it was asked for.

export interface WatchPlan {
  /** The folder of the project. */
  readonly cwd: string;
  /** Files, folders or globs, absolute or relative to `cwd`. */
  readonly paths: readonly string[];
  /** The user named them: they win over what is ignored by default, and no loop guard silences them. */
  readonly explicit: boolean;
  /** Without a dot; of an inferred folder only such files count. */
  readonly extensions?: readonly string[];
  /** Files that are run: a batch is not over before each is there. */
  readonly executables?: readonly string[];
  /** Those of them that are the command itself: each must be allowed to be executed too. */
  readonly commands?: readonly string[];
  /** Globs of --ignore. */
  readonly ignore: readonly string[];
  /** Absolute paths that never count: the state folder, what the build writes. */
  readonly never: readonly string[];
  /** Quiet time that ends a batch (ms). */
  readonly delay: number;
  readonly poll: boolean;
  /** What .gitignore files name is ignored. */
  readonly gitignore: boolean;
}
