// A temp folder with the server that is edited, and how long that server takes to start without any bridge.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('generation-server.mjs', import.meta.url));
const SLOW_BUILD = fileURLToPath(new URL('slow-build.mjs', import.meta.url));
const HELLO = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } },
};

/** `save()` writes the next generation, in one write; `saves` tells when each was there. */
export function makeProject() {
  const top = mkdtempSync(path.join(tmpdir(), 'mcp-bridge-rollouts-'));
  const folder = mkdtempSync(path.join(top, 'project-'));
  const file = path.join(folder, 'server.mjs');
  const buildMs = path.join(top, 'build-ms');
  const source = readFileSync(SERVER, 'utf8');
  const write = (generation) =>
    writeFileSync(file, source.replace(/^const GENERATION = .*$/m, `const GENERATION = ${generation};`));
  const remove = () => rmSync(top, { recursive: true, force: true });
  process.once('exit', remove);
  write(1);

  const saves = [];
  return {
    folder,
    file,
    /** What bridges keep there goes with the project. */
    state: path.join(top, 'state'),
    saves,
    buildCommand: `"${process.execPath}" "${SLOW_BUILD}" "${buildMs}"`,
    setBuildTime: (ms) => writeFileSync(buildMs, String(ms)),
    save() {
      const generation = saves.length + 2;
      write(generation);
      saves.push({ generation, at: performance.now() });
      return saves.at(-1);
    },
    remove() {
      process.off('exit', remove);
      remove();
    },
  };
}

/** From the first spawn until the last of so many servers has answered `initialize` (ms). */
export async function measureStartTogether(file, count, signal) {
  const startedAt = performance.now();
  const servers = Array.from({ length: count }, () => greet(file, signal));
  try {
    await Promise.all(servers.map(({ answered }) => answered));
    return performance.now() - startedAt;
  } finally {
    for (const { child } of servers) child.kill('SIGKILL');
    await Promise.allSettled(servers.map(({ ended }) => ended));
  }
}

function greet(file, signal) {
  signal.throwIfAborted();
  const child = spawn('node', [file], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const answered = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error('the server of the bench ended before it answered')));
    child.stdout.once('data', resolve);
  });
  child.stdin.on('error', () => {});
  child.stdin.write(`${JSON.stringify(HELLO)}\n`);
  return { child, ended, answered };
}
