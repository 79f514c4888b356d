// A child and all that it starts: known to the guard from its first moment, signalled as one, watched to the end of the last.

import { isRunning, type ProcessEntry } from '../system/processes.js';
import { findEscaped, isTreeGone, signalEach, signalTree, type TreeSignal } from './kill.js';
import { findMarked } from './marks.js';

/** Whoever sees to it that nothing outlives the bridge. */
export interface ChildGuard {
  /** A mark for one backend, by which what it starts is found wherever it goes. */
  newMark(): string;
  /** To be called before something is spawned. */
  arm(): void;
  /** The leader of a group; to be called right after it was spawned. */
  add(pid: number, command: string): void;
  /** The group is gone, and its number may be another's. */
  remove(pid: number): void;
}

export interface TreePlan {
  /** The leader of the group; undefined where it could not be spawned. */
  readonly pid: number | undefined;
  readonly command: readonly string[];
  /** What is in the environment of all that belongs to it. */
  readonly mark?: string | undefined;
  readonly guard?: ChildGuard | undefined;
}

export class Tree {
  readonly #plan: TreePlan;
  readonly #pid: number | undefined;
  #escaped: readonly ProcessEntry[] = [];
  #isLed = true;
  #isOver: boolean;

  constructor(plan: TreePlan) {
    this.#plan = plan;
    this.#pid = plan.pid;
    this.#isOver = plan.pid === undefined;
    if (plan.pid !== undefined) plan.guard?.add(plan.pid, plan.command.join(' '));
  }

  /** From now on nothing tells whose children the others were: their marks do. */
  leaderEnded(): void {
    this.#isLed = false;
  }

  /** Finds what has left the group. To be called also before the leader is made to end. */
  look(): void {
    const known = new Map(this.#escaped.filter(isRunning).map((one) => [one.pid, one]));
    for (const one of [...this.#byParents(), ...this.#byMark()]) known.set(one.pid, one);
    this.#escaped = [...known.values()];
  }

  /** Signals the group, and what has left it. */
  signal(signal: TreeSignal): void {
    if (this.#isOver || this.#pid === undefined) return;
    this.look();
    signalTree(this.#pid, signal, pidsOf(this.#escaped));
  }

  /** Whether nothing is left of it. */
  isGone(): boolean {
    if (this.#isOver || this.#pid === undefined) return true;
    if (this.#isLed || !isTreeGone(this.#pid)) return false;
    this.#escaped = this.#escaped.filter(isRunning);
    // What was started since the last look is looked for when all else is gone: a look costs.
    if (this.#escaped.length === 0) this.look();
    return this.#escaped.length === 0;
  }

  /** All that can be done has been done: its number may be another's from now on. */
  forget(): void {
    if (this.#isOver || this.#pid === undefined) return;
    // Born between the look and the signal.
    signalEach(pidsOf(this.#byMark()), 'SIGKILL');
    this.#isOver = true;
    this.#plan.guard?.remove(this.#pid);
  }

  #byParents(): ProcessEntry[] {
    return this.#isLed && this.#pid !== undefined ? findEscaped(this.#pid) : [];
  }

  #byMark(): ProcessEntry[] {
    const { mark } = this.#plan;
    return mark === undefined ? [] : findMarked(mark).filter(({ group }) => group !== this.#pid);
  }
}

function pidsOf(processes: readonly ProcessEntry[]): number[] {
  return processes.map(({ pid }) => pid);
}
