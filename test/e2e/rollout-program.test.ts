// A program is what is watched and run: it is replaced while a linker, or a copy, still writes it.
import { closeSync, cpSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startBridge } from '../helpers/bridge.js';
import { connectV1 } from '../helpers/client.js';
import { afterSave, code, SERVERS } from '../helpers/project.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

/** A shell is as good a program as any: what stands behind the end of its code means nothing to it. */
const PROGRAM = readFileSync('/bin/sh');
const TELLS_SIZE = code(1, {
  before: "import { statSync } from 'node:fs';\nconst { size } = statSync('server');",
}).replace("ms, '1')", 'ms, String(size))');

// Elsewhere a program that is being written is not kept from being run.
it.skipIf(process.platform !== 'linux')(
  'a program that is written with a break in the middle is run when it is whole, and no call is told of it [watch.settle call.hold]',
  async () => {
    const folder = makeTempFolder({ 'server.mjs': TELLS_SIZE });
    cpSync(path.join(SERVERS, 'lib'), folder.at('lib'), { recursive: true });
    writeFileSync(folder.at('server'), PROGRAM, { mode: 0o755 });
    await using bridge = await startBridge({
      server: ['./server', '-c', 'exec node server.mjs'],
      cwd: folder.path,
    });
    await bridge.untilSaid('watching 1 files');
    await using client = await connectV1(bridge.url);
    expect(await client.call('version')).toBe(String(PROGRAM.length));

    const half = PROGRAM.length >> 1;
    folder.remove('server');
    const file = openSync(folder.at('server'), 'w', 0o755);
    writeSync(file, PROGRAM, 0, half);
    await afterSave();
    const answer = client.call('version');
    await bridge.untilSaid('ETXTBSY');
    writeSync(file, PROGRAM, half);
    writeSync(file, Buffer.from('more'));
    closeSync(file);
    expect(await answer).toBe(String(PROGRAM.length + 4));
  },
);

it.skipIf(process.platform === 'win32')(
  'a program that the first build makes, beside its sources, is no fault, and no change [watch.loop]',
  async () => {
    const folder = makeTempFolder({ 'server.mjs': code(1), '.git/HEAD': '' });
    cpSync(path.join(SERVERS, 'lib'), folder.at('lib'), { recursive: true });
    const script = '#!/bin/sh\\nexec node server.mjs # ';
    await using bridge = await startBridge({
      server: ['./server'],
      cwd: folder.path,
      options: ['--build', `printf '${script}' > server; cksum server.mjs >> server; chmod +x server`],
    });
    await using client = await connectV1(bridge.url);
    await bridge.untilLine(({ msg }) => /^watching \d+ files/.test(msg), 'the watch');
    for (const version of [2, 3]) {
      folder.write('server.mjs', code(version));
      await afterSave();
      expect(await client.call('version')).toBe(String(version));
    }
    await afterSave();
    const told = bridge.lines.map(({ msg }) => msg).filter((msg) => /^(Changed|Command)/.test(msg));
    expect(told).toEqual(['Changed: server.mjs', 'Changed: server.mjs']);
  },
);
