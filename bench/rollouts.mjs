// What a client meets while the server behind the bridge is edited again and again.
import { setTimeout as sleep } from 'node:timers/promises';
import { endSession, openLine, openSession } from './client.mjs';
import { makeBridgeIn, startContender } from './contenders.mjs';
import { median, percentile } from './numbers.mjs';
import { makeProject, measureStartTogether } from './project.mjs';
import { callTool, startTraffic } from './traffic.mjs';

/** A call sent so long after a save must not meet old code. */
const NOTICE_MS = 50;
const MET_MS = 60_000;
const CALM_MS = 300;
const STARTS_EVERY = 2;
const LINES_PER_SESSION = 4;
const BUILD_MS = 10_000;
const HELD_BUILD_MS = 2_000;

/** So many sessions with a call in flight in each, and `count` saves. */
export async function measureRollouts({ count, sessions, signal, report }) {
  const project = makeProject();
  let bridge;
  let traffic;
  try {
    bridge = await startContender(makeBridgeIn(project.folder), signal);
    traffic = await startTraffic(bridge, sessions, signal);
    const own = await measureOwnDuration(traffic, signal);
    const starts = [await measureStartTogether(project.file, sessions, signal)];
    const rollouts = [];
    for (const number of Array.from({ length: count }, (_, index) => index + 1)) {
      const rollout = await rollOut(project, traffic, signal);
      rollouts.push(rollout);
      report(`rollout ${number} of ${count}, ${describeSessions(sessions)}: ${describeRollout(rollout)}`);
      if (!rollout.isMet) break;
      await sleep(CALM_MS, undefined, { signal });
      if (number % STARTS_EVERY === 0)
        starts.push(await measureStartTogether(project.file, sessions, signal));
    }
    await traffic.stop();
    const kept = await countKept(traffic, rollouts.at(-1).generation, signal);
    return summarize({ project, traffic, rollouts, own, starts, kept });
  } catch (error) {
    signal.throwIfAborted();
    return { failure: explain(error, bridge) };
  } finally {
    await bridge?.stop();
    await traffic?.stop();
    project.remove();
  }
}

/** How long a call of `gen` takes when nothing is rolled out. */
async function measureOwnDuration(traffic, signal) {
  const [entry] = traffic.sessions;
  const line = await openLine(entry.session, signal);
  const all = [];
  for (let number = 0; number < 20; number += 1) {
    const { sentAt, answeredAt } = await callTool(entry, line, 'gen');
    all.push(answeredAt - sentAt);
  }
  line.close();
  return median(all);
}

/**
 * Saves, then calls at once in every session until the new code answers: the session that calls first
 * is the first to get a new backend, so that it alone would say too little.
 */
async function rollOut(project, traffic, signal) {
  const lines = await Promise.all(traffic.sessions.map(({ session }) => openLine(session, signal)));
  const save = project.save();
  const deadline = save.at + MET_MS;
  const probes = await Promise.all(
    traffic.sessions.map((entry, index) =>
      callUntilNew({ entry, line: lines[index], save, deadline, calls: traffic.calls, signal }),
    ),
  );
  for (const line of lines) line.close();
  const haveMet = () => traffic.sessions.every(({ generation }) => generation >= save.generation);
  while (!haveMet() && performance.now() < deadline) await sleep(2, undefined, { signal });
  return { generation: save.generation, probes, isMet: haveMet() };
}

/** `wait` is from the first call on, also when that one was answered by old code. */
async function callUntilNew({ entry, line, save, deadline, calls, signal }) {
  const probe = { calls: 0, wait: undefined };
  let firstSentAt;
  try {
    while (probe.wait === undefined && performance.now() < deadline) {
      const call = await callTool(entry, line, 'gen');
      firstSentAt ??= call.sentAt;
      probe.calls += 1;
      calls.push(call);
      if (call.generation >= save.generation) probe.wait = call.answeredAt - firstSentAt;
    }
  } catch (error) {
    signal.throwIfAborted();
    calls.push({ session: entry.number, failure: error.message });
  }
  return probe;
}

/** A session is kept when its id still takes a call, and the newest code answers. */
async function countKept({ sessions }, generation, signal) {
  const kept = await Promise.all(
    sessions.map(async (entry) => {
      try {
        const line = await openLine(entry.session, signal);
        const call = await callTool(entry, line, 'gen').finally(() => line.close());
        return call.generation === generation;
      } catch {
        return false;
      }
    }),
  );
  return kept.filter(Boolean).length;
}

function summarize({ project, traffic, rollouts, own, starts, kept }) {
  const answered = traffic.calls.filter(({ failure }) => !failure);
  const failures = traffic.calls.filter(({ failure }) => failure).map(({ failure }) => failure);
  const probes = rollouts.flatMap((rollout) => rollout.probes);
  const waits = probes.filter(({ wait }) => wait !== undefined).map(({ wait }) => wait - own);
  return {
    sessions: traffic.sessions.length,
    kept,
    rollouts: rollouts.length,
    unmet: rollouts.filter(({ isMet }) => !isMet).length,
    calls: traffic.calls.length,
    failures,
    stale: answered
      .filter((call) => isStale(call, project.saves))
      .map(({ session, generation, sentAt }) => ({
        session,
        generation,
        late: sentAt - findSave(project.saves, sentAt).at,
      })),
    tooEarly: probes.filter(({ calls }) => calls > 1).length,
    waits,
    wait: median(waits),
    waitP99: percentile(waits, 99),
    starts,
    start: median(starts),
    own,
  };
}

function isStale({ sentAt, generation }, saves) {
  return generation < (findSave(saves, sentAt)?.generation ?? 0);
}

/** The newest save that the bridge must have noticed when the call was sent. */
function findSave(saves, sentAt) {
  return saves.findLast(({ at }) => at + NOTICE_MS <= sentAt);
}

/**
 * While builds run: how soon the headers of held calls are there,
 * and how soon a client that comes during a build of ten seconds is connected and has its lists.
 */
export async function measureBuilds({ holds, newcomers, sessions, signal, report }) {
  const project = makeProject();
  let bridge;
  const lines = [];
  try {
    project.setBuildTime(0);
    const options = ['--build', project.buildCommand];
    bridge = await startContender(makeBridgeIn(project.folder, options), signal);
    const entries = [];
    for (const number of Array.from({ length: sessions }, (_, index) => index)) {
      const entry = { number, session: await openSession(bridge, signal), generation: 0 };
      entries.push(entry);
      for (let count = 0; count < LINES_PER_SESSION; count += 1) {
        lines.push({ entry, line: await openLine(entry.session, signal) });
      }
    }
    for (const { line } of lines) await line.ask('tools/list', {});

    const heads = [];
    const failures = [];
    const stale = [];
    project.setBuildTime(HELD_BUILD_MS);
    for (const number of Array.from({ length: holds }, (_, index) => index + 1)) {
      report(`build ${number} of ${holds}: calls are held`);
      await holdCalls({ project, lines, heads, failures, stale, signal });
      await sleep(1_000, undefined, { signal });
    }

    report('a build of 10 s: clients come');
    project.setBuildTime(BUILD_MS);
    const guests = await measureGuests({ bridge, project, newcomers, line: lines[0].line, signal });
    return {
      heads: { count: heads.length, p50: median(heads), p99: percentile(heads, 99) },
      failures,
      stale,
      ...guests,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { failure: explain(error, bridge) };
  } finally {
    for (const { line } of lines) line.close();
    await bridge?.stop();
    project.remove();
  }
}

/** The calls are sent one after the other, evenly over the first half of the build. */
async function holdCalls({ project, lines, heads, failures, stale, signal }) {
  const save = project.save();
  const pause = HELD_BUILD_MS / 2 / lines.length;
  const calls = [];
  await sleep(NOTICE_MS, undefined, { signal });
  for (const { entry, line } of lines) {
    calls.push(callTool(entry, line, 'gen').catch((error) => ({ failure: error.message })));
    await sleep(pause, undefined, { signal });
  }
  for (const value of await Promise.all(calls)) {
    if (value.failure) failures.push(value.failure);
    else if (value.generation !== save.generation) stale.push({ ...value, late: value.sentAt - save.at });
    else heads.push(value.headAt - value.sentAt);
  }
}

/** All of it must fit into the build; what came after it is not counted. */
async function measureGuests({ bridge, project, newcomers, line, signal }) {
  const { at } = project.save();
  const end = at + BUILD_MS;
  const times = { initialize: [], list: [], ownList: [] };
  await sleep(NOTICE_MS + CALM_MS, undefined, { signal });
  while (times.list.length < newcomers && performance.now() < end) {
    const session = await openSession(bridge, signal);
    const guest = await openLine(session, signal);
    const list = await guest.ask('tools/list', {}).finally(() => guest.close());
    const ownList = await line.ask('tools/list', {});
    await endSession(session, signal);
    if (ownList.answeredAt > end) break;
    for (const { message } of [list, ownList])
      if (message.result?.tools?.length !== 2)
        throw new Error(`tools/list was answered ${JSON.stringify(message)}`);
    times.initialize.push(session.initializeMs);
    times.list.push(list.answeredAt - list.sentAt);
    times.ownList.push(ownList.answeredAt - ownList.sentAt);
  }
  const figures = Object.entries(times).map(([name, all]) => [
    name,
    { count: all.length, p50: median(all), p99: percentile(all, 99) },
  ]);
  return Object.fromEntries(figures);
}

function describeSessions(count) {
  return count === 1 ? 'one session' : `${count} sessions`;
}

function describeRollout({ probes, isMet }) {
  const waits = probes.map(({ wait }) => wait).filter((wait) => wait !== undefined);
  if (waits.length === 0) return 'no call met the new code';
  const [first, last] = [Math.min(...waits), Math.max(...waits)].map(Math.round);
  const missing = isMet ? '' : '; not all sessions met it';
  return `new code after ${first === last ? first : `${first} to ${last}`} ms${missing}`;
}

function explain(error, running) {
  return running?.hasEnded()
    ? `${error.message}; it ended, saying: ${running.getLastWords()}`
    : error.message;
}
