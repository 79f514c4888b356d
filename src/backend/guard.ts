// Nothing outlives the bridge, whatever ends it: a watchdog for its groups, and for the next start a file and marks.
import { randomUUID } from 'node:crypto';
import { startOf } from '../system/started.js';
import { type Group, readGroups, writeGroups } from './groups.js';
import { entryOf } from './marks.js';
import { type Reaped, reap } from './reap.js';
import type { ChildGuard } from './tree.js';
import { Watchdog } from './watchdog.js';

export interface GuardPlan {
  /** The same for all bridges that follow one another, and for no other: plain letters. */
  readonly mark: string;
  /** Where the living groups are written down; nowhere if there is none. Its folder is there. */
  readonly file: string | undefined;
  /** The bridge before this one did not end in order: it may have started what it could not write down any more. */
  readonly wasKilled?: boolean;
}

export class Guard implements ChildGuard {
  readonly #plan: GuardPlan;
  /** What its own marks begin with. */
  readonly #own: string;
  readonly #watchdog: Watchdog;
  readonly #groups = new Map<number, Group | undefined>();
  #left: readonly Group[];
  #marks = 0;

  constructor(plan: GuardPlan) {
    this.#plan = plan;
    this.#own = `${plan.mark}:${randomUUID()}.`;
    this.#watchdog = new Watchdog(entryOf(this.#own));
    this.#left = plan.file === undefined ? [] : readGroups(plan.file);
  }

  /** An earlier bridge has left something behind, or may have. */
  get hasLeft(): boolean {
    return this.#left.length > 0 || this.#plan.wasKilled === true;
  }

  newMark(): string {
    this.#marks += 1;
    return `${this.#own}${this.#marks}`;
  }

  arm(): void {
    this.#watchdog.arm();
  }

  add(pid: number, command: string): void {
    this.#groups.set(pid, undefined);
    this.#watchdog.set([...this.#groups.keys()]);
    const startedAt = this.#plan.file === undefined ? undefined : startOf(pid);
    if (startedAt === undefined) return;
    this.#groups.set(pid, { pid, startedAt, command });
    this.#write();
  }

  remove(pid: number): void {
    if (!this.#groups.delete(pid)) return;
    this.#watchdog.set([...this.#groups.keys()]);
    this.#write();
  }

  /** Ends what earlier bridges with this mark left behind, and tells what that was. Never rejects. */
  async reap(): Promise<Reaped[]> {
    // Every group of an earlier bridge that ended in order has left the file, and its strays went with it.
    if (this.#plan.file !== undefined && !this.hasLeft) return [];
    const reaped = await reap({ mark: `${this.#plan.mark}:`, own: this.#own, groups: this.#left });
    this.#left = [];
    this.#write();
    return reaped;
  }

  /** Whatever is still there is ended from outside. */
  close(): void {
    this.#watchdog.close();
  }

  /** What was left stays written down until it is ended: this bridge may be killed before. */
  #write(): void {
    const { file } = this.#plan;
    if (file === undefined) return;
    const living = [...this.#groups.values()].flatMap((group) => group ?? []);
    writeGroups(file, [...this.#left, ...living]);
  }
}
