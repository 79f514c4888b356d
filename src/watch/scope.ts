// What a plan means on this disk: which folders to watch, and which files in them count.
import path from 'node:path';
import { namesBelow } from './below.js';
import { findGitTop } from './git.js';
import { type IsGitIgnored, readGitignores } from './gitignore.js';
import { globTree, ignoreMatcher, isGlob } from './globs.js';
import { type Ground, isNeverWatched } from './ignore.js';
import type { WatchPlan } from './plan.js';
import { refusedRoot } from './roots.js';
import { isFolder, isThere } from './sample.js';

/** A plan on this disk, as it is now. */
export interface Scope {
  /** Files watched by name, there or not. */
  readonly files: readonly string[];
  /** Folders watched with what is in them. */
  readonly trees: readonly string[];
  /** Every folder where the system is asked for events: the trees, and the folders that hold the files. */
  readonly folders: readonly string[];
  /** Trees too large to be watched. */
  readonly refused: readonly string[];
  isWanted(file: string): boolean;
  /** Whether to look into a folder. */
  isOpen(folder: string): boolean;
}

interface Tree {
  readonly root: string;
  readonly depth: number;
  readonly ground: Ground;
  readonly isGitIgnored: IsGitIgnored;
  isMeant(file: string): boolean;
}

export function makeScope(plan: WatchPlan, home: string): Scope {
  const asked = unique(
    plan.paths.map((text) => (isTreeGlob(plan, text) ? text : path.resolve(plan.cwd, text))),
  );
  const files = asked.filter((text) => !isTreeGlob(plan, text) && !isFolder(text));
  const grown = asked.filter((text) => !files.includes(text)).map((text) => makeTree(plan, text));
  const [refused, trees] = split(grown, ({ root, depth }) => depth > 1 && refusedRoot(root, home));
  const isBarred = barrier(plan);
  const parents = files.map((file) => path.dirname(file)).filter(isFolder);
  const roots = trees.map(({ root }) => root).filter((root) => isFolder(root) && !isBarred(root));
  const folders = new Set([...roots, ...parents]);
  return {
    files: files.filter((file) => !isBarred(file)),
    trees: roots,
    folders: [...folders],
    refused: refused.map(({ root }) => root),
    isWanted: (file) =>
      (files.includes(file) || trees.some((tree) => wantsFile(tree, file))) && !isBarred(file),
    isOpen: (folder) =>
      (folders.has(folder) || trees.some((tree) => opens(tree, folder))) && !isBarred(folder),
  };
}

/** What of a plan means nothing that is there: names of nothing, and globs that mean none of these files. */
export function missingOf(plan: WatchPlan, files: readonly string[]): string[] {
  const isMissing = (text: string) => {
    if (!isTreeGlob(plan, text)) return !isThere(path.resolve(plan.cwd, text));
    const { base, isMeant } = globTree(text, plan.cwd);
    return !files.some((file) => namesBelow(base, file) && isMeant(file));
  };
  return plan.paths.filter(isMissing).map((text) => path.resolve(plan.cwd, text));
}

/** A name with brackets may be one that is there. */
function isTreeGlob({ cwd }: WatchPlan, text: string): boolean {
  return isGlob(text) && !isThere(path.resolve(cwd, text));
}

function makeTree(plan: WatchPlan, asked: string): Tree {
  const glob = isTreeGlob(plan, asked) ? globTree(asked, plan.cwd) : undefined;
  const root = glob?.base ?? asked;
  return {
    root,
    depth: glob?.depth ?? Number.POSITIVE_INFINITY,
    ground: groundOf(plan, root, glob?.named),
    isGitIgnored: gitignoreOf(plan, root, glob !== undefined),
    isMeant: glob?.isMeant ?? extensionMatcher(plan),
  };
}

function groundOf(
  { cwd, explicit, extensions }: WatchPlan,
  root: string,
  named?: ReadonlySet<string>,
): Ground {
  return {
    isProject: root === cwd || namesBelow(cwd, root) === undefined,
    tests: explicit,
    data: named !== undefined,
    dotnet: ['cs', 'fs', 'vb'].some((extension) => extensions?.includes(extension)),
    named: named ?? new Set(),
  };
}

/** A tree whose root git ignores was asked for as it is; of a glob's files the glob itself decides. */
function gitignoreOf({ gitignore }: WatchPlan, root: string, isGlobbed: boolean): IsGitIgnored {
  if (!gitignore) return () => false;
  const isIgnored = readGitignores(findGitTop(root) ?? root);
  if (isIgnored(root, true)) return () => false;
  return isGlobbed ? (file, isFolder) => isIgnored(isFolder ? file : path.dirname(file), true) : isIgnored;
}

function extensionMatcher({ explicit, extensions }: WatchPlan): (file: string) => boolean {
  if (explicit || !extensions) return () => true;
  const wanted = new Set(extensions.map((extension) => `.${extension}`));
  return (file) => wanted.has(path.extname(file));
}

function barrier({ ignore, never, cwd }: WatchPlan): (file: string) => boolean {
  const isIgnored = ignoreMatcher(ignore, cwd);
  return (file) => never.some((barred) => namesBelow(barred, file)) || isIgnored(file);
}

function wantsFile(tree: Tree, file: string): boolean {
  const below = tree.isMeant(file) ? namesBelow(tree.root, file) : undefined;
  if (!below?.length || below.length > tree.depth) return false;
  return !isNeverWatched(below, false, tree.ground) && !tree.isGitIgnored(file, false);
}

function opens(tree: Tree, folder: string): boolean {
  const below = namesBelow(tree.root, folder);
  if (!below || below.length >= tree.depth) return false;
  return !isNeverWatched(below, true, tree.ground) && !tree.isGitIgnored(folder, true);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
