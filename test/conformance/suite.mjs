// The official suite: installed from this folder's lock, run with the Node that is installed beside it.
import { execFileSync, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';

const HERE = import.meta.dirname;
const BIN = path.join(HERE, 'node_modules/.bin');

/** Installs the packages unless they are there and younger than the lock; silent unless that fails. */
export function installSuite() {
  const installed = changedAt('node_modules/.package-lock.json');
  if (installed !== undefined && installed >= changedAt('package-lock.json')) return;
  try {
    execFileSync('npm', ['--prefix', HERE, 'ci'], { stdio: 'pipe', encoding: 'utf8' });
  } catch (error) {
    throw new Error(`npm ci failed in ${HERE}:\n${error.stdout}${error.stderr}`);
  }
}

/** Runs every server scenario that a revision requires; resolves with what the suite printed and how it ended. */
export function runSuite(url, requirements, results) {
  const command = [path.join(BIN, 'conformance'), 'server', '--url', url];
  const child = spawn(path.join(BIN, 'node'), [...command, '--requirements', requirements, '-o', results], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => child.kill());
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ output, exitCode: exitCode ?? 1 }));
  });
}

function changedAt(file) {
  return statSync(path.join(HERE, file), { throwIfNoEntry: false })?.mtimeMs;
}
