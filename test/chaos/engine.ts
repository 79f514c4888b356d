// Clients that call without a pause, and blows that fall on what is between them and their servers; then the ledger.
import { writeFileSync } from 'node:fs';
import { until } from '../helpers/until.js';
import { BridgeLives, findPort, type Weight } from './bridge-lives.js';
import { makeChance, seedOf } from './chance.js';
import type { History } from './history.js';
import { count, judge } from './ledger.js';
import { ChaosProject } from './project.js';
import { Round, type RoundPlan } from './round.js';

export interface ChaosPlan {
  readonly seed: number;
  readonly seconds: number;
  readonly clients?: number;
  /** Whether the bridge itself is killed. */
  readonly kills?: boolean;
  /** Hears of what happens while it happens. */
  readonly say?: (line: string) => void;
}

export interface Verdict {
  readonly seed: number;
  /** What is wrong, one line each. */
  readonly complaints: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  /** What happened, in order, with seconds since the start. */
  readonly log: readonly string[];
  /** What there is to look at, if anything is wrong. */
  readonly folder: string | undefined;
}

/** Rounds are not longer than this (s): what was in them is judged, and forgotten. */
const LONGEST_ROUND = 30;
/** What there must have been of, or the run was none. */
const ALWAYS = ['acknowledged', 'executed', 'told', 'resumed', 'cut', 'may have run', 'saves'] as const;
const FIRST_PORT = 20_000;
const PORTS = 8_000;
/** What the last round may weigh more than the first one under the same bridge. */
const GROWTH = { memory: 40, files: 2 };
const GOING = 10_000;
/** What a killed bridge had started is gone after so long (ms): 3 s are promised. */
const ORPHANS = 3_500;

/** A storm, then calm rounds under one bridge, which is weighed after each. */
export async function chaos({ seed, seconds, clients = 16, kills = true, say }: ChaosPlan): Promise<Verdict> {
  const began = Date.now();
  const log: string[] = [];
  const tell = (line: string) => {
    log.push(`${((Date.now() - began) / 1000).toFixed(2).padStart(7)} ${line}`);
    say?.(log.at(-1) ?? '');
  };
  const project = new ChaosProject();
  const bridge = new BridgeLives({
    cwd: project.at('project'),
    server: project.command,
    watch: 'server.mjs',
    stateFolder: project.at('state'),
    logs: project.at('logs'),
    port: await findPort(FIRST_PORT + (process.pid % PORTS)),
  });
  const run = new Chaos(project, bridge, tell);
  try {
    await bridge.start();
    for (const [number, round] of roundsOf(seconds, kills).entries())
      await run.round({ ...round, seed: seedOf(seed, number), number, clients });
  } catch (error) {
    run.complaints.push(
      `the run broke off: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
    );
  }
  const ended = await bridge.stop();
  run.conclude(ended, kills);
  const folder = run.complaints.length > 0 ? project.folder : undefined;
  if (!folder) project.remove();
  return { seed, complaints: run.complaints, counts: run.counts, log, folder };
}

/** What a person reads of a run; of one that failed, how to have it again. */
export function describeVerdict({ seed, complaints, counts, log, folder }: Verdict): string {
  const figures = Object.entries(counts).map(([name, value]) => `${value} ${name}`);
  if (complaints.length === 0) return `seed ${seed}: ${figures.join(', ')}`;
  return [
    `seed ${seed}: ${complaints.length} complaints; ${figures.join(', ')}`,
    ...log.slice(-40),
    ...complaints.slice(0, 20),
    `kept in ${folder}`,
  ].join('\n');
}

class Chaos {
  readonly complaints: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly #project: ChaosProject;
  readonly #bridge: BridgeLives;
  readonly #tell: (line: string) => void;
  readonly #weights: (Weight & { readonly pid: number })[] = [];
  /** Sessions whose clients never learnt their ids: nobody can end them. */
  #unknown = 0;
  #outages = 0;
  #saves = 0;

  constructor(project: ChaosProject, bridge: BridgeLives, tell: (line: string) => void) {
    this.#project = project;
    this.#bridge = bridge;
    this.#tell = tell;
  }

  async round(plan: RoundPlan): Promise<void> {
    const [project, bridge] = [this.#project, this.#bridge];
    const round = new Round(plan, project, bridge, this.#tell);
    await round.run();
    this.#unknown += round.exchanges.filter(
      ({ request, session }) => request?.method === 'initialize' && session === undefined,
    ).length;
    const restless = await round.untilQuiet(this.#unknown);
    const history: History = {
      exchanges: round.exchanges,
      calls: round.workload.calls,
      lives: project.takeLives(),
      outages: bridge.outages.slice(this.#outages),
      // What was saved last before is still due.
      saves: project.saves.slice(Math.max(0, this.#saves - 1)),
    };
    this.#outages = bridge.outages.length;
    this.#saves = project.saves.length;
    this.#weights.push({ ...(await this.#weigh()), pid: bridge.pid });
    const complaints = [...round.complaints, ...restless, ...judge(history)];
    if (complaints.length > 0)
      writeFileSync(project.at(`history-${plan.number}.json`), JSON.stringify(history, undefined, 1));
    this.complaints.push(...complaints);
    for (const [name, value] of Object.entries(count(history)))
      this.counts[name] = (this.counts[name] ?? 0) + value;
    const weight = this.#weights.at(-1);
    this.#tell(
      `round ${plan.number} is over: ${weight?.memory} MB, ${weight?.files.length} files, ${complaints.length} complaints`,
    );
  }

  /** Sockets that were closed a moment ago are given time to go. */
  async #weigh(): Promise<Weight> {
    const most = (this.#weights[0]?.files.length ?? Number.POSITIVE_INFINITY) + GROWTH.files;
    const isLight = () => this.#bridge.weigh().files.length <= most;
    await until(isLight, 'sockets to go', { most: GOING, every: 100 }).catch(() => {});
    return this.#bridge.weigh();
  }

  conclude(ended: string, kills: boolean): void {
    for (const name of [...ALWAYS, ...(kills ? ['bridge kills'] : [])])
      if (!this.counts[name]) this.complaints.push(`nothing is proven: there were no ${name}`);
    if (ended !== 'exit 0') this.complaints.push(`the bridge ended with ${ended}`);
    for (const { ms, left } of this.#bridge.orphans)
      if (ms > ORPHANS)
        this.complaints.push(`${left || 'all'} of what the bridge had started lived on for ${ms} ms`);
    this.complaints.push(...this.#bridge.faults);
    const last = this.#weights.at(-1);
    const first = this.#weights.find(({ pid }) => pid === last?.pid);
    if (!first || !last) return;
    this.counts['MB grown'] = last.memory - first.memory;
    if (last.memory - first.memory > GROWTH.memory)
      this.complaints.push(`memory grew from ${first.memory} to ${last.memory} MB`);
    const files = this.#weights[0]?.files ?? [];
    if (last.files.length > files.length + GROWTH.files)
      this.complaints.push(
        `open files grew from ${files.length} to ${last.files.length}: ${countEach(last.files)}, connections in state ${last.closing}; were ${countEach(files)}`,
      );
    const outages = this.#bridge.outages.map(({ killedAt, backAt }) => backAt - killedAt);
    this.counts['ms away at most'] = Math.max(0, ...outages);
  }
}

/** Half of the time with the bridge killed now and then, half of it in rounds under one bridge. */
function roundsOf(seconds: number, kills: boolean): { readonly seconds: number; readonly kills: boolean }[] {
  const half = seconds / 2;
  const storms = Math.ceil(half / LONGEST_ROUND);
  const calm = Math.max(2, storms);
  return [
    ...Array.from({ length: storms }, () => ({ seconds: half / storms, kills })),
    ...Array.from({ length: calm }, () => ({ seconds: half / calm, kills: false })),
  ];
}

function countEach(files: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(file, (counts.get(file) ?? 0) + 1);
  return [...counts].map(([file, times]) => `${times} × ${file}`).join(', ');
}

export function drawSeed(): number {
  return Math.floor(makeChance(Date.now()).next() * 2 ** 31);
}
