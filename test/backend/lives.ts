// Backends on real processes: started, listened to, spoken to, and none left behind.
import { inspect } from 'node:util';
import { onTestFailed } from 'vitest';
import type { Backend, BackendReport } from '../../src/backend/backend.js';
import { ChildBackend } from '../../src/backend/child.js';
import { loadSpawn, type SpawnSpec } from '../../src/backend/spawn.js';
import type { ChildGuard } from '../../src/backend/tree.js';
import type { Line } from '../../src/protocol/jsonrpc.js';
import { descendantsOf, findProcess, isAlive, type Process, untilGone } from '../helpers/processes.js';
import { until } from '../helpers/until.js';

const TIMEOUTS = { startTimeout: 60_000, drainTimeout: 60_000, killTimeout: 100 };

export interface LifePlan extends Partial<typeof TIMEOUTS>, Partial<Pick<SpawnSpec, 'cwd' | 'env'>> {
  readonly generation?: number;
  readonly guard?: ChildGuard;
}

/** A backend and all that it has told. */
export interface Life {
  readonly backend: Backend;
  readonly lines: Line[];
  readonly states: string[];
  readonly reports: BackendReport[];
  /** What it told, in one row: lines by their text, states in parentheses, `silent`. */
  readonly told: string[];
}

const spawn = await loadSpawn();

export class Lives {
  readonly #lives: Life[] = [];
  readonly #seen = new Map<number, Process>();
  #requests = 0;

  /** One of fixtures/servers, by its name without the ending. */
  startFixture(name: string, args: readonly string[] = [], plan: LifePlan = {}): Life {
    const { pathname } = new URL(`../../fixtures/servers/${name}.mjs`, import.meta.url);
    return this.start([process.execPath, decodeURIComponent(pathname), ...args], plan);
  }

  /** A server that is so small that it stands in the test. */
  startScript(script: string, plan: LifePlan = {}): Life {
    return this.start([process.execPath, '-e', script], plan);
  }

  start(command: SpawnSpec['command'], plan: LifePlan = {}): Life {
    const {
      cwd = process.cwd(),
      env = { PATH: process.env.PATH },
      generation = 1,
      guard,
      ...timeouts
    } = plan;
    const spec = { command, cwd, env, shell: false };
    const lines: Line[] = [];
    const states: string[] = [];
    const reports: BackendReport[] = [];
    const told: string[] = [];
    const backend = new ChildBackend(
      { spec, spawn, number: generation, timeouts: { ...TIMEOUTS, ...timeouts }, guard },
      {
        onLine: (_, line) => {
          lines.push(line);
          told.push(line.text);
        },
        onState: ({ state }) => {
          states.push(state);
          told.push(`(${state})`);
        },
        onSilent: () => told.push('silent'),
        report: (report) => reports.push(report),
      },
    );
    const life = { backend, lines, states, reports, told };
    this.#lives.push(life);
    onTestFailed(() => console.error(inspect({ command, told, reports }, { maxStringLength: 300 })));
    if (backend.pid !== undefined) this.note(backend.pid);
    return life;
  }

  /** Sends a request, and waits for the text of its answer. */
  async ask({ backend, lines, told }: Life, method: string, params: object = {}): Promise<string> {
    const id = this.send(backend, method, params);
    const isAnswer = ({ kind, message }: Line) => kind === 'response' && 'id' in message && message.id === id;
    const answer = await until(() => lines.find(isAnswer) ?? fail(told.slice(-5)), `the answer to ${method}`);
    return answer.text;
  }

  /** Sends a request; its id. */
  send(backend: Backend, method: string, params: object = {}): number {
    this.#requests += 1;
    backend.send(JSON.stringify({ jsonrpc: '2.0', id: this.#requests, method, params }));
    return this.#requests;
  }

  /** Calls a tool, and waits for its text. */
  async call(life: Life, name: string, args: object = {}): Promise<string> {
    const answer = JSON.parse(await this.ask(life, 'tools/call', { name, arguments: args }));
    return answer.result.content[0].text;
  }

  /** `initialize` and all that follows from its answer. */
  async handshake(life: Life): Promise<void> {
    const clientInfo = { name: 'test', version: '1' };
    await this.ask(life, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    life.backend.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    life.backend.handshaken();
  }

  /** The processes of these numbers, which must not outlive the test. */
  note(...pids: readonly number[]): Process[] {
    return pids.flatMap((pid) => {
      const found = findProcess(pid);
      if (found) this.#seen.set(pid, found);
      return found ?? [];
    });
  }

  /** Ends what still lives, and makes sure that it is gone. */
  async end(): Promise<void> {
    for (const { backend } of this.#lives) {
      if (backend.pid !== undefined) this.note(...descendantsOf(backend.pid).map(({ pid }) => pid));
      backend.kill();
    }
    for (const seen of this.#seen.values()) killIfAlive(seen);
    for (const life of this.#lives.splice(0)) await untilSilent(life);
    await untilGone([...this.#seen.values()], 'all that the test started');
    this.#seen.clear();
  }
}

function killIfAlive(seen: Process): void {
  try {
    if (isAlive(seen)) process.kill(seen.pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

export async function untilSilent({ backend, told }: Life): Promise<void> {
  await until(() => told.includes('silent') || fail(told.slice(-5)), `the silence of pid ${backend.pid}`);
}

/** Waits until it has said this on stderr. */
export async function untilSaid(life: Life, words: string): Promise<void> {
  await until(() => stderrOf(life).includes(words) || fail(stderrOf(life)), `"${words}" on stderr`);
}

function fail(seen: readonly string[]): never {
  throw new Error(inspect(seen, { maxStringLength: 300 }));
}

export function stderrOf({ reports }: Life): string[] {
  return reports.flatMap((report) => (report.kind === 'backend.stderr' ? [report.text] : []));
}

export function noiseOf({ reports }: Life): string[] {
  return reports.flatMap((report) => (report.kind === 'backend.noise' ? [report.text] : []));
}
