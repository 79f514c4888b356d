// The processes of this machine as Linux tells them under /proc; elsewhere there are none.
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessEntry {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  /** In clock ticks since boot: a number alone is not a process, it is used again. */
  readonly startedAt: string;
}

export function readProcesses(): ProcessEntry[] {
  return readPids().flatMap((pid) => readProcess(pid) ?? []);
}

/** From /proc/<pid>/stat (proc(5)): `pid (name) state ppid pgrp … starttime`, where the name may hold anything. */
export function readProcess(pid: number): ProcessEntry | undefined {
  const stat = read(pid, 'stat')?.toString('latin1') ?? '';
  const [state = '', parent, group, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startedAt = rest[16];
  return startedAt ? { pid, state, parent: Number(parent), group: Number(group), startedAt } : undefined;
}

/** Whether it is that process, and has not ended. A zombie has: only its parent can remove it. */
export function isRunning({ pid, startedAt }: Pick<ProcessEntry, 'pid' | 'startedAt'>): boolean {
  const found = readProcess(pid);
  return found?.startedAt === startedAt && found.state !== 'Z';
}

/** The numbers of all that descend from `pid`, and its own. */
export function withDescendants(pid: number, all: readonly ProcessEntry[]): ReadonlySet<number> {
  const tree = new Set([pid]);
  for (let grew = true; grew; ) {
    const before = tree.size;
    for (const one of all) if (tree.has(one.parent)) tree.add(one.pid);
    grew = tree.size > before;
  }
  return tree;
}

/**
 * The living processes with a variable that begins with `text` (`NAME=value…`) in the environment that they were
 * started with. Only our own user's can be read.
 */
export function findByVariable(text: string): ProcessEntry[] {
  const entry = Buffer.from(`\0${text}`);
  return readPids().flatMap((pid) => {
    const environment = read(pid, 'environ');
    if (!environment || !Buffer.concat([NUL, environment]).includes(entry)) return [];
    const found = readProcess(pid);
    return found && found.state !== 'Z' ? found : [];
  });
}

/** The words it runs with now; nothing where they cannot be read. */
export function commandOf(pid: number): string {
  return (read(pid, 'cmdline')?.toString() ?? '').replaceAll('\0', ' ').trim();
}

const NUL = Buffer.alloc(1);

function readPids(): number[] {
  if (process.platform !== 'linux') return [];
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? Number(name) : []));
  } catch {
    return [];
  }
}

/** Nothing where it has ended, or is not ours to read. */
function read(pid: number, what: 'stat' | 'environ' | 'cmdline'): Buffer | undefined {
  try {
    return readFileSync(`/proc/${pid}/${what}`);
  } catch {
    return undefined;
  }
}
