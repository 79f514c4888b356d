// The only picomatch: which paths a glob of --watch or --ignore means.
import path from 'node:path';
import picomatch from 'picomatch';

/** A glob as a folder to watch, and which of the files in it are meant. */
export interface GlobTree {
  readonly base: string;
  /** How many names below the base a file can be. */
  readonly depth: number;
  /** The names that the glob spells out: `**` + `/dist/*.js` names dist. */
  readonly named: ReadonlySet<string>;
  isMeant(file: string): boolean;
}

export function isGlob(text: string): boolean {
  return picomatch.scan(toSlashes(text)).isGlob;
}

/** `text` is a glob, absolute or relative to `cwd`. */
export function globTree(text: string, cwd: string): GlobTree {
  const { base: start, glob } = picomatch.scan(toSlashes(text));
  const base = path.resolve(cwd, start);
  const isMatch = picomatch(glob);
  const names = glob.split('/');
  return {
    base,
    depth: glob.includes('**') ? Number.POSITIVE_INFINITY : names.length,
    named: new Set(names.filter((name) => !isGlob(name))),
    isMeant: (file) => isMatch(toSlashes(path.relative(base, file))),
  };
}

/**
 * Whether one of the globs of --ignore means a path, or a folder that it is in.
 *
 * A glob without a slash means that name in every folder; any other one is relative to `cwd`.
 */
export function ignoreMatcher(globs: readonly string[], cwd: string): (file: string) => boolean {
  if (globs.length === 0) return () => false;
  const patterns = globs.map((glob) => toSlashes(glob).replace(/^\.\/+|\/+$/g, ''));
  const matchersOf = (wanted: (glob: string) => boolean) =>
    patterns.filter(wanted).map((glob) => picomatch(glob, { dot: true }));
  const absolute = matchersOf((glob) => path.isAbsolute(glob));
  const relative = matchersOf((glob) => !path.isAbsolute(glob) && glob.includes('/'));
  const names = matchersOf((glob) => !glob.includes('/'));
  return (file) => {
    const below = toSlashes(path.relative(cwd, file));
    return (
      below.split('/').some((name) => names.some((isMatch) => isMatch(name))) ||
      prefixes(below).some((prefix) => relative.some((isMatch) => isMatch(prefix))) ||
      prefixes(toSlashes(file)).some((prefix) => absolute.some((isMatch) => isMatch(prefix)))
    );
  };
}

/** a/b/c → a, a/b, a/b/c. */
function prefixes(file: string): string[] {
  const names = file.split('/');
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

function toSlashes(file: string): string {
  return path.sep === '\\' ? file.replaceAll('\\', '/') : file;
}
