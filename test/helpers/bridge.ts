// The real program as a process: started, listened to, ended; and nothing of it may be left behind.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFailed, onTestFinished } from 'vitest';
import { commandOf, descendantsOf, findProcess, isAlive, type Process, untilGone } from './processes.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BIN = `${ROOT}bin/mcp-bridge.js`;
/** Where the fixture servers are. */
export const SERVERS = `${ROOT}fixtures/servers`;

const START_DEADLINE = 15_000;
const STOP_DEADLINE = 15_000;
const LINE_DEADLINE = 10_000;

/** One line of the log; a line that is no JSON has only its text. */
export interface LogLine {
  readonly msg: string;
  readonly level?: string;
  readonly url?: string;
  readonly session?: string;
  readonly source?: string;
  readonly pid?: number;
}

export interface Health {
  readonly status: string;
  readonly uptime_secs: number;
  readonly version: string;
  readonly cwd: string;
  readonly sessions: { readonly total: number; readonly connected: number };
  readonly jobs: { readonly pending: number; readonly running: number };
  readonly backend: {
    readonly state: string;
    readonly pids: readonly number[];
    readonly generation: number;
    readonly restarts: number;
    readonly last_exit: { readonly how: string; readonly stderr: readonly string[] } | null;
  };
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface BridgePlan {
  /** The server behind it; the echo fixture if there is none. */
  readonly server?: readonly string[];
  /** Options after `--log-format json --log-level debug`. */
  readonly options?: readonly string[];
  /** Port 0 unless there is one; `undefined` leaves the choice to the bridge. */
  readonly port?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** It leads a process group of its own, as a job of a terminal does. */
  readonly leads?: boolean;
}

/** The command line of a fixture server. */
export function fixture(name: string, ...args: string[]): string[] {
  return ['node', `${SERVERS}/${name}.mjs`, ...args];
}

/** A bridge in front of the echo fixture: the one of MCP_BRIDGE_TEST_URL, or one of our own. */
export async function reachBridge(): Promise<{ readonly url: string } & AsyncDisposable> {
  const url = process.env.MCP_BRIDGE_TEST_URL;
  return url ? { url, [Symbol.asyncDispose]: async () => {} } : await startBridge();
}

/** Resolves when the bridge has said where it listens. */
export async function startBridge(plan: BridgePlan = {}): Promise<BridgeProcess> {
  const port = 'port' in plan ? plan.port : 0;
  const bridge = new BridgeProcess(
    [
      ...(port === undefined ? [] : ['--port', String(port)]),
      ...['--log-format', 'json', '--log-level', 'debug'],
      ...(plan.options ?? []),
      ...['--', ...(plan.server ?? fixture('echo'))],
    ],
    plan,
  );
  await bridge.listening();
  return bridge;
}

/** Runs the program with exactly these words, to its end. */
export async function runToEnd(
  words: readonly string[],
  plan: Surroundings = {},
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  const child = start(words, plan);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE);
  const [code, signal] = await once(child, 'close');
  clearTimeout(deadline);
  return { code, signal, stdout, stderr };
}

/** A running bridge. Disposed, it is interrupted, and whatever process was seen behind it must be gone. */
export class BridgeProcess implements AsyncDisposable {
  readonly lines: LogLine[] = [];
  readonly exited: Promise<Exit>;
  readonly #child: Child;
  readonly #seen = new Map<number, Process>();
  readonly #onExit = () => this.kill();
  #stdout = '';
  #closed = false;
  #killed = false;

  constructor(words: readonly string[], plan: Surroundings) {
    this.#child = start(words, plan);
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#closed = true;
      return { code, signal };
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => (this.#stdout += text));
    createInterface({ input: this.#child.stderr }).on('line', (text) => this.#take(text));
    process.once('exit', this.#onExit);
    // A test that failed half-way, or in its time, disposes of nothing.
    onTestFinished(async () => {
      if (!this.#closed) await this[Symbol.asyncDispose]();
    });
    onTestFailed(() => console.log(`mcp-bridge ${words.join(' ')}\n${this.#said()}`));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get url(): string {
    return this.lines[0]?.url ?? '';
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Resolves with the first line, which says where it listens. */
  listening(): Promise<LogLine> {
    return this.untilLine(({ url }) => url !== undefined, 'the line with the URL', START_DEADLINE);
  }

  /** The first line that `isIt`, of those there are and those to come `within` so many ms. */
  async untilLine(
    isIt: (line: LogLine) => boolean,
    what: string,
    within: number = LINE_DEADLINE,
  ): Promise<LogLine> {
    const deadline = performance.now() + within;
    for (;;) {
      const found = this.lines.find(isIt);
      if (found) return found;
      if (this.#closed) throw new Error(`Waited for ${what}, but the bridge has ended:\n${this.#said()}`);
      if (performance.now() > deadline) throw new Error(`Waited for ${what}; there was:\n${this.#said()}`);
      await sleep(5);
    }
  }

  /** The first line with this text. */
  untilSaid(text: string): Promise<LogLine> {
    return this.untilLine(({ msg }) => msg.includes(text), JSON.stringify(text));
  }

  async health(): Promise<Health> {
    const response = await fetch(new URL('/health', this.url));
    const health = (await response.json()) as Health;
    for (const pid of health.backend.pids) this.#see(pid);
    return health;
  }

  /** The processes behind the bridge that are alive: backends, and what they have started. */
  look(): Process[] {
    const all = descendantsOf(this.pid);
    for (const each of all) this.#seen.set(each.pid, each);
    return all.filter(({ pid }) => !isWatchdog(pid));
  }

  /** What ends them if the bridge cannot, if it runs. */
  get watchdog(): Process | undefined {
    this.look();
    return descendantsOf(this.pid).find(({ pid }) => isWatchdog(pid));
  }

  signal(name: NodeJS.Signals): void {
    this.look();
    this.#child.kill(name);
  }

  /** Closes our end of its stderr: what it says from now on has no reader. */
  stopReading(): void {
    this.#child.stderr.destroy();
  }

  /** Ends the bridge without a word. */
  kill(signal: 'SIGKILL' | 'SIGABRT' = 'SIGKILL'): void {
    this.#killed = true;
    this.#child.kill(signal);
  }

  /** Ends all that is in its group without a word. */
  killGroup(): void {
    this.#killed = true;
    process.kill(-this.pid, 'SIGKILL');
  }

  /** None of the processes that were seen is alive; the ones that are, are ended. */
  async leavesNothing(): Promise<void> {
    const seen = [...this.#seen.values()];
    try {
      await untilGone(seen, 'all that the bridge started');
    } finally {
      for (const { pid } of seen.filter(isAlive)) process.kill(pid, 'SIGKILL');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.signal('SIGINT');
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), STOP_DEADLINE);
    const { signal } = await this.exited;
    clearTimeout(deadline);
    process.off('exit', this.#onExit);
    await this.leavesNothing();
    if (signal && !this.#killed) throw new Error(`Interrupted, the bridge was ended by ${signal}.`);
  }

  #take(text: string): void {
    const line = parseLine(text);
    this.lines.push(line);
    if (line.pid !== undefined) this.#see(line.pid);
  }

  #see(pid: number): void {
    for (const each of [findProcess(pid) ?? [], descendantsOf(pid)].flat()) this.#seen.set(each.pid, each);
  }

  #said(): string {
    const lines = this.lines.map((line) => `${line.level ?? 'raw'} ${line.session ?? ''} ${line.msg}`);
    return [...lines, this.#stdout && `stdout: ${this.#stdout}`].filter(Boolean).join('\n');
  }
}

function isWatchdog(pid: number): boolean {
  return commandOf(pid).endsWith('mcp-bridge-watchdog');
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

type Surroundings = Pick<BridgePlan, 'env' | 'cwd' | 'leads'>;

function start(words: readonly string[], { env = {}, cwd = ROOT, leads = false }: Surroundings): Child {
  if (!existsSync(`${ROOT}dist/main.cjs`)) throw new Error('There is no dist/main.cjs: run npm run build.');
  // What configures the tests, or a bridge of the developer's, is not for this one.
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('MCP_BRIDGE_'));
  return spawn(process.execPath, [BIN, ...words], {
    cwd,
    // What one bridge keeps is not for another one, unless the test says so.
    env: {
      ...Object.fromEntries(inherited),
      XDG_STATE_HOME: mkdtempSync(path.join(os.tmpdir(), 'state-')),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: leads,
  });
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { msg: text };
  }
}
