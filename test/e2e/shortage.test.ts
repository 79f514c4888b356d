// What the bridge does when something around it runs short: descriptors, a reader of its stderr, room for what it says.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { BIN, fixture } from '../helpers/bridge.js';
import { freePort } from '../helpers/free-port.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const SCRIPT = '/usr/bin/script';

/** A bridge under a shell, and its URL from the first line of its stderr. */
async function startUnder(script: string, server: readonly string[]) {
  const bridge = spawn(
    'sh',
    ['-c', `${script}; exec "$@"`, 'sh', process.execPath, BIN, '--port', '0', '--', ...server],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const lines = createInterface({ input: bridge.stderr });
  const [first] = await once(lines, 'line');
  lines.pause();
  bridge.stderr.pause();
  return { bridge, url: String(JSON.parse(String(first)).url) };
}

function initialize(url: string): Promise<Response> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'many', version: '1' },
  };
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
}

test.skipIf(process.platform === 'win32')(
  'without descriptors for one more server its client is told, and the others go on [call.words]',
  async () => {
    const { bridge, url } = await startUnder('ulimit -n 60', fixture('echo'));
    const answers: string[] = [];
    for (let n = 0; n < 14; n += 1) answers.push(await (await initialize(url)).text());
    expect(answers[0]).toContain('"result"');
    expect(answers.at(-1)).toContain('EMFILE');
    expect((await fetch(new URL('/health', url))).status).toBe(200);
    bridge.kill('SIGINT');
    expect(await once(bridge, 'exit')).toEqual([0, null]);
  },
);

test.skipIf(process.platform === 'win32')(
  'a stderr that nobody reads neither stops the bridge nor its end [cli.stop]',
  async () => {
    const chatter =
      "const line = 'x'.repeat(1000); for (let i = 0; i < 5000; i += 1) console.error(line); process.stdin.resume()";
    const { bridge, url } = await startUnder('true', [process.execPath, '-e', chatter]);
    const opening = initialize(url).then((response) => response.text());
    expect((await fetch(new URL('/health', url))).status).toBe(200);
    bridge.kill('SIGINT');
    expect(await once(bridge, 'exit')).toEqual([0, null]);
    await opening.catch(() => undefined);
  },
);

test.skipIf(!existsSync('/dev/full'))(
  'a stderr on a full disk neither stops the bridge nor its end [cli.stop]',
  async () => {
    const port = await freePort();
    const full = openSync('/dev/full', 'w');
    const words = [BIN, '--port', String(port), '--no-persist', '--', ...fixture('echo')];
    const bridge = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', full] });
    closeSync(full);
    const url = `http://127.0.0.1:${port}/mcp`;
    const answer = await until(() => initialize(url), 'an answer');
    expect(await answer.text()).toContain('"result"');
    expect((await fetch(new URL('/health', url))).status).toBe(200);
    bridge.kill('SIGINT');
    expect(await once(bridge, 'exit')).toEqual([0, null]);
  },
);

test.skipIf(!existsSync(SCRIPT))(
  'a terminal that is gone neither stops the bridge nor its end [cli.stop]',
  async () => {
    const server = `${fixture('echo').join(' ')}; echo $? > ended`;
    const bridge = '"$NODE" "$BIN" --port "$PORT" --no-watch --no-persist -- sh server.sh';
    const folder = makeTempFolder({ 'server.sh': server, 'bridge.sh': `echo $$ > pid; exec ${bridge}` });
    const port = await freePort();
    // A shell leads the session, so that the bridge hears of nothing until it writes.
    const terminal = spawn(SCRIPT, ['-qec', "trap '' HUP; sh bridge.sh; true", '/dev/null'], {
      cwd: folder.path,
      env: { ...process.env, NODE: process.execPath, BIN, PORT: String(port) },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const url = `http://127.0.0.1:${port}/mcp`;
    const answer = await until(() => initialize(url), 'an answer');
    expect(await answer.text()).toContain('"result"');
    terminal.kill('SIGKILL');
    await once(terminal, 'exit');
    expect(await (await initialize(url)).text()).toContain('"result"');
    expect((await fetch(new URL('/health', url))).status).toBe(200);
    process.kill(Number(folder.read('pid')), 'SIGINT');
    // Node itself ends with a signal where its terminal is gone; the server tells that it was ended in order.
    const ended = () => existsSync(folder.at('ended')) && (folder.read('ended') || undefined);
    expect(await until(ended, 'the end of the server')).toBe('0\n');
  },
);
