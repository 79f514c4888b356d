// The health page: facts of the rooms → what `GET /health` tells. Pure.
import { describeExit, type Exit } from '../backend/starts.js';
import type { BuildResult } from '../rollout/build.js';

/** What is known of one session. */
export interface SessionFacts {
  readonly state: 'initializing' | 'active' | 'holding' | 'broken' | 'refusing' | 'dormant' | 'closed';
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
  /** Those in memory. */
  readonly sessions: readonly SessionFacts[];
  /** With those that are on record only. */
  readonly total: number;
  readonly isBuilding: boolean;
  /** The newest code does not build or does not start. */
  readonly isBroken: boolean;
  readonly isPaused: boolean;
  readonly lastBuild: BuildResult | undefined;
  readonly watched: readonly string[];
}

type BackendState = 'idle' | 'ready' | 'starting' | 'broken';

/** From best to worst: the worst of the sessions is told. */
const WORSE: readonly BackendState[] = ['idle', 'ready', 'starting', 'broken'];

const BACKEND_STATE: Record<SessionFacts['state'], BackendState> = {
  initializing: 'starting',
  active: 'ready',
  holding: 'starting',
  broken: 'broken',
  refusing: 'broken',
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
    status: statusOf(facts, state),
    uptime_secs: Math.floor(facts.uptime),
    version: facts.version,
    cwd: facts.cwd,
    sessions: { total: facts.total, connected: sessions.filter(({ connected }) => connected).length },
    jobs: {
      pending: sum(sessions, ({ pending }) => pending),
      running: sum(sessions, ({ running }) => running),
    },
    backend: {
      state,
      generation,
      // Sessions may share a process.
      pids: [...new Set(sessions.flatMap(({ pids }) => pids))],
      restarts,
      watched: facts.watched,
      last_build: lastBuildOf(facts.lastBuild),
      last_exit: lastExit
        ? { how: describeExit(lastExit), code: lastExit.code, signal: lastExit.signal, stderr: lastExit.tail }
        : null,
    },
  };
}

/** What goes on with the code is told before how the backends are. */
function statusOf({ isPaused, isBroken, isBuilding }: HealthFacts, state: BackendState): string {
  if (isPaused) return 'paused';
  if (isBuilding) return 'building';
  return isBroken ? 'degraded' : STATUS[state];
}

function lastBuildOf(build: BuildResult | undefined) {
  if (!build) return null;
  const { ok, ms, exitCode, signal, errors } = build;
  return { ok, ms: Math.round(ms), exit_code: exitCode, signal, errors };
}

function worst(states: readonly BackendState[]): BackendState {
  return WORSE.findLast((state) => states.includes(state)) ?? 'idle';
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
