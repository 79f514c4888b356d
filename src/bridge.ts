// The hall: makes each room and joins their doors. Decides nothing.
import { setTimeout as pause } from 'node:timers/promises';
import { ChildBackend } from './backend/child.js';
import { Generations } from './backend/generations.js';
import { Guard } from './backend/guard.js';
import { Pool } from './backend/pool.js';
import { loadSpawn, type Spawn, type SpawnSpec } from './backend/spawn.js';
import { Starts } from './backend/starts.js';
import type { StartBackend } from './backend/supervisor.js';
import { beginBuild, type Code, type CodeWatch, codeOf, lookAt, watchCode } from './code.js';
import { type Endpoint, type ListenPlan, listen } from './http/endpoint.js';
import { makeHandler } from './http/routes.js';
import { type Keep, openKeep } from './keep.js';
import type { Options } from './options.js';
import type { Project } from './project.js';
import { type HealthFacts, healthOf } from './report/health.js';
import { LateReporter } from './report/late.js';
import type { Report, Reporter } from './report/report.js';
import { specAfter } from './rollout/build-run.js';
import { Rollout } from './rollout/rollout.js';
import { Registry } from './session/registry.js';
import { makeStop, type Stop } from './stop.js';

export interface BridgePlan {
  readonly options: Options;
  readonly listen: ListenPlan;
  readonly spec: SpawnSpec;
  readonly project: Project;
  /** Where the bridge was started. */
  readonly folder: string;
  readonly version: string;
  /** Made once the bridge listens: what it loads would delay that. */
  readonly makeReporter: () => Promise<Reporter>;
  /** The bridge listens: what is told before all else. */
  readonly announce: (url: string, report: Reporter) => void;
}

export interface Bridge extends Stop {
  /** A rollout without a change. */
  restart(): void;
  /** Changes are noted and not taken up; called again, they are. */
  pause(): void;
}

interface Rooms {
  readonly keep: Keep;
  readonly endpoint: Endpoint;
  readonly registry: Registry;
  readonly starts: Starts;
  readonly generations: Generations;
  readonly rollout: Rollout;
  readonly code: Code;
  readonly watch: CodeWatch;
  readonly guard: Guard;
  readonly report: Reporter;
}

/** Who waits for a server when the bridge begins to serve does not wait for what can come later (ms). */
const REST_AFTER = 30;

/** Listens, and makes the rooms. Throws a BridgeError if it cannot listen. */
export async function startBridge(plan: BridgePlan): Promise<Bridge> {
  // What takes a while and needs no port comes first: once the bridge listens it is to serve.
  const [seen, spawn] = await Promise.all([lookAt(plan), loadSpawn()]);
  const endpoint = await listen(plan.listen);
  const log = new LateReporter();
  const tell = log.report;
  plan.announce(`http://${urlHost(endpoint.host)}:${endpoint.port}${plan.options.path}`, tell);
  const { options, folder } = plan;
  const keep = openKeep({ options, folder, port: endpoint.port }, tell);
  const report: Reporter = (told) => {
    keep.log(told);
    tell(told);
  };
  const code = codeOf(plan, seen, keep.folder);
  const rooms = makeRooms(plan, { endpoint, keep, code, spawn, report });
  const { rollout, watch } = rooms;
  report({ kind: 'bridge.inferred', from: code.from, hint: code.hint, debugged: code.debugged });
  const health = () => healthOf(factsOf(rooms, plan));
  const ops = { health, isReady: () => health().status === 'healthy' };
  // Calls wait from now on for a server, and are told so; it is not started before what is in its way is gone.
  rooms.starts.close();
  endpoint.serve(makeHandler({ registry: rooms.registry, ops, options: plan.options, report }));
  const logged = pause(REST_AFTER).then(async () => {
    // A session that is on record will want a server in a while.
    if (hasAny(keep.store.records())) rooms.guard.arm();
    log.begin(await plan.makeReporter());
  });
  // A fault in the background ends nobody's session.
  for (const fault of ['unhandledRejection', 'uncaughtException'])
    process.on(fault, (error) => report({ kind: 'bridge.failed', error }));
  if (rooms.guard.hasLeft) await reapLeft(rooms);
  beginStarts(rooms);
  const stop = makeStop(rooms);
  return {
    restart: () => {
      watch.takeUp();
      rollout.force();
    },
    pause: () => watch.toggle(),
    ...stop,
    close: async (drain) => {
      // What it is told must be seen; a log that cannot be loaded keeps nobody from stopping.
      await logged.catch(() => {});
      await stop.close(drain);
    },
  };
}

/** What an earlier bridge has left may hold what the first server needs. */
async function reapLeft({ guard, watch, report }: Rooms): Promise<void> {
  // A change is taken up afterwards: it would open the gate of starts.
  watch.pause();
  const processes = await guard.reap();
  if (processes.length > 0) report({ kind: 'bridge.reaped', processes });
  watch.resume();
}

/** Begins the first build, which opens the gate of starts when it is done; without one it is opened now. */
function beginStarts({ rollout, starts, registry }: Rooms): void {
  rollout.begin();
  if (rollout.state !== 'quiet') return;
  starts.open(false);
  for (const session of registry.sessions()) session.holdEnds();
}

type Found = Pick<Rooms, 'endpoint' | 'keep' | 'code' | 'report'> & { readonly spawn: Spawn };

function makeRooms(plan: BridgePlan, found: Found): Rooms {
  const { options, spec } = plan;
  const { keep, code, spawn, report } = found;
  const guard = new Guard({ mark: keep.mark, file: keep.children, wasKilled: keep.wasKilled });
  const starts = new Starts();
  const generations = new Generations(spec);
  // Who stands in a debugger is not waited for by the clock.
  const timeouts = code.debugged ? { ...options, startTimeout: undefined, drainTimeout: undefined } : options;
  const startChild: StartBackend = (doors) => {
    watch.mark('started');
    return new ChildBackend({ ...generations.current, spawn, timeouts, guard }, doors);
  };
  const replace = code.debugged ? 'stop-first' : options.replace;
  const makePool = () =>
    new Pool({
      startBackend: startChild,
      newest: () => generations.current.number,
      isExclusive: replace === 'stop-first',
      version: plan.version,
      report: (told) => report({ label: code.name, ...told }),
    });
  const startBackend = options.isolation === 'shared' ? makePool().seat : startChild;
  const registry = new Registry({
    ...{ options, startBackend, starts, store: keep.store, serverName: code.name },
    ...{ tag: plan.project.tag, project: plan.project.name },
    standing: () => rollout.standing(),
    report: (label, told) => report({ label, ...told } as Report),
  });
  const { build, run } = code;
  const rollout: Rollout = new Rollout({
    build: build && {
      name: build.name,
      begin: () => beginBuild(build, plan, { spawn, guard, watch, report }),
    },
    specAfter: (result) => specAfter(spec, run, result),
    ...{ generations, starts, options, report },
    sessions: () => registry.sessions(),
    replace,
  });
  const watch: CodeWatch = watchCode(code, plan, rollout, report);
  return { ...found, registry, starts, generations, rollout, watch, guard };
}

function factsOf(
  { registry, starts, generations, rollout, code, watch }: Rooms,
  plan: BridgePlan,
): HealthFacts {
  const sessions = [...registry.sessions()].map((session) => ({
    state: session.state,
    connected: session.isConnected,
    ...session.jobs,
    pids: [...session.supervisor.backends].flatMap(({ pid }) => pid ?? []),
  }));
  return {
    uptime: process.uptime(),
    version: plan.version,
    cwd: plan.spec.cwd,
    generation: generations.current.number,
    restarts: starts.restarts,
    lastExit: starts.lastExit,
    isHalted: starts.halted,
    sessions,
    total: registry.size,
    isBuilding: rollout.isBuilding,
    isBroken: rollout.isBroken,
    isPaused: watch.isPaused,
    lastBuild: rollout.lastBuild,
    watched: code.watch,
  };
}

function hasAny(items: Iterable<unknown>): boolean {
  return items[Symbol.iterator]().next().done !== true;
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
