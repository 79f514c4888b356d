// The HTTP side of a bridge in this process: socket, routes and registry, in front of the real processes of a fixture.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { Backend } from '../../src/backend/backend.js';
import { loadSpawn, type SpawnSpec } from '../../src/backend/spawn.js';
import { Starts } from '../../src/backend/starts.js';
import { parseArgv } from '../../src/commands/argv.js';
import { listen } from '../../src/http/endpoint.js';
import type { Ops } from '../../src/http/ops.js';
import { makeHandler } from '../../src/http/routes.js';
import type { Options } from '../../src/options.js';
import type { Report, Reporter } from '../../src/report/report.js';
import { Registry } from '../../src/session/registry.js';
import { makeMemoryStore } from '../../src/store/memory.js';

const SERVERS = fileURLToPath(new URL('../../fixtures/servers/', import.meta.url));
/** A report that has not come by then does not come (ms). */
const PATIENCE = 10_000;

export interface StartPlan {
  /** A file of fixtures/servers, or any other. */
  readonly server?: string;
  /** The server's own arguments. */
  readonly args?: readonly string[];
  /** The bridge's options, as a user spells them: `['--max-body', '1KiB']`. */
  readonly options?: readonly string[];
  readonly ops?: Ops;
}

export interface TestEndpoint extends AsyncDisposable, Pick<Reports, 'all' | 'until' | 'said'> {
  readonly url: string;
  readonly port: number;
  readonly registry: Registry;
  close(): Promise<void>;
}

const QUIET_OPS: Ops = { health: () => ({ status: 'healthy' }), isReady: () => true };

/** Starts an endpoint on a free port; a process of the server comes with each session. */
export async function startEndpoint(plan: StartPlan = {}): Promise<TestEndpoint> {
  const options = readOptions(plan.options);
  const reports = makeReports();
  const endpoint = await listen({ host: options.host, ports: [0], from: 'a test' });
  const spawn = await loadSpawn();
  const backends: Backend[] = [];
  const registry = new Registry({
    store: makeMemoryStore(),
    options,
    startBackend: (doors) => {
      const backend = new Backend({ spec: specOf(plan), spawn, generation: 1, timeouts: options }, doors);
      backends.push(backend);
      return backend;
    },
    starts: new Starts(),
    report: (label, told) => reports.report({ label, ...told } as Report),
  });
  endpoint.serve(makeHandler({ registry, ops: plan.ops ?? QUIET_OPS, options, report: reports.report }));
  const close = async () => {
    endpoint.stopListening();
    registry.shutdown();
    for (const backend of backends) backend.kill();
    await reports.until(isQuiet, 'the end of every backend');
    await endpoint.close();
  };
  return {
    url: `http://${options.host}:${endpoint.port}${options.path}`,
    port: endpoint.port,
    registry,
    all: reports.all,
    until: reports.until,
    said: reports.said,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The options that these words give, with the defaults of the table for all others. */
export function readOptions(words: readonly string[] = []): Options {
  const parsed = parseArgv([...words, '--', 'server'], {}, '0.0.0');
  if (parsed.kind !== 'run') throw new Error(`No options: ${JSON.stringify(parsed)}`);
  return parsed.options;
}

/** How a fixture is run. */
export function specOf({ server = 'echo.mjs', args = [] }: StartPlan): SpawnSpec {
  const file = path.resolve(SERVERS, server);
  return { command: [process.execPath, file, ...args], cwd: SERVERS, env: { ...process.env }, shell: false };
}

export interface Reports {
  readonly report: Reporter;
  readonly all: readonly Report[];
  /** Resolves when this is true of what was told so far; rejects with what was told if it never is. */
  until(isTold: (all: readonly Report[]) => boolean, what: string): Promise<void>;
  /** Resolves when a backend has written this line to its stderr. */
  said(line: string): Promise<void>;
}

/** Keeps what is told, and lets tests wait for it instead of for time. */
export function makeReports(): Reports {
  const all: Report[] = [];
  const waiting = new Set<() => void>();
  const until: Reports['until'] = (isTold, what) =>
    new Promise((resolve, reject) => {
      const giveUp = () => reject(new Error(`Expected ${what}; told was:\n${all.map(show).join('\n')}`));
      const timer = setTimeout(giveUp, PATIENCE);
      const check = () => {
        if (!isTold(all)) return;
        clearTimeout(timer);
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return {
    report: (told) => {
      all.push(told);
      if (told.kind === 'backend.started' && told.pid !== undefined) seen.add(told.pid);
      for (const check of [...waiting]) check();
    },
    all,
    until,
    said: (line) =>
      until((told) => told.some((each) => each.kind === 'backend.stderr' && each.text === line), line),
  };
}

function isQuiet(all: readonly Report[]): boolean {
  const count = (...kinds: Report['kind'][]) => all.filter(({ kind }) => kinds.includes(kind)).length;
  return count('backend.started') === count('backend.stopped', 'backend.crashed');
}

function show(report: Report): string {
  return JSON.stringify(report).slice(0, 300);
}

/** The processes of all backends that were started since the last look. */
const seen = new Set<number>();

/** For `afterEach`: every backend that the test started is gone. */
export function expectNoBackendLeft(): void {
  const left = [...seen].filter(isAlive);
  seen.clear();
  expect(left).toEqual([]);
}

/** Whether a process with this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
