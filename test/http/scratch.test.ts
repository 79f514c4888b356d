import { test, vi, afterEach } from 'vitest';
import http from 'node:http';
import { startEndpoint, expectNoBackendLeft, specOf, readOptions, makeReports, isAlive } from '../helpers/endpoint.js';
import { makeClient, call, rpc, textOf } from '../helpers/raw-http.js';
import { startBridge } from '../../src/bridge.js';
afterEach(expectNoBackendLeft);

test('basic', async () => {
  await using e = await startEndpoint();
  using c = makeClient(e.url);
  console.log(await c.initialize());
  console.log(await c.ask(call(1, 'echo', { text: 'hi' })));
});

test('413 big fetch', async () => {
  await using e = await startEndpoint({ options: ['--max-body', '1KiB'] });
  for (const size of [2000, 100_000, 1_000_000, 20_000_000]) for (let i = 0; i < 5; i++) {
    try {
      const r = await fetch(e.url, { method: 'POST', headers: { 'content-type': 'application/json', connection: 'keep-alive' }, body: '"' + 'x'.repeat(size) + '"' });
      console.log('fetch', size, r.status, (await r.text()).slice(0, 90));
    } catch (error) { console.log('fetch', size, String(error), String((error as Error).cause)); }
    await new Promise<void>((resolve) => {
      const q = http.request(e.url, { method: 'POST', headers: { 'content-type': 'application/json' } }, (r) => {
        let t = ''; r.on('data', (d) => t += d); r.on('end', () => { console.log('http', size, r.statusCode, t.length); resolve(); }); r.on('error', (er) => console.log('http res err', er.message));
      });
      q.on('error', (er) => { console.log('http err', size, er.message); resolve(); });
      q.end('"' + 'x'.repeat(size) + '"');
    });
  }
});

test('preflight with token', async () => {
  await using e = await startEndpoint({ options: ['--token', 't', '--allow-origin', 'https://app.example'] });
  using c = makeClient(e.url);
  const r = await c.send('OPTIONS', '/mcp', { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' });
  console.log('preflight', r.status, r.headers);
});

test('path with slash', async () => {
  await using e = await startEndpoint({ options: ['--path', '/mcp/'] });
  using c = makeClient(e.url);
  const r = await c.post(rpc(1, 'ping'));
  console.log('slash', e.url, r.status, await r.text());
});

test('banana revision', async () => {
  await using e = await startEndpoint();
  using c = makeClient(e.url);
  await c.initialize();
  for (const rev of ['banana', '2099-01-01', '1999-01-01', '']) {
    const r = await c.post(rpc(1, 'ping'), { 'MCP-Protocol-Version': rev });
    console.log(rev, r.status, await r.text());
    const g = await c.get({ 'MCP-Protocol-Version': rev });
    console.log('GET', rev, g.status); g.drop();
  }
});

test('slow reader crash', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const onErr = (er: Error) => console.log('UNCAUGHT', er);
  const listeners = process.listeners('uncaughtException'); process.removeAllListeners('uncaughtException'); process.on('uncaughtException', onErr);
  try {
    await using e = await startEndpoint({ server: 'big-answers.mjs' });
    using c = makeClient(e.url);
    await c.initialize();
    const r = await c.post(call(1, 'big', { bytes: 30_000_000 }), { Accept: 'text/event-stream' });
    console.log(r.status, r.headers);
    while ([...e.registry.sessions()].some((s) => s.jobs.running > 0)) await new Promise((r) => setTimeout(r, 20));
    vi.advanceTimersByTime(15_000);
    await new Promise((r) => setTimeout(r, 100));
    console.log('after');
  } finally { vi.useRealTimers(); process.off('uncaughtException', onErr); for (const l of listeners) process.on('uncaughtException', l as never); }
});

test('delete then close leaves backend', async () => {
  const reports = makeReports();
  const options = readOptions(['--kill-timeout', '500ms']);
  const bridge = await startBridge({ options, listen: { host: '127.0.0.1', ports: [0], from: 't' }, spec: specOf({ server: 'stubborn.mjs' }), version: '1', makeReporter: async () => reports.report });
  using c = makeClient(bridge.url);
  await c.initialize();
  const pid = reports.all.flatMap((r) => r.kind === 'backend.started' ? [r.pid] : [])[0]!;
  const d = await c.del(); console.log('del', d.status); await d.text();
  const t0 = performance.now();
  await bridge.close(0);
  console.log('closed in', performance.now() - t0, isAlive(pid));
  bridge.kill();
  await new Promise((r) => setTimeout(r, 50));
  console.log('alive after close+kill', isAlive(pid));
  await reports.until((all) => all.some((r) => r.kind === 'backend.stopped'), 'stopped');
});
