// What the bridge does when something around it runs short: descriptors, a reader of its stderr.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { BIN, fixture } from '../helpers/bridge.js';

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
