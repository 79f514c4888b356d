// What a session is made of, and what it tells: the types that its makers share with it.
import type { Exit, Starts } from '../backend/starts.js';
import type { StartBackend, SupervisorReport } from '../backend/supervisor.js';
import type { CallFailure } from '../errors.js';
import type { Options } from '../options.js';
import type { Store } from '../store/store.js';
import type { WaitingFor } from './failures.js';
import type { Places } from './places.js';
import type { Snapshots } from './snapshot.js';
import type { TrafficReport } from './traffic.js';

export type SessionReport =
  | SupervisorReport
  | TrafficReport
  | { readonly kind: 'session.opened'; readonly revision: string }
  | { readonly kind: 'session.changed'; readonly lists: readonly string[] }
  | { readonly kind: 'session.closed' }
  | { readonly kind: 'session.dormant' }
  | { readonly kind: 'request.repeated'; readonly method: string };

export interface SessionPlan {
  readonly store: Store;
  readonly places: Places;
  readonly options: Pick<Options, 'holdTimeout' | 'idleTimeout' | 'sessionTtl' | 'retry' | 'isolation'>;
  readonly startBackend: StartBackend;
  readonly starts: Starts;
  readonly report: (report: SessionReport) => void;
  readonly snapshots: Snapshots;
  /** What clients are told the server is called before it says so itself. */
  readonly serverName: string;
  /** How the newest code stands. */
  readonly standing: () => Standing;
  /** It is over, or there is no need to have it in memory: its id is known by its record, or not any more. */
  readonly onClosed: () => void;
}

/** How the newest code of the server stands: what a session must know that is opened, or woken, in the middle of it. */
export interface Standing {
  /** A change is on its way: calls wait for it. */
  readonly changing: boolean;
  /** The newest build or generation is broken: what calls are told. */
  readonly refusal: CallFailure | undefined;
  /** What is waited for, in words, if something is. */
  readonly waitingFor: WaitingFor | undefined;
}

/**
 * What became of a new generation in a session: a backend of it serves, could not take over, or nobody needs one. `late`:
 * it is not ready after `ms` beside the old one, which still serves, and goes on starting.
 */
export type TakenUp =
  | { readonly kind: 'serves' }
  | { readonly kind: 'failed'; readonly exit: Exit }
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'not-needed' };
