// What anybody may ask over HTTP, and who may not.
import { describe, expect, it } from 'vitest';
import { fixture, reachBridge, startBridge } from '../helpers/bridge.js';
import { connectV1, connectV2 } from '../helpers/client.js';
import { call, initializeMessage, makeClient } from '../helpers/raw-http.js';
import { until } from '../helpers/until.js';

describe('/health', () => {
  it('tells who is connected, what runs, and which processes that are [http.health]', async () => {
    await using bridge = await startBridge();
    expect(await bridge.health()).toMatchObject({
      status: 'healthy',
      uptime_secs: expect.any(Number),
      version: '0.1.0',
      cwd: process.cwd(),
      sessions: { total: 0, connected: 0 },
      jobs: { pending: 0, running: 0 },
      backend: { state: 'idle', pids: [], restarts: 0, last_exit: null },
    });

    await using one = await connectV1(bridge.url);
    await using two = await connectV2(bridge.url);
    const pids = [Number(await one.call('pid')), Number(await two.call('pid'))];
    const answer = one.call('wait', { ms: 500, name: 'tea' });
    await bridge.untilSaid('waiting tea');
    expect(await bridge.health()).toMatchObject({
      sessions: { total: 2, connected: 2 },
      jobs: { pending: 0, running: 1 },
      backend: { state: 'ready', pids },
    });
    await answer;
  });

  it('tells what waits for a server that is starting [http.health http.never-absent]', async () => {
    await using bridge = await startBridge({ server: fixture('slow-start', '1500') });
    using client = makeClient(bridge.url);
    const opened = client.initialize();
    await bridge.untilSaid('starting for 1500 ms');
    expect(await bridge.health()).toMatchObject({ status: 'starting', backend: { state: 'starting' } });
    const ready = await fetch(new URL('/ready', bridge.url));
    expect(ready.status).toBe(503);
    await opened;
    expect((await fetch(new URL('/ready', bridge.url))).status).toBe(200);
  });

  it('tells of a call that is held while a lost server starts again [http.health http.never-absent]', async () => {
    await using bridge = await startBridge({ server: fixture('slow-start', '1000') });
    using client = makeClient(bridge.url);
    await client.initialize();
    const [server] = bridge.look();
    process.kill(server?.pid ?? 0, 'SIGKILL');
    await bridge.untilSaid('server ended (SIGKILL)');

    const reply = await client.post(call(1, 'echo', { text: 'hello' }));
    expect(reply).toMatchObject({ status: 200, type: 'text/event-stream' });
    expect(await bridge.health()).toMatchObject({ status: 'starting', jobs: { pending: 1, running: 0 } });
    expect((await reply.answer()).result?.content).toEqual([{ type: 'text', text: 'hello' }]);
    await until(async () => (await bridge.health()).status === 'healthy', 'health');
  });
});

describe('a request', () => {
  it('from a web page of another origin, or to another host, is refused on every path [http.guard]', async () => {
    await using bridge = await reachBridge();
    using client = makeClient(bridge.url);
    const { pathname } = new URL(bridge.url);
    for (const path of [pathname, '/health', '/ready', '/.well-known/oauth-authorization-server']) {
      for (const [headers, option] of [
        [{ Origin: 'https://evil.example' }, '--allow-origin'],
        [{ Host: 'evil.example' }, '--allow-host'],
      ] as const) {
        const reply = await client.send('GET', path, headers);
        expect(reply.status).toBe(403);
        expect((await reply.json()).error?.message).toContain(option);
      }
    }
    const reply = await client.post(initializeMessage('2025-11-25'), { Origin: 'https://evil.example' });
    expect(reply.status).toBe(403);
  });

  it('to what is not there is a plain 404 [http.guard]', async () => {
    await using bridge = await reachBridge();
    using client = makeClient(bridge.url);
    for (const path of ['/.well-known/oauth-protected-resource', '/elsewhere']) {
      const reply = await client.send('GET', path);
      expect(reply).toMatchObject({ status: 404, type: 'application/json' });
    }
  });

  it('needs the token, if there is one, and only its bearer gets in [http.guard]', async () => {
    await using bridge = await startBridge({ env: { MCP_BRIDGE_TOKEN: 'secret' } });
    using client = makeClient(bridge.url);
    expect((await client.post(initializeMessage('2025-11-25'))).status).toBe(401);
    const withToken: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('Authorization', 'Bearer secret');
      return fetch(input, { ...init, headers });
    };
    await using entitled = await connectV2(bridge.url, { fetch: withToken });
    expect(await entitled.call('env', { name: 'MCP_BRIDGE_TOKEN' })).toBe('MCP_BRIDGE_TOKEN is not set');
  });
});
