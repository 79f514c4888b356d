// The chaos test, for minutes: half of the time the bridge is killed too, half of it it must not grow.
import { it } from 'vitest';
import { chaos, describeVerdict, drawSeed } from '../chaos/engine.js';
import { conclude, none } from './table.js';

const { CHAOS_SEED, CHAOS_SECONDS = '600' } = process.env;
const seconds = Number(CHAOS_SECONDS);

it('chaos', { timeout: seconds * 4_000 + 300_000 }, async () => {
  const seed = Number(CHAOS_SEED ?? drawSeed());
  console.log(`chaos: seed ${seed}`);
  const verdict = await chaos({ seed, seconds, say: (line) => / round /.test(line) && console.log(line) });
  if (verdict.complaints.length > 0) console.log(describeVerdict(verdict));
  conclude('Chaos', [
    { name: 'seed', value: seed },
    ...Object.entries(verdict.counts).map(([name, value]) => ({ name, value })),
    none('complaints', verdict.complaints.length, verdict.complaints),
  ]);
});
