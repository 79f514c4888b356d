// Servers that do not start, do not speak, or say too much: their client is told why, and nobody else suffers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BridgeProcess, fixture, startBridge } from '../helpers/bridge.js';
import { CLIENTS, connectV1, connectV2 } from '../helpers/client.js';
import { peakMemoryOf, untilGone } from '../helpers/processes.js';
import { until } from '../helpers/until.js';

const MIB = 1024 * 1024;

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  it('is told how a server ended that exits at once, and what it said [supervise.crash call.words]', async () => {
    await using bridge = await startBridge({ server: fixture('broken-start') });

    const failed = await connect(bridge.url).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: -32603 });
    expect((failed as Error).message).toContain(
      'Not run: the server does not start (exit 7). Fix it and call again; a call tries one start.\n' +
        'loading configuration\nerror: cannot find database\ngiving up',
    );
    await bridge.untilSaid('server does not start (exit 7)');
    const { status, backend } = await bridge.health();
    expect(status).toBe('degraded');
    expect(backend.last_exit).toMatchObject({ how: 'exit 7', stderr: expect.arrayContaining(['giving up']) });
    expect(startsOf(bridge)).toBe(3);

    // The next one does not wait for three more.
    await expect(connect(bridge.url)).rejects.toThrow('Not run: the server does not start (exit 7)');
    expect(startsOf(bridge)).toBe(3);
  });

  it('is told of a server that never answers initialize [supervise.crash call.words]', async () => {
    await using bridge = await startBridge({
      server: fixture('silent'),
      options: ['--start-timeout', '500ms'],
    });
    await expect(connect(bridge.url)).rejects.toThrow(
      'Not run: the server does not start (no handshake, and no output for 0.5 s).',
    );
  });

  it('gets the server’s own error when it refuses initialize [http.passthrough]', async () => {
    await using bridge = await startBridge({ server: fixture('refuses-initialize') });
    await expect(connect(bridge.url)).rejects.toMatchObject({
      code: -32000,
      message: expect.stringContaining('no licence'),
    });
    expect(await bridge.health()).toMatchObject({ sessions: { total: 0 } });
  });

  it('waits for a server that is slow to start [http.never-absent]', async () => {
    await using bridge = await startBridge({ server: fixture('slow-start', '300') });
    await using client = await connect(bridge.url);
    expect(await client.call('echo', { text: 'hello' })).toBe('hello');
  });
});

describe('a server that was broken after its first start', () => {
  it('is not started again and again; a call says why at once, and tries it later [supervise.crash http.health]', async () => {
    const folder = makeFolder();
    const flag = path.join(folder, 'broken');
    const [broken, sound] = [fixture('broken-start'), fixture('echo')].map((words) => words.join(' '));
    const server = [`if [ -e ${flag} ]; then exec ${broken}; else exec ${sound}; fi`];
    await using bridge = await startBridge({ options: ['--shell'], server });
    await using client = await connectV2(bridge.url);
    await client.setLoggingLevel('error');
    const [running] = bridge.look();
    writeFileSync(flag, '');
    process.kill(running?.pid ?? 0, 'SIGKILL');
    await bridge.untilSaid('server does not start (exit 7)');

    expect(await bridge.health()).toMatchObject({
      status: 'degraded',
      backend: { state: 'broken', pids: [] },
    });
    expect((await fetch(new URL('/ready', bridge.url))).status).toBe(503);
    const starts = startsOf(bridge);
    await expect(client.call('level')).rejects.toThrow('Not run: the server does not start (exit 7).');
    expect(startsOf(bridge)).toBe(starts);

    rmSync(flag);
    expect(await until(() => client.call('level'), 'the server that was mended')).toBe('error');
    expect(await bridge.health()).toMatchObject({ status: 'healthy' });
  });
});

describe('a server that is gone from the disk', () => {
  it('is named, with what went wrong [supervise.crash call.words]', async () => {
    const script = path.join(makeFolder(), 'server');
    writeFileSync(script, `#!/bin/sh\nexec ${fixture('echo').join(' ')}\n`, { mode: 0o755 });
    await using bridge = await startBridge({ server: [script] });
    rmSync(script);
    await expect(connectV1(bridge.url)).rejects.toThrow(
      `Not run: the server does not start (${script} could not be started: ENOENT).`,
    );
  });
});

describe('a server that writes 200 MB without a newline', () => {
  it('is ended, its caller is told, the bridge stays small, the other session goes on [supervise.noise]', async () => {
    await using bridge = await startBridge({ server: fixture('big-answers') });
    await using other = await connectV2(bridge.url);
    const pid = await other.call('pid');
    await using client = await connectV1(bridge.url);

    await expect(client.call('flood-line', { bytes: 200 * MIB })).rejects.toThrow(
      'May have run: the server ended (a line of more than 32 MiB on its stdout) during flood-line.',
    );
    expect(await client.call('echo', { text: 'hello' })).toBe('hello');
    expect(await other.call('pid')).toBe(pid);
    expect(peakMemoryOf(bridge.pid) ?? 0).toBeLessThan(300 * MIB);
  });
});

describe('a server that reads no further', () => {
  it('does not keep its session from being ended [supervise.tree]', async () => {
    await using bridge = await startBridge({
      server: fixture('not-reading'),
      options: ['--kill-timeout', '100ms'],
    });
    await using client = await connectV2(bridge.url);
    expect(await client.call('stop-reading')).toBe('stopped reading');
    const [server] = bridge.look();
    const call = client.call('echo', { text: 'hello' }).catch((error: Error) => error.message);
    await until(async () => (await bridge.health()).jobs.running === 1, 'the call in flight');
    await client.terminate();
    expect(await call).toContain('May have run: the session was ended before the answer came.');
    await untilGone(server ? [server] : [], 'a server that does not read');
  });
});

function makeFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-broken-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function startsOf(bridge: BridgeProcess): number {
  return bridge.lines.filter(({ msg }) => msg.startsWith('server started')).length;
}
