// One round: every slot has a client that calls, blows fall by the schedule; then all are asked once more, and leave.
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../helpers/until.js';
import type { BridgeLives } from './bridge-lives.js';
import { makeChance, seedOf } from './chance.js';
import { type ChaosClient, type Kind, openClient } from './clients.js';
import type { Exchange } from './history.js';
import type { ChaosProject } from './project.js';
import { type Blow, makeSchedule } from './schedule.js';
import { type Slot, Storm } from './storm.js';
import { Undertaker } from './undertaker.js';
import type { Wire } from './wire.js';
import { messageOf, Workload } from './workload.js';

export interface RoundPlan {
  readonly seed: number;
  readonly number: number;
  readonly seconds: number;
  readonly clients: number;
  readonly kills: boolean;
}

const KINDS: readonly [Kind, ...Kind[]] = ['sdk1', 'sdk2', 'raw', 'sdk1', 'sdk2', 'raw-2025-06-18'];
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
const ALWAYS: readonly Blow[] = ['kill-backend', 'save', 'drop', 'renew'];
const MOST_LANES = 3;
/** Who could not open its session tries again (ms). */
const OPEN_AGAIN_AFTER = 250;
/** The longest wait for what must end (ms): longer than a client waits for an answer. */
const END_DEADLINE = 100_000;
const QUIET_DEADLINE = 20_000;
/** A process of the bridge's own, which is to outlive it by a moment. */
const WATCHDOGS = 1;

export class Round {
  readonly exchanges: Exchange[] = [];
  readonly workload: Workload;
  readonly complaints: string[] = [];
  readonly #plan: RoundPlan;
  readonly #bridge: BridgeLives;
  readonly #tell: (line: string) => void;
  readonly #undertaker: Undertaker;
  readonly #slots: Slot[];
  readonly #storm: Storm;
  /** Networks of clients that could not open their session, or not to the end. */
  readonly #abandoned: Wire[] = [];
  #isOver = false;

  constructor(plan: RoundPlan, project: ChaosProject, bridge: BridgeLives, tell: (line: string) => void) {
    this.#plan = plan;
    this.#bridge = bridge;
    this.#tell = tell;
    this.#undertaker = new Undertaker(bridge, this.exchanges, this.complaints);
    this.workload = new Workload(bridge, plan.number * 1_000_000);
    this.#slots = Array.from({ length: plan.clients }, (_, index) => ({
      index,
      chance: makeChance(seedOf(plan.seed, index)),
      client: undefined,
      isLeaving: false,
    }));
    this.#storm = new Storm(
      { slots: this.#slots, workload: this.workload, project, bridge, seed: plan.seed },
      tell,
    );
  }

  async run(): Promise<void> {
    const { seed, number, seconds, kills } = this.#plan;
    this.#tell(`round ${number} begins: ${seconds.toFixed(1)} s${kills ? ', the bridge is killed' : ''}`);
    const schedule = makeSchedule(
      seconds * 1000,
      kills ? [...ALWAYS, 'kill-bridge'] : ALWAYS,
      makeChance(seed),
    );
    const slots = Promise.all(this.#slots.map((slot) => this.#occupy(slot)));
    await this.#untilOpen();
    await this.#storm.run(schedule, seconds * 1000);
    this.#isOver = true;
    await this.#bridge.whenUp();
    this.#storm.save(true, false);
    await this.#inTime(slots, 'all calls are answered');
    await this.#askAll();
    await this.#inTime(Promise.all(this.#slots.map((slot) => this.#leave(slot))), 'all clients have left');
    for (const wire of this.#abandoned) await this.#undertaker.endHalfOpen(wire);
    await this.#undertaker.lookAgain();
  }

  /** Waits until the bridge has nothing to do; tells what it still has when that takes too long. `unknown`: sessions that nobody can end. */
  async untilQuiet(unknown: number): Promise<string[]> {
    const isQuiet = async () => {
      const { sessions, jobs, backend } = await this.#bridge.health();
      const pids = this.#bridge.look().map(({ pid }) => pid);
      const isIdle =
        sessions.total <= unknown && sessions.connected === 0 && jobs.pending + jobs.running === 0;
      if (isIdle && backend.pids.length === 0 && pids.length <= WATCHDOGS) return true;
      throw new Error(JSON.stringify({ sessions, unknown, jobs, pids, backends: backend.pids }));
    };
    return until(isQuiet, 'quiet', { most: QUIET_DEADLINE, every: 50 }).then(
      () => [],
      (error) => [messageOf(error)],
    );
  }

  async #untilOpen(): Promise<void> {
    const all = () => this.#slots.every(({ client }) => client);
    await until(all, 'a session for each client', { most: END_DEADLINE, every: 20 });
  }

  /** One client after the other, until the round is over. */
  async #occupy(slot: Slot): Promise<void> {
    for (let number = 1; ; number += 1) {
      slot.isLeaving = false;
      const client = await this.#open(slot, number);
      slot.client = client;
      const lanes = Array.from({ length: 1 + (slot.index % MOST_LANES) }, (_, lane) =>
        this.workload.callOn(
          client,
          makeChance(seedOf(this.#plan.seed, 1_000 * number + 10 * slot.index + lane)),
          () => this.#isOver || slot.isLeaving,
        ),
      );
      await Promise.all(lanes);
      if (this.#isOver) return;
      await this.#leave(slot);
    }
  }

  async #open({ index, chance }: Slot, number: number): Promise<ChaosClient> {
    const { whenUp, url } = this.#bridge;
    for (let attempt = 1; ; attempt += 1) {
      await this.#bridge.whenUp();
      const name = `r${this.#plan.number}c${index}-${number}.${attempt}`;
      const kind = KINDS[index % KINDS.length] ?? KINDS[0];
      const level = chance.pick(LEVELS);
      let wire: Wire | undefined;
      try {
        const plan = {
          url,
          name,
          kind,
          level,
          chance,
          exchanges: this.exchanges,
          whenUp: whenUp.bind(this.#bridge),
        };
        return await openClient(plan, (made) => {
          wire = made;
        });
      } catch (error) {
        this.#tell(`${name} could not open: ${messageOf(error)}`);
        if (wire) this.#abandoned.push(wire);
        await sleep(OPEN_AGAIN_AFTER);
      }
    }
  }

  /** When all is calm again, every client's call is answered by the newest code. */
  async #askAll(): Promise<void> {
    const before = await this.#generation();
    this.#storm.save(true, false);
    await until(async () => (await this.#generation()) > before, 'the last save');
    const asked = this.#slots.map(async (slot) => {
      if (!slot.client) return;
      const { outcome, text } = await this.workload.call(slot.client, {
        tool: 'record',
        args: {},
        progress: false,
      });
      if (outcome !== 'result') this.complaints.push(`${slot.client.name}: the last call failed: ${text}`);
    });
    await this.#inTime(Promise.all(asked), 'the last calls are answered');
  }

  async #generation(): Promise<number> {
    return (await this.#bridge.health()).backend.generation;
  }

  async #leave(slot: Slot): Promise<void> {
    const { client } = slot;
    slot.client = undefined;
    if (!client) return;
    await client.close();
    await this.#undertaker.bury(client);
  }

  async #inTime(work: Promise<unknown>, what: string): Promise<void> {
    const isLate = await Promise.race([work.then(() => false), sleep(END_DEADLINE, true, { ref: false })]);
    if (isLate) this.complaints.push(`waited ${END_DEADLINE / 1000} s until ${what}`);
  }
}
