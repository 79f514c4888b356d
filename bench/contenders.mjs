// Who is measured, how each is started, and how what was started always ends.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const START_MS = 30_000;
const STOP_MS = 8_000;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SERVER = path.join('bench', 'echo-server.mjs');

const bridgeVersion = readJson('package.json').version;
const peerVersions = readJson('bench/package.json').dependencies;

/** Each by its own JavaScript entry, so that the process started is the bridge itself and no shim. */
export const CONTENDERS = {
  floor: {
    label: 'floor',
    path: '/',
    isPeer: false,
    getArguments: (port) => ['bench/floor.mjs', '--port', port, '--', process.execPath, SERVER],
  },
  bridge: {
    label: `mcp-bridge ${bridgeVersion}`,
    path: '/mcp',
    isPeer: false,
    getArguments: (port) => ['bin/mcp-bridge.js', '--port', port, '--', process.execPath, SERVER],
  },
  supergateway: {
    label: `supergateway ${peerVersions.supergateway}`,
    path: '/mcp',
    isPeer: true,
    getArguments: (port) => [
      'bench/node_modules/supergateway/dist/index.js',
      ...[
        '--stdio',
        `"${process.execPath}" "${SERVER}"`,
        '--outputTransport',
        'streamableHttp',
        '--stateful',
      ],
      ...['--logLevel', 'none', '--port', port],
    ],
  },
  'mcp-proxy': {
    label: `mcp-proxy ${peerVersions['mcp-proxy']}`,
    path: '/mcp',
    isPeer: true,
    getArguments: (port) => [
      'bench/node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs',
      ...['--port', port, '--', process.execPath, SERVER],
    ],
  },
};

/**
 * This bridge in a folder, with defaults but for `options`, in front of the `server.mjs` there.
 * `place`: the `port` and the `state` folder that it has, and has again when it is started again.
 */
export function makeBridgeIn(folder, options = [], place = {}) {
  return {
    path: '/mcp',
    cwd: folder,
    ...place,
    getArguments: (port) => [
      path.join(ROOT, 'bin', 'mcp-bridge.js'),
      ...['--port', port, ...options, '--', 'node', 'server.mjs'],
    ],
  };
}

/** Starts a contender and waits until its port takes connections; `startMs` is how long that took. */
export async function startContender(contender, signal) {
  const port = contender.port ?? (await findFreePort());
  const folder = mkdtempSync(path.join(tmpdir(), 'mcp-bridge-bench-'));
  const { cwd = ROOT, state = path.join(folder, 'state') } = contender;
  const startedAt = performance.now();
  const running = run(contender.getArguments(String(port)), { folder, cwd, state });
  try {
    const listeningAt = await waitUntilListening(port, running, signal);
    return { ...running, port, path: contender.path, startMs: listeningAt - startedAt };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** Stdin stays an open pipe, because a bridge may take its end as the wish that it stops. */
function run(args, { folder, cwd, state }) {
  const logFile = path.join(folder, 'output.log');
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, args, {
    cwd,
    detached: process.platform !== 'win32',
    stdio: ['pipe', log, log],
    env: { ...process.env, MCP_BRIDGE_STATE_DIR: state },
  });
  closeSync(log);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const endAtOnce = () => {
    killTree(child);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', endAtOnce);

  return {
    pid: child.pid,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    getLastWords: () => readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n'),
    async stop(signal = 'SIGTERM') {
      const timer = setTimeout(() => killTree(child), STOP_MS);
      child.kill(signal);
      await ended;
      clearTimeout(timer);
      process.off('exit', endAtOnce);
      endAtOnce();
    },
  };
}

/** The whole process group, where there are groups; what has ended already is no error. */
function killTree(child) {
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

async function waitUntilListening(port, running, signal) {
  const deadline = performance.now() + START_MS;
  while (!(await canConnect(port))) {
    signal.throwIfAborted();
    if (running.hasEnded()) throw new Error(`ended before it listened: ${running.getLastWords()}`);
    if (performance.now() > deadline) throw new Error(`does not listen after ${START_MS / 1000} s`);
    await sleep(1);
  }
  return performance.now();
}

function canConnect(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const settle = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

export function findFreePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function readJson(file) {
  return JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
}
