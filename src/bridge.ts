// The hall: makes each room and joins their doors. Decides nothing.
import { Backend } from './backend/backend.js';
import { loadSpawn, type SpawnSpec } from './backend/spawn.js';
import { Starts } from './backend/starts.js';
import type { StartBackend } from './backend/supervisor.js';
import { type ListenPlan, listen } from './http/endpoint.js';
import { makeHandler, refuseAll } from './http/routes.js';
import type { Options } from './options.js';
import { type HealthFacts, healthOf } from './report/health.js';
import type { Report, Reporter } from './report/report.js';
import { Registry } from './session/registry.js';
import { makeMemoryStore } from './store/memory.js';

export interface BridgePlan {
  readonly options: Options;
  readonly listen: ListenPlan;
  readonly spec: SpawnSpec;
  readonly version: string;
  /** Made once the bridge listens: what it loads would delay that. */
  readonly makeReporter: () => Promise<Reporter>;
}

export interface Bridge {
  readonly url: string;
  readonly report: Reporter;
  /** Stops: waits up to `drain` ms for the calls in flight, then ends every stream and every process. */
  close(drain: number): Promise<void>;
  /** Ends every wait of `close`. */
  hasten(): void;
  /** Kills every process, now and synchronously. */
  kill(): void;
}

/** The generation of a server that nobody watches. */
const GENERATION = 1;
/** How often a stop looks whether calls are still in flight (ms). */
const DRAIN_POLL = 50;

/** Listens, then makes the rooms. Throws a BridgeError if it cannot listen. */
export async function startBridge(plan: BridgePlan): Promise<Bridge> {
  const { options, spec } = plan;
  const endpoint = await listen(plan.listen);
  const [spawn, report] = await Promise.all([loadSpawn(), plan.makeReporter()]);
  const starts = new Starts();
  const startBackend: StartBackend = (doors) =>
    new Backend({ spec, spawn, generation: GENERATION, timeouts: options }, doors);
  const registry = new Registry({
    store: makeMemoryStore(),
    options,
    startBackend,
    starts,
    report: (label, told) => report({ label, ...told } as Report),
  });
  const health = () => healthOf(factsOf(registry, starts, plan));
  const ops = { health, isReady: () => health().status === 'healthy' };
  endpoint.serve(makeHandler({ registry, ops, options, report }));
  const stop = makeStop(registry, endpoint, report);
  return { url: `http://${urlHost(plan.listen.host)}:${endpoint.port}${options.path}`, report, ...stop };
}

function factsOf(registry: Registry, starts: Starts, { spec, version }: BridgePlan): HealthFacts {
  const sessions = [...registry.sessions()].map((session) => ({
    state: session.state,
    connected: session.isConnected,
    ...session.jobs,
    pids: [...session.supervisor.backends].flatMap(({ pid }) => pid ?? []),
  }));
  const { restarts, lastExit, halted: isHalted } = starts;
  return {
    uptime: process.uptime(),
    version,
    cwd: spec.cwd,
    generation: GENERATION,
    restarts,
    lastExit,
    isHalted,
    sessions,
  };
}

type Endpoint = Awaited<ReturnType<typeof listen>>;

function makeStop(
  registry: Registry,
  endpoint: Endpoint,
  report: Reporter,
): Pick<Bridge, 'close' | 'hasten' | 'kill'> {
  let hastened = false;
  const running = () => [...registry.sessions()].reduce((sum, { jobs }) => sum + jobs.running, 0);
  const drained = async (deadline: number) => {
    while (running() > 0 && !hastened && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL));
    }
  };
  return {
    close: async (drain) => {
      report({ kind: 'bridge.stopping', running: running() });
      endpoint.stopListening();
      await drained(performance.now() + drain);
      endpoint.serve(refuseAll);
      registry.shutdown();
      if (hastened) for (const supervisor of registry.supervisors()) supervisor.hasten();
      await Promise.all(registry.supervisors().map((supervisor) => supervisor.emptied()));
      await endpoint.close();
      report({ kind: 'bridge.stopped' });
    },
    hasten: () => {
      hastened = true;
      for (const supervisor of registry.supervisors()) supervisor.hasten();
    },
    kill: () => {
      for (const supervisor of registry.supervisors()) supervisor.kill();
    },
  };
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
