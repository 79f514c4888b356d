// One bridge after the other, on one port and one state folder: started, killed, weighed, stopped.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BIN, type Health } from '../helpers/bridge.js';
import { descendantsOf, isAlive, type Process } from '../helpers/processes.js';
import { until } from '../helpers/until.js';
import type { Outage } from './history.js';

export interface LivesPlan {
  /** Where the bridge runs, and the server's command in it. */
  readonly cwd: string;
  readonly server: readonly string[];
  readonly watch: string;
  readonly stateFolder: string;
  /** For the logs, one a life. */
  readonly logs: string;
  readonly port: number;
}

export interface Weight {
  /** Resident memory (MB). */
  readonly memory: number;
  /** Open descriptors: what they are. */
  readonly files: readonly string[];
  /** The states of connections that are neither open nor listening. */
  readonly closing: readonly string[];
}

/** States of a connection (proc_net_tcp). */
const ESTABLISHED = '01';
const LISTENING = '0A';

const STOP_DEADLINE = 15_000;
const GONE_DEADLINE = 10_000;

export class BridgeLives {
  readonly url: string;
  readonly outages: Outage[] = [];
  /** How long what a killed bridge had started has outlived it (ms), and what was left of it. */
  readonly orphans: { readonly ms: number; readonly left: number }[] = [];
  /** What it has done by itself that it should not. */
  readonly faults: string[] = [];
  readonly #plan: LivesPlan;
  readonly #watches: Promise<void>[] = [];
  #child: ChildProcess | undefined;
  #number = 0;
  #isUp = false;
  /** Its end is the test's doing. */
  #isMeant = false;
  #waiting: (() => void)[] = [];
  readonly #onExit = () => this.#child?.kill('SIGKILL');

  constructor(plan: LivesPlan) {
    this.#plan = plan;
    this.url = `http://127.0.0.1:${plan.port}/mcp`;
    process.once('exit', this.#onExit);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves when the bridge answers. */
  async start(): Promise<void> {
    const { cwd, server, watch, stateFolder, logs, port } = this.#plan;
    this.#number += 1;
    const log = openSync(path.join(logs, `bridge-${this.#number}.log`), 'a');
    const options = ['--port', String(port), '--state-dir', stateFolder, '--watch', watch];
    const words = [...options, '--log-format', 'json', '--log-level', 'debug', '--', ...server];
    const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('MCP_BRIDGE_'));
    const env = Object.fromEntries(inherited);
    this.#child = spawn(process.execPath, [BIN, ...words], { cwd, env, stdio: ['ignore', 'ignore', log] });
    closeSync(log);
    const child = this.#child;
    child.once('exit', (code, signal) => {
      if (!this.#isMeant) this.faults.push(`the bridge ended by itself: ${signal ?? `exit ${code}`}`);
    });
    this.#isMeant = false;
    await this.#untilUp();
  }

  /** Resolves at once while the bridge answers, else when it does again. */
  whenUp(): Promise<void> {
    return this.#isUp ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Kills it, and starts the next one after so many ms. */
  async killAndStart(after: number): Promise<number> {
    const child = this.#child;
    const left = descendantsOf(this.pid);
    const outage: Outage = { killedAt: Date.now(), backAt: Number.POSITIVE_INFINITY };
    this.outages.push(outage);
    this.#isUp = false;
    this.#isMeant = true;
    const exited = child && once(child, 'exit');
    child?.kill('SIGKILL');
    await exited;
    this.#watches.push(this.#watchOrphans(left, outage.killedAt));
    await sleep(after);
    await this.start();
    outage.backAt = Date.now();
    return outage.backAt - outage.killedAt;
  }

  async health(): Promise<Health> {
    const response = await fetch(new URL('/health', this.url));
    return (await response.json()) as Health;
  }

  /** What it has started and is alive. */
  look(): Process[] {
    return descendantsOf(this.pid);
  }

  weigh(): Weight {
    const [, kilobytes] =
      /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1')) ?? [];
    const folder = `/proc/${this.pid}/fd`;
    const files = readdirSync(folder).flatMap((name) => linkOf(path.join(folder, name)));
    // Connections that clients keep open are theirs.
    const states = connectionsTo(this.#plan.port);
    const open = states.filter((state) => state === ESTABLISHED).length;
    const sockets = files.filter((file) => file.startsWith('socket:')).slice(open);
    const others = files.filter((file) => !file.startsWith('socket:'));
    const closing = states.filter((state) => state !== ESTABLISHED && state !== LISTENING);
    return {
      memory: Math.round(Number(kilobytes) / 1024),
      files: [...others, ...sockets],
      closing,
    };
  }

  /** Interrupts it; resolves with how it ended, when all that was killed before is gone too. */
  async stop(): Promise<string> {
    process.off('exit', this.#onExit);
    const child = this.#child;
    if (!child || child.exitCode !== null) return `had ended (${child?.exitCode})`;
    const left = this.look();
    const exited = once(child, 'exit');
    this.#isMeant = true;
    child.kill('SIGINT');
    const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE);
    const [code, signal] = await exited;
    clearTimeout(deadline);
    this.#watches.push(this.#watchOrphans(left, Date.now()));
    await Promise.all(this.#watches);
    return signal ?? `exit ${code}`;
  }

  async #untilUp(): Promise<void> {
    const child = this.#child;
    const answersOrEnds = async () => child?.exitCode !== null || this.health();
    await until(answersOrEnds, 'the bridge');
    if (child?.exitCode !== null) throw new Error(`The bridge does not start (exit ${child?.exitCode}).`);
    this.#isUp = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #watchOrphans(orphans: readonly Process[], since: number): Promise<void> {
    const left = () => orphans.filter(isAlive);
    await until(() => left().length === 0, 'their end', { most: GONE_DEADLINE, every: 50 }).catch(() => {});
    this.orphans.push({ ms: Date.now() - since, left: left().length });
    for (const { pid } of left()) process.kill(pid, 'SIGKILL');
  }
}

/** A port that nothing uses, below those that the system gives to connections: it stays free while the bridge is away. */
export async function findPort(from: number): Promise<number> {
  for (let port = from; ; port += 1) {
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

function linkOf(file: string): string[] {
  try {
    return [readlinkSync(file).replace(/\d+/g, '')];
  } catch {
    return [];
  }
}

/** The states of the connections with this port at their own end (proc_net_tcp). */
function connectionsTo(port: number): string[] {
  const own = new RegExp(
    `^\\s*\\d+: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')} [0-9A-F:]+ ([0-9A-F]{2}) `,
  );
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n');
  return rows.flatMap((row) => own.exec(row)?.[1] ?? []);
}
