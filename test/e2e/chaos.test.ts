// Servers, bridges and connections die at random, and code is saved, under sixteen clients: no call is lost or run twice.
import { expect, it } from 'vitest';
import { chaos, describeVerdict, drawSeed } from '../chaos/engine.js';

const { CHAOS_SEED, CHAOS_SECONDS = '20', CHAOS_KILLS = 'yes', CHAOS_SAY } = process.env;
const seconds = Number(CHAOS_SECONDS);

it('keeps sessions, calls and events through chaos [session.same-id call.once http.resume]', {
  timeout: seconds * 2_000 + 300_000,
}, async () => {
  const seed = Number(CHAOS_SEED ?? drawSeed());
  console.log(`chaos: seed ${seed}`);
  const verdict = await chaos({
    seed,
    seconds,
    kills: CHAOS_KILLS === 'yes',
    ...(CHAOS_SAY && { say: console.log }),
  });
  console.log(describeVerdict(verdict));
  expect(verdict.complaints).toEqual([]);
});
