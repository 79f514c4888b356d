// The processes of this machine: who descends from whom, who is alive, how much memory one has had at most.
import { readdirSync, readFileSync } from 'node:fs';
import { until } from './until.js';

/** A number alone is not a process: numbers are used again. */
export interface Process {
  readonly pid: number;
  /** In clock ticks since boot; unknown where there is no /proc. */
  readonly startedAt: string | undefined;
}

/** The living process of that number, if there is one. */
export function findProcess(pid: number): Process | undefined {
  const row = readRow(pid);
  if (row) return row.state === 'Z' ? undefined : { pid, startedAt: row.startedAt };
  return !HAS_PROC && isSignalled(pid) ? { pid, startedAt: undefined } : undefined;
}

/** The living descendants of a process, whatever group or session they are in; none where there is no /proc. */
export function descendantsOf(pid: number): Process[] {
  const rows = readRows();
  const tree = new Set([pid]);
  for (let size = 0; size < tree.size; ) {
    size = tree.size;
    for (const row of rows) if (tree.has(row.parent)) tree.add(row.pid);
  }
  tree.delete(pid);
  return rows.filter((row) => tree.has(row.pid) && row.state !== 'Z');
}

/** A zombie is not alive: it waits only for its parent to take note. */
export function isAlive({ pid, startedAt }: Process): boolean {
  return findProcess(pid)?.startedAt === startedAt && (HAS_PROC || isSignalled(pid));
}

/** Waits until none of the processes is alive. */
export async function untilGone(processes: readonly Process[], what: string): Promise<void> {
  await until(() => {
    const left = processes.filter(isAlive).map(({ pid }) => `${pid} (${commandOf(pid)})`);
    if (left.length > 0) throw new Error(`still alive: ${left.join(', ')}`);
    return true;
  }, `the end of ${what}`);
}

/** The most memory that the process has had (bytes), or undefined where the system does not tell. */
export function peakMemoryOf(pid: number): number | undefined {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`)) ?? [];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** The memory that it has now (bytes), and its open files; undefined where the system does not tell. */
export function weigh(pid: number): { memory: number; files: number } | undefined {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`)) ?? [];
  if (kilobytes === undefined) return undefined;
  return { memory: Number(kilobytes) * 1024, files: readdirSync(`/proc/${pid}/fd`).length };
}

const HAS_PROC = process.platform === 'linux';

interface Row extends Process {
  readonly state: string;
  readonly parent: number;
}

function readRows(): Row[] {
  if (!HAS_PROC) return [];
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readRow(Number(name)) ?? []) : []));
}

/** From `pid (name) state ppid … starttime`, the 22nd field; the name may hold anything (proc(5)). */
function readRow(pid: number): Row | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state && parent ? { pid, state, parent: Number(parent), startedAt: rest[17] } : undefined;
}

/** The words it runs with. */
export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/** Nothing where there is no such file, or no such process any more. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function isSignalled(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
