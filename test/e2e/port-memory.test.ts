// The port that a folder had: it is taken again, and where it is taken by somebody else, that is said.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { fixture, runToEnd, startBridge } from '../helpers/bridge.js';
import { end, makePlace } from '../helpers/place.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

const ECHO = ['--', ...fixture('echo')];
const LISTENS =
  'require("node:http").createServer().listen(+process.argv[1], "127.0.0.1", () => console.log("up"))';
const hasProc = process.platform === 'linux';

it('a folder takes the port that it had, and one that was any free one is not remembered [cli.port]', async () => {
  const place = await makePlace({ cwd: makeTempFolder().path });
  const portOf = async (port: number | undefined) => {
    await using bridge = await place.start({ port });
    return Number(new URL(bridge.url).port);
  };
  expect(await portOf(place.port)).toBe(place.port);
  expect(await portOf(undefined)).toBe(place.port);
  expect(await portOf(0)).not.toBe(place.port);
  expect(await portOf(undefined)).toBe(place.port);
});

it('two folders have two ports, each its own again later [cli.port]', async () => {
  const home = makeTempFolder();
  const folders = [makeTempFolder(), makeTempFolder()];
  const env = { XDG_STATE_HOME: home.path };
  const start = (i: number) => startBridge({ port: undefined, cwd: folders[i]?.path ?? '', env });
  const ports = async (order: readonly [number, number]) => {
    await using one = await start(order[0]);
    await using two = await start(order[1]);
    return [one, two].map(({ url }) => Number(new URL(url).port));
  };
  const [a, b] = await ports([0, 1]);
  expect(a).not.toBe(b);
  expect(await ports([1, 0])).toEqual([b, a]);
});

it('a port that was remembered and is taken by another bridge ends the start: whose it is is said [cli.port]', async () => {
  const [mine, theirs] = [makeTempFolder(), makeTempFolder()];
  const place = await makePlace({ cwd: mine.path });
  await using first = await place.start();
  await first.health();
  const second = () => runToEnd(ECHO, { cwd: mine.path, env: { XDG_STATE_HOME: place.home.path } });
  const wordsFor = (folder: string, pid: number) =>
    `Port ${place.port} (the one this folder had last) is in use on 127.0.0.1 by mcp-bridge for ${folder}${hasProc ? ` (process ${pid})` : ''}. Stop what listens there, or choose another with --port.\n`;
  expect(await second()).toMatchObject({ code: 1, stdout: '', stderr: wordsFor(mine.path, first.pid) });
  await end(first, 'SIGINT');

  await using other = await startBridge({ port: place.port, cwd: theirs.path });
  await other.health();
  expect(await second()).toMatchObject({ code: 1, stdout: '', stderr: wordsFor(theirs.path, other.pid) });
});

it('a port that is taken by another program ends the start: which one it is is said, where the system tells [cli.port]', async () => {
  const folder = makeTempFolder();
  const place = await makePlace({ cwd: folder.path });
  await using first = await place.start();
  await end(first, 'SIGINT');
  const other = spawn(process.execPath, ['-e', LISTENS, String(place.port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(other.stdout, 'data');
    const env = { XDG_STATE_HOME: place.home.path };
    const { code, stderr } = await runToEnd(ECHO, { cwd: folder.path, env });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^Port \d+ \(the one this folder had last\) is in use on 127\.0\.0\.1.* --port\.\n$/,
    );
    if (hasProc) expect(stderr).toContain(` by process ${other.pid} (${process.execPath} -e `);
    expect(stderr).not.toContain('mcp-bridge for');
  } finally {
    other.kill('SIGKILL');
  }
});
