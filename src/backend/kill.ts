// The end of a whole process tree: group signals on POSIX, taskkill on Windows, and what left its group by setsid.
import { spawn } from 'node:child_process';
import { type ProcessEntry, readProcess, readProcesses, withDescendants } from '../system/processes.js';

export type TreeSignal = 'SIGTERM' | 'SIGKILL';

const WINDOWS = process.platform === 'win32';

/**
 * Signals every process of the tree that `pid` leads: its group, and the processes that left the group but descend
 * from it (`escaped`, from `findEscaped`). Processes that are gone are no error.
 */
export function signalTree(pid: number, signal: TreeSignal, escaped: readonly number[] = []): void {
  if (WINDOWS) return taskkill(pid, signal);
  trySignal(-pid, signal);
  signalEach(escaped, signal);
}

/** Signals these processes and no others. */
export function signalEach(pids: readonly number[], signal: TreeSignal): void {
  for (const pid of pids) trySignal(pid, signal);
}

/** Whether no living process is left of the tree. A zombie counts as gone: only its parent can remove it. */
export function isTreeGone(pid: number, escaped: readonly number[] = []): boolean {
  return isGroupGone(pid) && escaped.every((other) => !isAlive(other));
}

/**
 * The living descendants of `pid` that are in another process group. To be asked for while `pid` lives: when it is
 * gone, nothing tells any more whose children they were. Linux only; elsewhere none.
 */
export function findEscaped(pid: number): ProcessEntry[] {
  const all = readProcesses();
  const tree = withDescendants(pid, all);
  return all.filter((one) => tree.has(one.pid) && one.group !== pid && one.pid !== pid);
}

function taskkill(pid: number, signal: TreeSignal): void {
  // Console programs do not hear a polite taskkill, so only the last rung is one; stdin's end was the polite one.
  if (signal !== 'SIGKILL') return;
  spawn('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore', windowsHide: true }).on(
    'error',
    () => {},
  );
}

function trySignal(target: number, signal: TreeSignal | 0): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch {
    return false;
  }
}

function isGroupGone(pid: number): boolean {
  if (WINDOWS) return !trySignal(pid, 0);
  if (!trySignal(-pid, 0)) return true;
  return process.platform === 'linux' && !readProcesses().some((p) => p.group === pid && p.state !== 'Z');
}

function isAlive(pid: number): boolean {
  if (!trySignal(pid, 0)) return false;
  return process.platform !== 'linux' || readProcess(pid)?.state !== 'Z';
}
