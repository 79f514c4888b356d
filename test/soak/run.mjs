// What takes minutes: `npm run soak`, or a part of it with `--only <part>,…`. Each part is a file beside this one.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const HERE = import.meta.dirname;
const ENDING = '.soak.ts';
const PARTS = readdirSync(HERE).flatMap((name) =>
  name.endsWith(ENDING) ? name.slice(0, -ENDING.length) : [],
);

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const parts = values.only?.split(',') ?? PARTS;
const unknown = parts.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) {
  console.error(`soak: there is no part ${unknown.join(', ')}; there are ${PARTS.join(', ')}`);
  process.exit(2);
}

const root = path.join(HERE, '../..');
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const config = path.join(HERE, 'vitest.config.ts');
const files = parts.map((part) => path.join('test/soak', part + ENDING));
const child = spawn(process.execPath, [vitest, 'run', '--config', config, '--root', root, ...files], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('close', (code) => {
  process.exitCode = code === 0 ? 0 : 1;
});
