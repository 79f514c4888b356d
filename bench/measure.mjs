// How many calls go through each contender, how long a call takes, and how much memory the contender holds.
import { keepCalling, openSession } from './client.mjs';
import { CONTENDERS, startContender } from './contenders.mjs';
import { median, percentile } from './numbers.mjs';
import { readMemoryMb } from './process.mjs';

const OUTSTANDING = [16, 1];

/**
 * All contenders run at the same time and take turns, so that a slow minute of the machine hits all of them.
 * Returns, by name, `{ calls: { 16, 1 }, memoryMb }`, or `{ failure }` for one that could not be measured.
 */
export async function measureCalls(names, { rounds, seconds, warmupSeconds, signal, report }) {
  const entries = names.map((name) => ({ name, latencies: { 16: [], 1: [] }, perSecond: { 16: [], 1: [] } }));
  try {
    await forEachWorking(entries, signal, async (entry) => {
      report(`starting ${entry.name}`);
      entry.running = await startContender(CONTENDERS[entry.name], signal);
      entry.session = await openSession(entry.running, signal);
      await keepCalling(entry.session, { outstanding: 16, milliseconds: warmupSeconds * 1000, signal });
    });
    for (const round of Array.from({ length: rounds }, (_, index) => index + 1)) {
      for (const outstanding of OUTSTANDING) {
        await forEachWorking(entries, signal, async (entry) => {
          await measureRound(entry, { outstanding, seconds, signal });
          const rate = Math.round(entry.perSecond[outstanding].at(-1));
          report(`round ${round} of ${rounds}, ${outstanding} at once: ${entry.name} ${rate}/s`);
        });
      }
    }
  } finally {
    await Promise.all(entries.map((entry) => entry.running?.stop()));
  }
  return Object.fromEntries(entries.map((entry) => [entry.name, summarize(entry)]));
}

/** One that fails is left out from then on; the others go on. */
async function forEachWorking(entries, signal, action) {
  for (const entry of entries.filter(({ failure }) => !failure)) {
    try {
      await action(entry);
    } catch (error) {
      signal.throwIfAborted();
      entry.failure = explain(error, entry.running);
      await entry.running?.stop();
      entry.running = undefined;
    }
  }
}

function explain(error, running) {
  return running?.hasEnded()
    ? `${error.message}; it ended, saying: ${running.getLastWords()}`
    : error.message;
}

async function measureRound(entry, { outstanding, seconds, signal }) {
  const { session, running } = entry;
  const latencies = await keepCalling(session, { outstanding, milliseconds: seconds * 1000, signal });
  entry.perSecond[outstanding].push(latencies.length / seconds);
  entry.latencies[outstanding].push(latencies);
  entry.memoryMb = readMemoryMb(running.pid);
}

function summarize({ failure, perSecond, latencies, memoryMb }) {
  if (failure) return { failure };
  const calls = OUTSTANDING.map((outstanding) => {
    const all = latencies[outstanding].flat();
    const rates = perSecond[outstanding];
    const [p50, p99] = [percentile(all, 50), percentile(all, 99)];
    return [outstanding, { perSecond: median(rates), rounds: rates, count: all.length, p50, p99 }];
  });
  return { calls: Object.fromEntries(calls), memoryMb };
}
