// Starts the bridge with the fixture server behind it, and ends it whatever happens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ARGS = ['bin/mcp-bridge.js', '--port', '0', '--log-format', 'json'];
const SERVER = ['node', 'fixtures/conformance/server.mjs'];
const START_DEADLINE_MS = 15_000;
const STOP_DEADLINE_MS = 10_000;
const KEPT_LINES = 40;

/** Resolves when the bridge has said where it listens. */
export async function startBridge() {
  const bridge = spawn(process.execPath, [...ARGS, '--', ...SERVER], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(bridge, 'exit');
  process.once('exit', () => bridge.kill());
  const lines = [];
  const said = createInterface({ input: bridge.stderr });
  said.on('line', (line) => lines.push(line) > KEPT_LINES && lines.shift());
  const lastLines = () => lines.join('\n');

  const deadline = setTimeout(() => bridge.kill('SIGKILL'), START_DEADLINE_MS);
  const first = await Promise.race([once(said, 'line').then(([line]) => line), exited.then(() => '')]);
  clearTimeout(deadline);
  const url = urlIn(first);
  if (url) return { url, lastLines, stop: () => stop(bridge, exited) };

  await stop(bridge, exited);
  throw new Error(`the bridge did not say where it listens; it said:\n${lastLines()}`);
}

function urlIn(line) {
  try {
    return JSON.parse(line).url;
  } catch {
    return undefined;
  }
}

async function stop(bridge, exited) {
  const deadline = setTimeout(() => bridge.kill('SIGKILL'), STOP_DEADLINE_MS);
  bridge.kill();
  await exited;
  clearTimeout(deadline);
}
