// A listening socket that a service manager hands over instead of letting the bridge bind one: while the bridge is replaced,
// connections wait in it (sd_listen_fds(3)).
import type { Environment } from './argv.js';

/** The first descriptor that is handed over. */
const FIRST = 3;

/** Variables that speak of it; the server has no use for them. */
const VARIABLES: ReadonlySet<string> = new Set(['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']);

/** The descriptor of a socket that was handed over to this process, if one was. */
export function handedOver(env: Environment, pid: number): number | undefined {
  return Number(env.LISTEN_FDS) >= 1 && Number(env.LISTEN_PID) === pid ? FIRST : undefined;
}

export function withoutHandedOver(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !VARIABLES.has(name)));
}
