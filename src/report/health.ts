// The health page: facts of the rooms → what `GET /health` tells. Pure.
import { describeExit, type Exit } from '../backend/starts.js';

/** What is known of one session. */
export interface SessionFacts {
  readonly state: 'initializing' | 'active' | 'holding' | 'broken' | 'dormant' | 'closed';
  readonly connected: boolean;
  readonly pending: number;
  readonly running: number;
  readonly pids: readonly number[];
}

export interface HealthFacts {
  readonly uptime: number;
  readonly version: string;
  readonly cwd: string;
  readonly generation: number;
  readonly restarts: number;
  readonly lastExit: Exit | undefined;
  /** The server failed to start so often that it is started only when a call tries it. */
  readonly isHalted: boolean;
  readonly sessions: readonly SessionFacts[];
}

type BackendState = 'idle' | 'ready' | 'starting' | 'broken';

/** From best to worst: the worst of the sessions is told. */
const WORSE: readonly BackendState[] = ['idle', 'ready', 'starting', 'broken'];

const BACKEND_STATE: Record<SessionFacts['state'], BackendState> = {
  initializing: 'starting',
  active: 'ready',
  holding: 'starting',
  broken: 'broken',
  dormant: 'idle',
  closed: 'idle',
};

const STATUS: Record<BackendState, 'healthy' | 'starting' | 'degraded'> = {
  idle: 'healthy',
  ready: 'healthy',
  starting: 'starting',
  broken: 'degraded',
};

/** `uptime` in seconds. */
export function healthOf(facts: HealthFacts) {
  const { sessions, generation, restarts, lastExit } = facts;
  const states = sessions.map((session) => BACKEND_STATE[session.state]);
  const state = worst(facts.isHalted ? [...states, 'broken'] : states);
  return {
    status: STATUS[state],
    uptime_secs: Math.floor(facts.uptime),
    version: facts.version,
    cwd: facts.cwd,
    sessions: { total: sessions.length, connected: sessions.filter(({ connected }) => connected).length },
    jobs: {
      pending: sum(sessions, ({ pending }) => pending),
      running: sum(sessions, ({ running }) => running),
    },
    backend: {
      state,
      generation,
      pids: sessions.flatMap(({ pids }) => pids),
      restarts,
      last_exit: lastExit
        ? { how: describeExit(lastExit), code: lastExit.code, signal: lastExit.signal, stderr: lastExit.tail }
        : null,
    },
  };
}

function worst(states: readonly BackendState[]): BackendState {
  return WORSE.findLast((state) => states.includes(state)) ?? 'idle';
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
