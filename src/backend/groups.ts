// The groups that live, in a file: what the next bridge ends if this one could not.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isObject, parseJson } from '../protocol/jsonrpc.js';

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
