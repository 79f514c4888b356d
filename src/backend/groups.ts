// The groups that live, in a file: what the next bridge ends if this one could not.
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isObject, parseJson } from '../protocol/jsonrpc.js';
import { readProcess } from './processes.js';

export interface Group {
  /** Its leader, and its number. */
  readonly pid: number;
  /** When the leader started: the number may be another's. */
  readonly startedAt: string;
  readonly command: string;
}

/** What is in the file; nothing where there is none, or what we cannot read. */
export function readGroups(file: string): Group[] {
  try {
    const value = parseJson(readFileSync(file, 'utf8'));
    return Array.isArray(value) ? value.filter(isGroup) : [];
  } catch {
    return [];
  }
}

/** Written at once, beside the file and then moved there. A file that cannot be written is none. */
export function writeGroups(file: string, groups: readonly Group[]): void {
  try {
    writeFileSync(`${file}.tmp`, `${JSON.stringify(groups)}\n`, { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  } catch {
    // The watchdog and the marks are there all the same.
  }
}

/** When a living process started, in words that no other process of that number has; undefined where nothing tells. */
export function startOf(pid: number): string | undefined {
  if (process.platform === 'win32') return undefined;
  if (process.platform !== 'linux') return askPs(pid);
  const ticks = readProcess(pid)?.startedAt;
  // Ticks count from the boot, and a bridge that is started at every boot starts at much the same tick.
  return ticks && `${readBoot()} ${ticks}`;
}

function isGroup(value: unknown): value is Group {
  if (!isObject(value)) return false;
  const { pid, startedAt, command } = value;
  return (
    Number.isSafeInteger(pid) &&
    Number(pid) > 1 &&
    typeof startedAt === 'string' &&
    typeof command === 'string'
  );
}

function readBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

function askPs(pid: number): string | undefined {
  try {
    // The same words, whatever the bridge's language and time zone are next time.
    const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
    const told = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 1_000,
    });
    return told.trim() || undefined;
  } catch {
    return undefined;
  }
}
