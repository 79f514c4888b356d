// The files of a state folder.
export const SESSIONS_LOG = 'sessions.log';
export const EVENTS_LOG = 'events.log';
export const SERVER_LOG = 'server.log';
export const SERVER_OLD_LOG = 'server.old.log';
export const LOCK = 'bridge.lock';

/** The processes that a bridge has. */
export const CHILDREN = 'children.json';

/** How long the sessions of the port are kept (ms). */
export const TTL = 'ttl';

/** The folder of what is built there. */
export const BUILT = 'built';

/** Whether a file of this name is one of them, or what was left of a change of one. */
export function isOurs(name: string): boolean {
  const known = [SESSIONS_LOG, EVENTS_LOG, SERVER_LOG, SERVER_OLD_LOG, LOCK, CHILDREN, TTL, BUILT];
  return known.some((each) => name === each || name.startsWith(`${each}.`));
}
