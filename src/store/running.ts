// Whether a process runs. A number alone is not a process, numbers are used again: when it started tells them apart.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How long `ps` may take (ms). */
const PS_DEADLINE = 5_000;

/** When a process started, in words that stay the same for it; undefined where the platform does not tell. */
export function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return statOf(pid)?.started;
  return process.platform === 'win32' ? undefined : startByPs(pid);
}

/** Whether a process of that number runs that started then; if one of the two starts is not known, any such process. */
export function isRunning(pid: number, started: string | undefined): boolean {
  if (!isThere(pid)) return false;
  const now = startOf(pid);
  return started === undefined || now === undefined || started === now;
}

function isThere(pid: number): boolean {
  // It has ended: only its parent has not noted that yet.
  if (process.platform === 'linux' && statOf(pid)?.state === 'Z') return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** From `pid (name) state ppid … starttime`, the 22nd field; the name may hold anything (proc(5)). */
function statOf(pid: number): { state: string | undefined; started: string | undefined } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], started: fields[19] };
  } catch {
    return undefined;
  }
}

function startByPs(pid: number): string | undefined {
  // In one language and zone, whoever asks.
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  try {
    const args = ['-o', 'lstart=', '-p', String(pid)];
    const said = execFileSync('ps', args, { env, encoding: 'utf8', timeout: PS_DEADLINE, stdio: 'pipe' });
    return said.trim() || undefined;
  } catch {
    return undefined;
  }
}
