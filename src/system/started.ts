// When a process started. A number alone is not a process, numbers are used again: this tells them apart.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readProcess } from './processes.js';

/** How long `ps` may take (ms). */
const PS_DEADLINE = 2_000;

/** When a process started, in words that no other process of that number has; undefined where nothing tells. */
export function startOf(pid: number): string | undefined {
  if (process.platform === 'win32') return undefined;
  if (process.platform !== 'linux') return askPs(pid);
  const ticks = readProcess(pid)?.startedAt;
  // Ticks count from the boot, and a bridge that is started at every boot starts at much the same tick.
  return ticks && `${readBoot()} ${ticks}`;
}

/** Whether a process of that number runs that started then; if one of the two starts is not known, any such process. */
export function isRunningSince(pid: number, started: string | undefined): boolean {
  if (!isThere(pid)) return false;
  const now = startOf(pid);
  return started === undefined || now === undefined || started === now;
}

function isThere(pid: number): boolean {
  // It has ended: only its parent has not noted that yet.
  if (readProcess(pid)?.state === 'Z') return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

let boot: string | undefined;

function readBoot(): string {
  try {
    boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    boot = '';
  }
  return boot;
}

function askPs(pid: number): string | undefined {
  try {
    // The same words, whatever the bridge's language and time zone are next time.
    const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
    const told = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PS_DEADLINE,
    });
    return told.trim() || undefined;
  } catch {
    return undefined;
  }
}
