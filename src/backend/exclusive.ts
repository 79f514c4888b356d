// Whether a server can run only once at a time: what it said when it ended tells.
import type { Exit } from './starts.js';

const TAKEN = new RegExp(
  [
    'EADDRINUSE',
    '\\b(address|port)\\b.*\\bin use\\b',
    'only one usage of each socket address',
    'port is already allocated',
    'database is locked',
    'resource (is )?(busy|temporarily unavailable)',
    'could not (acquire|set)( the)? lock',
    'already (running|locked)\\b',
    '(?<!no )\\block ?file\\b.*\\b(exists|held)\\b',
  ].join('|'),
  'i',
);

/** Node goes on without its debugger: that is no reason to end. */
const HARMLESS = /^Starting inspector on /;

/** The line that names an address or a lock that somebody else has, if the server ended over one while it started. */
export function exclusiveLine(exit: Exit): string | undefined {
  const isTaken = (line: string) => TAKEN.test(line) && !HARMLESS.test(line);
  return exit.whileStarting ? exit.tail.find(isTaken)?.trim() : undefined;
}

export function isExclusive(exit: Exit): boolean {
  return exclusiveLine(exit) !== undefined;
}
