// Processes that nobody supervises: started by a shell that has ended, so that they descend from nobody here.
import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { findProcess, isAlive, type Process } from './processes.js';

/** Starts `script` for node in a session of its own; with it, and no longer, ends the test. */
export function startOrphan(script: string, env: Readonly<Record<string, string>> = {}): Process {
  const line = 'setsid "$@" </dev/null >/dev/null 2>&1 & echo $!';
  const pid = Number(
    execFileSync('sh', ['-c', line, 'sh', process.execPath, '-e', script], {
      env: { PATH: process.env.PATH, ...env },
      encoding: 'utf8',
    }),
  );
  const orphan = findProcess(pid);
  if (!orphan) throw new Error(`Process ${pid} has ended at once.`);
  onTestFinished(() => {
    if (isAlive(orphan)) process.kill(pid, 'SIGKILL');
  });
  return orphan;
}
