// The blows of a round: whom each one hits, and how.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BridgeLives } from './bridge-lives.js';
import { type Chance, makeChance, seedOf } from './chance.js';
import type { ChaosClient } from './clients.js';
import type { ChaosProject } from './project.js';
import type { Blow, Event } from './schedule.js';
import type { Workload } from './workload.js';

/** A place for one client after the other. */
export interface Slot {
  readonly index: number;
  readonly chance: Chance;
  client: ChaosClient | undefined;
  isLeaving: boolean;
}

export interface StormParts {
  readonly slots: readonly Slot[];
  readonly workload: Workload;
  readonly project: ChaosProject;
  readonly bridge: BridgeLives;
  readonly seed: number;
}

/** So many of the servers that are killed have a call. */
const BUSY = 0.7;
/** So many of them are whichever there are. */
const ANY = 0.15;
/** So many saves are of code that does not start. */
const BROKEN = 0.2;
/** The official clients try twice to come back, 2 s apart: one of them must find a bridge, however slow it was to start (ms). */
const SPARED = 2_600;

export class Storm {
  readonly #parts: StormParts;
  readonly #tell: (line: string) => void;
  #isKilling = false;

  constructor(parts: StormParts, tell: (line: string) => void) {
    this.#parts = parts;
    this.#tell = tell;
  }

  /** Resolves after so many ms, when the bridge is there. */
  async run(schedule: readonly Event[], ms: number): Promise<void> {
    const began = performance.now();
    const kills: Promise<void>[] = [];
    for (const event of schedule) {
      await sleep(Math.max(0, began + event.at - performance.now()));
      const chance = makeChance(seedOf(this.#parts.seed, 100_000 + event.part));
      if (event.blow === 'kill-bridge') kills.push(this.#killBridge(chance));
      else this.#strike(event.blow, chance);
    }
    await sleep(Math.max(0, began + ms - performance.now()));
    await Promise.all(kills);
  }

  #strike(blow: Exclude<Blow, 'kill-bridge'>, chance: Chance): void {
    if (blow === 'save') return this.save(chance.isLikely(0.5), chance.isLikely(BROKEN));
    const slot = this.#drawSlot(blow, chance);
    if (!slot?.client) return;
    const { name, wire } = slot.client;
    switch (blow) {
      case 'kill-backend':
        return this.#killBackend(slot.client, chance);
      case 'drop': {
        const dropped = wire.cutOne(chance);
        return dropped ? this.#tell(`dropped ${dropped} of ${name}`) : undefined;
      }
      case 'renew':
        slot.isLeaving = true;
        return this.#tell(`${name} is to leave`);
    }
  }

  /** A server that dies without a call has little to lose: mostly it is one that has one. */
  #drawSlot(blow: Blow, chance: Chance): Slot | undefined {
    const busy = this.#parts.slots.filter(({ client }) => client && this.#parts.workload.isBusy(client.name));
    const [first, ...more] =
      blow === 'kill-backend' && busy.length > 0 && chance.isLikely(BUSY) ? busy : this.#parts.slots;
    return first && chance.pick([first, ...more]);
  }

  save(isInPlace: boolean, isBroken: boolean): void {
    const { generation } = this.#parts.project.save({ isInPlace, isBroken });
    this.#tell(`saved generation ${generation}${isBroken ? ', which is broken' : ''}`);
  }

  /** Mostly the one that serves the client; or any, one that has just been started perhaps. */
  #killBackend({ name }: ChaosClient, chance: Chance): void {
    const servers = new Set([this.#parts.workload.serverOf(name), ...this.#parts.project.servers()]);
    // Only what is the bridge's: a number may be somebody else's by now.
    const [first, ...more] = this.#parts.bridge.look().flatMap(({ pid }) => (servers.has(pid) ? pid : []));
    if (first === undefined) return;
    const own = this.#parts.workload.serverOf(name);
    const pid = own === undefined || chance.isLikely(ANY) ? chance.pick([first, ...more]) : own;
    if (pid !== first && !more.includes(pid)) return;
    process.kill(pid, 'SIGKILL');
    this.#tell(`killed server ${pid} of ${pid === own ? name : 'whoever'}`);
  }

  async #killBridge(chance: Chance): Promise<void> {
    const { backAt = 0 } = this.#parts.bridge.outages.at(-1) ?? {};
    if (this.#isKilling || Date.now() - backAt < SPARED) return this.#tell('spared the bridge');
    this.#isKilling = true;
    this.#tell('killed the bridge');
    const away = await this.#parts.bridge.killAndStart(chance.between(0, 400));
    this.#isKilling = false;
    this.#tell(`the bridge is back after ${away} ms`);
  }
}
