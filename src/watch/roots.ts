// Folders that are too large to watch: the root of a file system, and whatever holds all of a user's files. Pure.
import path from 'node:path';

/** Whether `folder` is refused as the root of a tree that is watched: /, a drive, the home folder or one above it. */
export function refusedRoot(folder: string, home: string): boolean {
  const way = isWindowsPath(folder) ? path.win32 : path.posix;
  const root = way.resolve(folder);
  return root === way.parse(root).root || (home !== '' && isInside(way, way.resolve(home), root));
}

function isWindowsPath(folder: string): boolean {
  return /^[a-z]:|^\\\\/i.test(folder);
}

/** Whether `inner` is `outer` or lies in it. */
function isInside(way: typeof path.posix, inner: string, outer: string): boolean {
  const below = way.relative(outer, inner);
  return below !== '..' && !below.startsWith(`..${way.sep}`) && !way.isAbsolute(below);
}
