// The other bridges are installed when they are missing or older than the lock; nothing is said unless that fails.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const INSTALL = ['--prefix', FOLDER, 'ci', '--no-audit', '--no-fund', '--loglevel=error'];

export function installPeers() {
  if (getTime('node_modules/.package-lock.json') >= getTime('package-lock.json')) return;
  const { status, stderr, error } = runNpm(INSTALL);
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim();
  throw new Error(`the other bridges could not be installed, --only floor,bridge does without: ${reason}`);
}

/** Under `npm run`, npm says where it is; elsewhere it is the one on the PATH. */
function runNpm(args) {
  const script = process.env.npm_execpath;
  if (script?.endsWith('.js')) return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  return spawnSync('npm', args, { encoding: 'utf8', shell: process.platform === 'win32' });
}

function getTime(file) {
  return statSync(new URL(file, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
