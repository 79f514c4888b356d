// Ends what an earlier bridge left behind: what carries its mark, and the groups that it wrote down.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  commandOf,
  isRunning,
  type ProcessEntry,
  readProcesses,
  withDescendants,
} from '../system/processes.js';
import { startOf } from '../system/started.js';
import type { Group } from './groups.js';
import { isTreeGone, signalEach, signalTree, type TreeSignal } from './kill.js';
import { findMarkedWith } from './marks.js';

export interface ReapPlan {
  /** What the marks of all lives of this bridge begin with. */
  readonly mark: string;
  /** What the marks of this life begin with: what carries one is ours, and stays. */
  readonly own: string;
  /** What was written down. */
  readonly groups: readonly Group[];
}

export interface Reaped {
  readonly pid: number;
  readonly command: string;
}

/** Time between SIGTERM and SIGKILL, and for SIGKILL to be seen (ms). */
const GRACE = { SIGTERM: 1_000, SIGKILL: 2_000 };
const POLL = { first: 5, longest: 100 };

/** SIGTERM, a second, SIGKILL. Resolves when nothing of it is left, with what was ended; never rejects. */
export async function reap(plan: ReapPlan): Promise<Reaped[]> {
  const reaping = new Reaping(plan);
  if (!(await reaping.isGoneAfter('SIGTERM'))) await reaping.isGoneAfter('SIGKILL');
  return reaping.reaped;
}

class Reaping {
  readonly #plan: ReapPlan;
  readonly #groups: readonly number[];
  readonly #reaped = new Map<number, Reaped>();
  readonly #strays = new Map<number, ProcessEntry>();

  constructor(plan: ReapPlan) {
    this.#plan = plan;
    const ours = groupsOf(lineOf(process.pid, readProcesses()));
    const left = plan.groups.filter(
      ({ pid, startedAt }) => startOf(pid) === startedAt && !isTreeGone(pid) && !ours.has(pid),
    );
    // Seen once: as long as the group is there, its number is not given to another.
    this.#groups = left.map(({ pid }) => pid);
    for (const { pid, command } of left) this.#reaped.set(pid, { pid, command });
  }

  get reaped(): Reaped[] {
    return [...this.#reaped.values()];
  }

  /** Each is signalled once, those too that are found while it waits. */
  async isGoneAfter(signal: TreeSignal): Promise<boolean> {
    for (const group of this.#groups) signalTree(group, signal);
    const signalled = new Set<number>();
    const deadline = performance.now() + GRACE[signal];
    for (let wait = POLL.first; ; wait = Math.min(wait * 2, POLL.longest)) {
      const strays = findStrays(this.#plan);
      this.#note(strays);
      const fresh = strays.filter(({ pid, group }) => !signalled.has(pid) && !this.#groups.includes(group));
      signalEach(pidsOf(fresh), signal);
      for (const { pid } of fresh) signalled.add(pid);
      if (strays.length === 0 && this.#isGone()) return true;
      if (performance.now() >= deadline) return false;
      await sleep(wait);
    }
  }

  #note(strays: readonly ProcessEntry[]): void {
    for (const stray of strays) {
      const { pid } = stray;
      this.#strays.set(pid, stray);
      if (!this.#reaped.has(pid)) this.#reaped.set(pid, { pid, command: commandOf(pid) });
    }
  }

  /** What is ending has no environment any more, and with it no mark, while it still has its ports. */
  #isGone(): boolean {
    return this.#groups.every((group) => isTreeGone(group)) && ![...this.#strays.values()].some(isRunning);
  }
}

/** What carries a mark of an earlier life. A bridge that such a process has started ends neither itself nor its own. */
function findStrays({ mark, own }: ReapPlan): ProcessEntry[] {
  const marked = findMarkedWith(mark);
  if (marked.length === 0) return [];
  const all = readProcesses();
  const ours = new Set([
    ...pidsOf(findMarkedWith(own)),
    ...withDescendants(process.pid, all),
    ...pidsOf(lineOf(process.pid, all)),
  ]);
  return marked.filter(({ pid }) => !ours.has(pid));
}

/** A process and its ancestors. */
function lineOf(pid: number, all: readonly ProcessEntry[]): ProcessEntry[] {
  const byPid = new Map(all.map((one) => [one.pid, one]));
  const line: ProcessEntry[] = [];
  for (let one = byPid.get(pid); one && !line.includes(one); one = byPid.get(one.parent)) line.push(one);
  return line;
}

function groupsOf(processes: readonly ProcessEntry[]): ReadonlySet<number> {
  return new Set(processes.map(({ group }) => group));
}

function pidsOf(processes: readonly ProcessEntry[]): number[] {
  return processes.map(({ pid }) => pid);
}
