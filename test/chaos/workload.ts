// What clients do all the time: calls of every kind, drawn by chance, each with a number of its own.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BridgeLives } from './bridge-lives.js';
import type { Chance } from './chance.js';
import { type ChaosClient, QUESTIONS } from './clients.js';
import type { Call } from './history.js';

interface Draft {
  readonly tool: string;
  readonly args: object;
  readonly progress: boolean;
}

/** From an answer to the next call (ms). */
const PAUSE = [0, 90] as const;
/** So many of the requests are questions, and of the calls' connections cut, within so long (ms). */
const ASKED = 0.2;
const CUTS = 0.06;
const CUT_WITHIN = 40;

export class Workload {
  readonly calls: Call[] = [];
  readonly #bridge: BridgeLives;
  /** The process that has answered a client last. */
  readonly #servers = new Map<string, number>();
  /** How many calls a client waits for. */
  readonly #running = new Map<string, number>();
  #lastCall: number;

  constructor(bridge: BridgeLives, firstCall: number) {
    this.#bridge = bridge;
    this.#lastCall = firstCall;
  }

  isBusy(client: string): boolean {
    return (this.#running.get(client) ?? 0) > 0;
  }

  serverOf(client: string): number | undefined {
    return this.#servers.get(client);
  }

  /** Call after call, until the client leaves or the round is over. */
  async callOn(client: ChaosClient, chance: Chance, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#bridge.whenUp();
      if (chance.isLikely(ASKED)) await client.ask(chance.pick(QUESTIONS)).catch(() => {});
      else await this.call(client, drawCall(chance), drawCut(chance));
      await sleep(chance.between(...PAUSE));
    }
  }

  /** A call with a number of its own; `cutAfter`: when its connection is cut (ms after it was sent). */
  async call(client: ChaosClient, { tool, args, progress }: Draft, cutAfter?: number): Promise<Call> {
    this.#lastCall += 1;
    const n = this.#lastCall;
    const call: Call = {
      n,
      client: client.name,
      tool,
      safe: tool === 'look',
      sentAt: Date.now(),
      expects: client.keeps,
    };
    this.calls.push(call);
    if (cutAfter !== undefined) client.wire.cuts.set(n, cutAfter);
    this.#count(client.name, 1);
    try {
      call.text = await client.call(tool, { n, ...args }, progress);
      call.outcome = 'result';
      // A life is named by its process.
      this.#servers.set(client.name, Number.parseInt(JSON.parse(call.text).life, 10));
      call.text = '';
    } catch (error) {
      call.text = messageOf(error);
      call.outcome = 'error';
    }
    call.endedAt = Date.now();
    this.#count(client.name, -1);
    return call;
  }

  #count(client: string, more: number): void {
    this.#running.set(client, (this.#running.get(client) ?? 0) + more);
  }
}

function drawCall(chance: Chance): Draft {
  const draw = chance.next();
  if (draw < 0.4) return { tool: 'record', args: {}, progress: false };
  if (draw < 0.6) return { tool: 'look', args: {}, progress: false };
  if (draw < 0.67)
    return { tool: 'big', args: { bytes: Math.round(chance.between(1_000, 200_000)) }, progress: false };
  const [ms, steps] = [Math.round(chance.between(50, 800)), Math.round(chance.between(1, 5))];
  return { tool: 'slow', args: { ms, steps }, progress: chance.isLikely(0.7) };
}

function drawCut(chance: Chance): number | undefined {
  return chance.isLikely(CUTS) ? chance.between(0, CUT_WITHIN) : undefined;
}

export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return text + cause;
}
