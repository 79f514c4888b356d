// How long a contender takes from spawn to its first connection, beside what an empty Node script costs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CONTENDERS, startContender } from './contenders.mjs';
import { median } from './numbers.mjs';

const EMPTY = fileURLToPath(new URL('empty.mjs', import.meta.url));

/** Returns, by name and for `empty`, `{ median, all }` in milliseconds; all take turns. */
export async function measureStarts(names, { pairs, signal, report }) {
  const runs = [
    { name: 'empty', all: [], measure: measureEmpty },
    ...names.map((name) => ({ name, all: [], measure: () => measureStart(name, signal) })),
  ];
  for (const pair of Array.from({ length: pairs }, (_, index) => index + 1)) {
    report(`start ${pair} of ${pairs}`);
    for (const { all, measure } of runs) all.push(await measure());
  }
  return Object.fromEntries(runs.map(({ name, all }) => [name, { median: median(all), all }]));
}

async function measureEmpty() {
  const startedAt = performance.now();
  await once(spawn(process.execPath, [EMPTY], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedAt;
}

async function measureStart(name, signal) {
  const running = await startContender(CONTENDERS[name], signal);
  await running.stop();
  return running.startMs;
}
