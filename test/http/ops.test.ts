// The pages beside the endpoint, of a whole bridge: how it is, and whether it can take calls.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { startBridge } from '../../src/bridge.js';
import {
  expectNoBackendLeft,
  makeReports,
  readOptions,
  SERVERS,
  type StartPlan,
  specOf,
} from '../helpers/endpoint.js';
import { call, initializeMessage, makeClient, NEWEST } from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

/** A bridge as the program makes it, in this process, with a client. */
async function startWhole(plan: StartPlan) {
  const reports = makeReports();
  let url = '';
  const bridge = await startBridge({
    options: readOptions(['--no-persist', ...(plan.options ?? [])]),
    listen: { host: '127.0.0.1', ports: [0], from: 'a test' },
    project: { tag: 'mcpb-00000000-', name: 'the test' },
    folder: os.tmpdir(),
    spec: specOf(plan),
    version: '1.2.3',
    makeReporter: async () => reports.report,
    announce: (listening) => {
      url = listening;
    },
  });
  const client = makeClient(url);
  const page = async (name: string) => {
    const reply = await client.send('GET', name);
    expect(reply.type).toBe('application/json');
    return { status: reply.status, body: JSON.parse(await reply.text()) };
  };
  return {
    reports,
    client,
    health: async () => {
      const { status, body } = await page('/health');
      expect(status).toBe(200);
      return body;
    },
    ready: () => page('/ready'),
    [Symbol.asyncDispose]: async () => {
      client[Symbol.dispose]();
      bridge.hasten();
      await bridge.close(0);
    },
  };
}

const READY = { status: 200, body: { ready: true } };
const NOT_READY = { status: 503, body: { ready: false } };

describe('the health page', () => {
  test('of a bridge without sessions is healthy and idle [http.health]', async () => {
    await using bridge = await startWhole({});
    expect(await bridge.health()).toEqual({
      status: 'healthy',
      uptime_secs: expect.any(Number),
      version: '1.2.3',
      cwd: SERVERS,
      sessions: { total: 0, connected: 0 },
      jobs: { pending: 0, running: 0 },
      backend: {
        state: 'idle',
        generation: 1,
        pids: [],
        restarts: 0,
        watched: [SERVERS.replace(/\/$/, ''), expect.stringMatching(/\/package\.json$/)],
        last_build: null,
        last_exit: null,
      },
    });
    expect(Number.isInteger((await bridge.health()).uptime_secs)).toBe(true);
    expect(await bridge.ready()).toEqual(READY);
  });

  test('of a bridge whose server starts is starting, and it is not ready [http.health]', async () => {
    await using bridge = await startWhole({ server: 'silent.mjs' });
    await bridge.client.post(initializeMessage(NEWEST));
    expect(await bridge.health()).toMatchObject({
      status: 'starting',
      sessions: { total: 1, connected: 1 },
      jobs: { pending: 0, running: 1 },
      backend: { state: 'starting', pids: bridge.reports.pids(), restarts: 0, last_exit: null },
    });
    expect(await bridge.ready()).toEqual(NOT_READY);
  });

  test('of a bridge that serves is healthy and ready, and counts who is there [http.health]', async () => {
    await using bridge = await startWhole({});
    const { client } = bridge;
    await client.initialize();
    expect(await bridge.health()).toMatchObject({
      status: 'healthy',
      sessions: { total: 1, connected: 0 },
      jobs: { pending: 0, running: 0 },
      backend: { state: 'ready', pids: bridge.reports.pids() },
    });
    await client.get();
    expect(await bridge.health()).toMatchObject({ sessions: { total: 1, connected: 1 } });
    await client.post(call(1, 'wait', { ms: 60_000 }));
    expect(await bridge.health()).toMatchObject({
      sessions: { total: 1, connected: 1 },
      jobs: { pending: 0, running: 1 },
    });
    expect(await bridge.ready()).toEqual(READY);
  });

  test('counts what is held, and the restart that it waits for [http.health]', async () => {
    await using bridge = await startWhole({ server: 'slow-start.mjs', args: ['200'] });
    const { client, reports } = bridge;
    await client.initialize();
    const [first = 0] = reports.pids();
    process.kill(first, 'SIGKILL');
    await reports.until('backend.crashed');
    const held = await client.post(call(1, 'pid'));
    const [, second] = reports.pids();
    expect(await bridge.health()).toMatchObject({
      status: 'starting',
      sessions: { total: 1, connected: 1 },
      jobs: { pending: 1, running: 0 },
      backend: {
        state: 'starting',
        pids: [second],
        restarts: 1,
        last_exit: {
          how: 'SIGKILL',
          code: null,
          signal: 'SIGKILL',
          stderr: ['starting for 200 ms', 'started'],
        },
      },
    });
    expect(await bridge.ready()).toEqual(NOT_READY);
    await held.answer();
    expect(await bridge.health()).toMatchObject({ status: 'healthy', jobs: { pending: 0, running: 0 } });
  });

  test('of a bridge whose server starts no more is degraded, and says why [http.health]', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-ops-'));
    const server = path.join(folder, 'server.mjs');
    symlinkSync(path.join(SERVERS, 'echo.mjs'), server);
    // Watched, the missing file would be waited for: nothing is started until it is there.
    await using bridge = await startWhole({ server, options: ['--no-watch'] });
    await bridge.client.initialize();
    rmSync(folder, { recursive: true });
    process.kill(bridge.reports.pids()[0] ?? 0, 'SIGKILL');
    await bridge.reports.until('restart.halted');
    const health = await bridge.health();
    expect(health).toMatchObject({
      status: 'degraded',
      sessions: { total: 1, connected: 0 },
      backend: {
        state: 'broken',
        pids: [],
        restarts: 3,
        last_exit: { how: 'exit 1', code: 1, signal: null },
      },
    });
    expect(health.backend.last_exit.stderr.join('\n')).toContain('Cannot find module');
    expect(await bridge.ready()).toEqual(NOT_READY);
  });

  test('tells the worst of the sessions [http.health]', async () => {
    await using bridge = await startWhole({ server: 'slow-start.mjs', args: ['200'] });
    const { client } = bridge;
    await client.initialize();
    expect((await bridge.health()).backend.state).toBe('ready');
    await client.post(initializeMessage(NEWEST), { 'Mcp-Session-Id': undefined });
    expect(await bridge.health()).toMatchObject({
      status: 'starting',
      sessions: { total: 2 },
      backend: { state: 'starting', pids: bridge.reports.pids() },
    });
  });

  test('of a bridge whose client has ended its session is idle again [http.health]', async () => {
    await using bridge = await startWhole({});
    await bridge.client.initialize();
    await bridge.client.del();
    expect(await bridge.health()).toMatchObject({
      status: 'healthy',
      sessions: { total: 0 },
      backend: { state: 'idle' },
    });
  });
});
