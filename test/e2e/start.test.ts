// The start of the bridge: what it says first, which port it takes, and what reaches the server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BIN, BridgeProcess, fixture, runToEnd, startBridge } from '../helpers/bridge.js';
import { connectV1, connectV2 } from '../helpers/client.js';
import { freePort } from '../helpers/free-port.js';
import { until } from '../helpers/until.js';

const SCRIPT = '/usr/bin/script';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-start-')));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the first word', () => {
  it('is one line of JSON with the URL, how to register it, and what is watched and why, before the server runs [cli.run]', async () => {
    await using bridge = new BridgeProcess(['--port', '0', '--', ...fixture('echo')], {});
    const first = await bridge.listening();
    expect(bridge.lines[0]).toBe(first);
    expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
    const name = path.basename(process.cwd());
    await bridge.untilSaid(`claude mcp add --transport http ${name} ${first.url}`);
    const watching = await bridge.untilLine(({ msg }) => msg.startsWith('Watching '), 'what is watched');
    expect(watching.msg).toContain('/servers/, ');
    expect(watching.msg).toMatch(/: from "node .*echo\.mjs"$/);
    expect(bridge.look()).toEqual([]);
    await using client = await connectV1(bridge.url);
    expect(await client.call('echo', { text: 'hello' })).toBe('hello');
    expect(bridge.stdout).toBe('');
  });

  it('comes when cargo has told what it is asked: who connects does not wait for that [http.never-absent]', async () => {
    const at = (name: string) => path.join(folder, name);
    writeFileSync(at('cargo'), '#!/bin/sh\nsleep 1; echo > told; exit 1\n', { mode: 0o755 });
    const port = await freePort();
    const env = { PATH: `${folder}:${process.env.PATH}`, XDG_STATE_HOME: at('state') };
    await using bridge = new BridgeProcess(['--port', String(port), '--', 'cargo', 'run'], {
      cwd: folder,
      env,
    });
    await until(() => canConnect(port), 'the bridge to listen');
    expect(existsSync(at('told'))).toBe(true);
    await bridge.listening();
  });

  it.skipIf(!existsSync(SCRIPT))(
    'is for people on a terminal, and Ctrl-C ends it (skipped without the program `script`) [cli.run cli.stop]',
    async () => {
      const words = [process.execPath, BIN, '--port', '0', '--', ...fixture('echo')].join(' ');
      const terminal = spawn(SCRIPT, ['-qec', words, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
      let shown = '';
      terminal.stdout.setEncoding('utf8').on('data', (text) => {
        shown += text;
      });
      try {
        const [, url = ''] = await until(() => /Listening on (\S+) for node/.exec(shown), 'the first line');
        await until(
          () => shown.includes(`claude mcp add --transport http`) && shown.includes(url),
          'the second',
        );
        expect(shown).not.toContain('{"level"');
        await using client = await connectV1(url);
        await until(() => shown.includes('client-v1: server ready in'), 'the server’s line');
        expect(await client.call('echo', { text: 'hello' })).toBe('hello');
        const ended = once(terminal, 'exit');
        terminal.stdin.write('\x03');
        expect(await ended).toEqual([0, null]);
        expect(shown).toContain('Stopped; 1 session is kept for the next start.');
      } finally {
        terminal.kill('SIGKILL');
      }
    },
  );
});

describe('the port', () => {
  it('is the one that this folder’s clients know [cli.port]', async () => {
    const port = await freePort();
    writeConfig(port);
    await using bridge = await startBridge({ port: undefined, cwd: folder });
    expect(bridge.url).toBe(`http://127.0.0.1:${port}/mcp`);
  });

  it('is taken: the bridge ends and says whose port it is, and what to do [cli.port]', async () => {
    await using first = await startBridge();
    const { port } = new URL(first.url);
    writeConfig(Number(port));
    const words = ['--', ...fixture('echo')];

    const byConfig = await runToEnd(words, { cwd: folder });
    expect(byConfig).toMatchObject({ code: 1, stdout: '' });
    expect(byConfig.stderr).toMatch(
      new RegExp(`^Port ${port} \\(\\.mcp\\.json \\(mine\\)\\) is in use .* --port\\.\\n$`),
    );
    const byFlag = await runToEnd(['--port', port, ...words], { cwd: folder });
    expect(byFlag).toMatchObject({ code: 1, stdout: '' });
    expect(byFlag.stderr).toMatch(new RegExp(`^Port ${port} \\(--port\\) is in use .* --port\\.\\n$`));
  });

  it('is 6272 or the next free one if nobody knows one [cli.port]', async () => {
    await using one = await startBridge({ port: undefined, cwd: folder });
    await using two = await startBridge({ port: undefined, cwd: folder });
    const ports = [one, two].map(({ url }) => Number(new URL(url).port));
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) expect(port).toBeGreaterThanOrEqual(6272);
  });

  function writeConfig(port: number): void {
    const mine = { type: 'http', url: `http://127.0.0.1:${port}/mcp` };
    writeFileSync(path.join(folder, '.mcp.json'), JSON.stringify({ mcpServers: { mine } }));
  }
});

describe('variables', () => {
  it('configure the bridge and are not passed on; an unknown one is a warning [cli.usage]', async () => {
    await using bridge = await startBridge({
      env: { MCP_BRIDGE_PATH: '/elsewhere', MCP_BRIDGE_PROT: '9', PLAIN: 'passed on' },
    });
    expect(new URL(bridge.url).pathname).toBe('/elsewhere');
    const warning = await bridge.untilSaid('Unknown variable MCP_BRIDGE_PROT is ignored.');
    expect(warning).toMatchObject({ level: 'warn', msg: expect.stringContaining('MCP_BRIDGE_PORT?') });

    await using client = await connectV2(bridge.url);
    expect(await client.call('env', { name: 'MCP_BRIDGE_PATH' })).toBe('MCP_BRIDGE_PATH is not set');
    expect(await client.call('env', { name: 'MCP_BRIDGE_PROT' })).toBe('MCP_BRIDGE_PROT is not set');
    expect(await client.call('env', { name: 'PLAIN' })).toBe('passed on');
  });

  it('lose to the flag [cli.usage]', async () => {
    await using bridge = await startBridge({
      options: ['--path', '/flag'],
      env: { MCP_BRIDGE_PATH: '/variable' },
    });
    expect(new URL(bridge.url).pathname).toBe('/flag');
  });
});

describe('the server', () => {
  it('runs in --cwd, with the variables of --env-file and --env [cli.run]', async () => {
    writeFileSync(path.join(folder, 'server.env'), 'FROM_FILE=file\nFROM_BOTH=file\n');
    const files = ['--env-file', path.join(folder, 'server.env'), '--cwd', folder];
    const flags = ['--env', 'FROM_BOTH=flag', '--env', 'WITH_EQUALS=a=b'];
    await using bridge = await startBridge({ options: [...files, ...flags] });
    await using client = await connectV1(bridge.url);

    expect(await client.call('cwd')).toBe(folder);
    expect(await client.call('env', { name: 'FROM_FILE' })).toBe('file');
    expect(await client.call('env', { name: 'FROM_BOTH' })).toBe('flag');
    expect(await client.call('env', { name: 'WITH_EQUALS' })).toBe('a=b');
    expect(await bridge.health()).toMatchObject({ cwd: folder });
  });

  it('is run by a shell with --shell, and ends with it [cli.run supervise.tree]', async () => {
    const line = `SAID=$((40 + 2)) ${fixture('echo').join(' ')} | cat`;
    await using bridge = await startBridge({ options: ['--shell'], server: [line] });
    await using client = await connectV2(bridge.url);
    expect(await client.call('env', { name: 'SAID' })).toBe('42');
    expect(bridge.look().length).toBeGreaterThanOrEqual(3);
  });

  it('has its stderr in the log as it was written, with the session’s name [cli.run]', async () => {
    await using bridge = await startBridge({ server: fixture('slow-start', '0') });
    await using _client = await connectV1(bridge.url, { name: 'Claude Code' });
    const line = await bridge.untilLine(({ msg }) => msg === 'starting for 0 ms', 'the server’s own line');
    expect(line).toMatchObject({ session: 'Claude-Code', source: 'server', level: 'info' });
  });
});

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
