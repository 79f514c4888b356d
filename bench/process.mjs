// What a process holds: memory, and open files.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Of this process alone: neither the server behind it nor a watchdog beside it counts. */
export function readMemoryMb(pid) {
  if (process.platform === 'win32') return undefined;
  return readResidentKb(pid) / 1024;
}

function readResidentKb(pid) {
  if (process.platform !== 'linux') return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)]));
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

/** How many files, pipes and sockets it has open; undefined where the system does not tell. */
export function countOpenFiles(pid) {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/fd`).length : undefined;
}
