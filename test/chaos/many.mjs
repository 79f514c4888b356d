// The chaos test again and again, each time with another seed: `npm run chaos -- --runs 20 --seconds 20 --seed 1`.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '20' },
    /** Of the first run; each one after it has the next. */
    seed: { type: 'string', default: '1' },
    /** `no`: the bridge is not killed. */
    kills: { type: 'string', default: 'yes' },
  },
});

const root = path.join(import.meta.dirname, '../..');
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const failed = [];
for (let run = 0; run < Number(values.runs); run += 1) {
  const seed = Number(values.seed) + run;
  const env = {
    ...process.env,
    CHAOS_SEED: String(seed),
    CHAOS_SECONDS: values.seconds,
    CHAOS_KILLS: values.kills,
  };
  const words = [vitest, 'run', '--root', root, 'test/e2e/chaos.test.ts'];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, env, encoding: 'utf8' });
  const line = stdout.split('\n').find((each) => each.includes(`seed ${seed}: `));
  console.log(line ?? `seed ${seed}: said nothing`);
  if (status === 0) continue;
  failed.push(seed);
  console.log(stdout + stderr);
}
console.log(
  failed.length > 0 ? `${failed.length} of ${values.runs} failed: seeds ${failed.join(', ')}` : 'all green',
);
process.exitCode = failed.length > 0 ? 1 : 0;
