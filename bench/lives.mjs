// What outlives what: sessions the bridge, and the bridge its sessions.
import { setTimeout as sleep } from 'node:timers/promises';
import { openLine, openLives, openSession } from './client.mjs';
import { findFreePort, makeBridgeIn, startContender } from './contenders.mjs';
import { median, percentile } from './numbers.mjs';
import { countOpenFiles, readMemoryMb } from './process.mjs';
import { makeProject, measureStartTogether } from './project.mjs';
import { callTool } from './traffic.mjs';

const AT_ONCE = 8;
const REPORT_EVERY = 1_000;
/** What was in use is given back, and collected, within so long. */
const SETTLE_MS = 10_000;

/** Between the moment that a bridge listens and a call that finds it loaded (ms). */
const REST_MS = 1_000;

/**
 * A session is opened, the bridge ends by `how`, another one comes in its place; the session's first call there is timed:
 * one that is sent in the moment that the bridge listens, and after the same once more one that is sent a second later. In
 * turn: how long the server itself takes from its spawn until it has answered `initialize`.
 */
export async function measureWakes({ how, rounds, signal, report }) {
  const project = makeProject();
  const rows = [];
  let bridge;
  try {
    const place = { port: await findFreePort(), state: project.state };
    const contender = makeBridgeIn(project.folder, [], place);
    for (const number of Array.from({ length: rounds }, (_, index) => index + 1)) {
      const own = await measureStartTogether(project.file, 1, signal);
      bridge = await startContender(contender, signal);
      const session = await openSession(bridge, signal);
      const restart = async () => {
        await bridge.stop(how);
        bridge = await startContender(contender, signal);
      };
      await restart();
      const listen = bridge.startMs;
      const atOnce = await measureFirstCall(session, signal);
      await restart();
      await sleep(REST_MS, undefined, { signal });
      const rested = await measureFirstCall(session, signal);
      rows.push({ own, atOnce, rested, listen });
      await bridge.stop();
      const [first, second, start] = [atOnce, rested, own].map(Math.round);
      report(`${how} ${number} of ${rounds}: woke in ${first} and ${second} ms, own start ${start} ms`);
    }
    return summarizeWakes(rows);
  } catch (error) {
    signal.throwIfAborted();
    return { failure: explain(error, bridge) };
  } finally {
    await bridge?.stop();
    project.remove();
  }
}

async function measureFirstCall(session, signal) {
  const startedAt = performance.now();
  const line = await openLine(session, signal);
  try {
    const { answeredAt } = await callTool({ number: 0, generation: 0 }, line, 'gen');
    return answeredAt - startedAt;
  } finally {
    line.close();
  }
}

function summarizeWakes(rows) {
  const [atOnce, rested, starts, listens] = ['atOnce', 'rested', 'own', 'listen'].map((name) =>
    rows.map((row) => row[name]),
  );
  return {
    rounds: rows.length,
    atOnce: median(atOnce),
    rested: median(rested),
    restedP90: percentile(rested, 90),
    start: median(starts),
    listen: median(listens),
    rows,
  };
}

/** So many sessions are opened, used once and ended; what the bridge holds before and after that. */
export async function measureSessions({ count, warmup, signal, report }) {
  const project = makeProject();
  let bridge;
  try {
    bridge = await startContender(makeBridgeIn(project.folder), signal);
    await liveAll(bridge, { count: warmup, signal, report: () => {} });
    const before = await settle(bridge, signal);
    const startedAt = performance.now();
    await liveAll(bridge, { count, signal, report });
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await settle(bridge, signal);
    return { count, perSecond: count / seconds, before, after };
  } catch (error) {
    signal.throwIfAborted();
    return { failure: explain(error, bridge) };
  } finally {
    await bridge?.stop();
    project.remove();
  }
}

async function liveAll(bridge, { count, signal, report }) {
  let begun = 0;
  const live = async () => {
    const lives = await openLives(bridge, signal);
    try {
      while (begun < count) {
        begun += 1;
        if (begun % REPORT_EVERY === 0) report(`session ${begun} of ${count}: ${describe(look(bridge))}`);
        const { result } = await lives.live('tools/call', { name: 'gen', arguments: {} });
        if (result?.content?.[0]?.text !== '1') throw new Error(`gen was answered ${JSON.stringify(result)}`);
      }
    } finally {
      lives.close();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, live));
}

async function settle(bridge, signal) {
  await sleep(SETTLE_MS, undefined, { signal });
  return look(bridge);
}

function look({ pid }) {
  return { memoryMb: readMemoryMb(pid), files: countOpenFiles(pid) };
}

function describe({ memoryMb, files }) {
  return `${memoryMb?.toFixed(1)} MB, ${files} open files`;
}

function explain(error, running) {
  return running?.hasEnded()
    ? `${error.message}; it ended, saying: ${running.getLastWords()}`
    : error.message;
}
