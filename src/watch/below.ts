// Where one path lies in another. Pure.
import path from 'node:path';

/** The names on the way from `outer` down to `inner`: none if they are the same, undefined if it is not inside. */
export function namesBelow(outer: string, inner: string): readonly string[] | undefined {
  if (inner === outer) return [];
  const start = outer.endsWith(path.sep) ? outer : outer + path.sep;
  return inner.startsWith(start) ? inner.slice(start.length).split(path.sep) : undefined;
}
