// Whether a server can run only once at a time: what it said when it ended tells.
import type { Exit } from '../backend/starts.js';

const TAKEN =
  /EADDRINUSE|address (is )?already in use|only one usage of each socket address|database is locked|resource (is )?busy|resource temporarily unavailable|could not acquire( the)? lock|already (running|locked)|lock(file)? .*(exists|held)/i;

/** It ended naming an address or a lock that somebody else has. */
export function isExclusive(exit: Exit): boolean {
  return exit.whileStarting && exit.tail.some((line) => TAKEN.test(line));
}
