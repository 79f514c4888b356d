// The HTTP side of a bridge in this process: socket, routes and registry, in front of the real processes of a fixture.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { ChildBackend } from '../../src/backend/child.js';
import { loadSpawn, type SpawnSpec } from '../../src/backend/spawn.js';
import { Starts } from '../../src/backend/starts.js';
import { parseArgv } from '../../src/commands/argv.js';
import { listen } from '../../src/http/endpoint.js';
import type { Ops } from '../../src/http/ops.js';
import { makeHandler } from '../../src/http/routes.js';
import type { Options } from '../../src/options.js';
import type { Report, Reporter } from '../../src/report/report.js';
import { Registry } from '../../src/session/registry.js';
import type { Session } from '../../src/session/session.js';
import { MemoryStore } from '../../src/store/memory.js';

/** Where the fixtures are. */
export const SERVERS = fileURLToPath(new URL('../../fixtures/servers/', import.meta.url));

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
  /** Several tests have it: its processes must be gone when it was closed, not after each test. */
  readonly shared?: boolean;
}

export interface TestEndpoint extends AsyncDisposable, Omit<Reports, 'report'> {
  readonly url: string;
  readonly port: number;
  readonly registry: Registry;
  /** The one session that there is. */
  session(): Session;
  close(): Promise<void>;
}

const QUIET_OPS: Ops = { health: () => ({ status: 'healthy' }), isReady: () => true };

/** Starts an endpoint on a free port; a process of the server comes with each session. */
export async function startEndpoint(plan: StartPlan = {}): Promise<TestEndpoint> {
  const options = readOptions(plan.options);
  const reports = makeReports(plan.shared);
  const endpoint = await listen({ host: options.host, ports: [0], from: 'a test' });
  const spawn = await loadSpawn();
  const registry = new Registry({
    store: new MemoryStore(),
    ...{ options, tag: 'mcpb-00000000-', project: 'the test' },
    startBackend: (doors) =>
      new ChildBackend({ spec: specOf(plan), spawn, number: 1, timeouts: options }, doors),
    starts: new Starts(),
    serverName: 'server',
    standing: () => ({ changing: false, refusal: undefined, waitingFor: undefined }),
    report: (label, told) => reports.report({ label, ...told } as Report),
  });
  endpoint.serve(makeHandler({ registry, ops: plan.ops ?? QUIET_OPS, options, report: reports.report }));
  const close = async () => {
    endpoint.stopListening();
    registry.shutdown();
    for (const supervisor of registry.supervisors()) supervisor.kill();
    await Promise.all(registry.supervisors().map((supervisor) => supervisor.emptied()));
    await endpoint.close();
    for (const pid of reports.pids()) seen.add(pid);
  };
  return {
    ...reports,
    url: `http://${options.host}:${endpoint.port}${options.path}`,
    port: endpoint.port,
    registry,
    session: () => onlyOne([...registry.sessions()]),
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
  /** All that was told. */
  readonly told: readonly Report[];
  /** The first report like this, told already or still to come; rejects with what was told if there is none. */
  until<K extends Report['kind']>(
    kind: K,
    isIt?: (report: Extract<Report, { kind: K }>) => boolean,
  ): Promise<Extract<Report, { kind: K }>>;
  /** Resolves when a backend has written this line to its stderr. */
  said(line: string): Promise<unknown>;
  /** The backends that were started, oldest first. */
  pids(): number[];
}

/** Keeps what is told, and lets tests wait for that instead of for time. */
export function makeReports(shared = false): Reports {
  const told: Report[] = [];
  const waiting = new Set<() => void>();
  const until: Reports['until'] = (kind, isIt = () => true) =>
    new Promise((resolve, reject) => {
      type Wanted = Parameters<typeof isIt>[0];
      const isWanted = (each: Report): each is Wanted => each.kind === kind && isIt(each as Wanted);
      const giveUp = () => reject(new Error(`Waited for ${kind}; told was:\n${told.map(show).join('\n')}`));
      const timer = setTimeout(giveUp, PATIENCE);
      const check = () => {
        const found = told.find(isWanted);
        if (!found) return;
        clearTimeout(timer);
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  return {
    report: (report) => {
      told.push(report);
      for (const pid of shared ? [] : pidsOf([report])) seen.add(pid);
      for (const check of [...waiting]) check();
    },
    told,
    until,
    said: (line) => until('backend.stderr', ({ text }) => text === line),
    pids: () => pidsOf(told),
  };
}

function pidsOf(reports: readonly Report[]): number[] {
  return reports.flatMap((each) => (each.kind === 'backend.started' && each.pid ? [each.pid] : []));
}

function show(report: Report): string {
  return JSON.stringify(report).slice(0, 300);
}

function onlyOne<T>(items: readonly T[]): T {
  const [first, ...others] = items;
  if (!first || others.length > 0) throw new Error(`Expected one, got ${items.length}`);
  return first;
}

/** The processes of all backends that were started since the last look. */
const seen = new Set<number>();

/** For `afterEach`, and `afterAll` where an endpoint is shared: every backend that was started is gone. */
export function expectNoBackendLeft(): void {
  const left = [...seen].filter(isRunning);
  seen.clear();
  expect(left).toEqual([]);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
