// Sessions with one call in flight all the time in each, and the books of what became of every call.
import { setTimeout as sleep } from 'node:timers/promises';
import { openLine, openSession } from './client.mjs';

const FAILURE_PAUSE_MS = 100;
const [SHORTEST_MS, LONGEST_MS] = [50, 100];

/**
 * `calls` has every call that ended: `{ session, sentAt, headAt, answeredAt, generation }`, or `{ failure }`.
 * A session's `generation` is the newest one that it met.
 */
export async function startTraffic(bridge, count, signal) {
  const calls = [];
  const state = { isOver: false };
  const sessions = [];
  for (const number of Array.from({ length: count }, (_, index) => index)) {
    sessions.push({ number, session: await openSession(bridge, signal), generation: 0 });
  }
  const loops = sessions.map((entry) => keepOneInFlight(entry, { calls, state, signal }));

  return {
    calls,
    sessions,
    /** The calls in flight are answered first. */
    async stop() {
      state.isOver = true;
      await Promise.all(loops);
    },
  };
}

async function keepOneInFlight(entry, { calls, state, signal }) {
  let line;
  while (!state.isOver && !signal.aborted) {
    try {
      line ??= await openLine(entry.session, signal);
      const ms = SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS);
      const call = await callTool(entry, line, 'wait', { ms });
      calls.push(call);
    } catch (error) {
      if (signal.aborted) break;
      calls.push({ session: entry.number, failure: error.message });
      line?.close();
      line = undefined;
      await sleep(FAILURE_PAUSE_MS);
    }
  }
  line?.close();
}

/** A call that was answered with anything but a generation is an error. */
export async function callTool(entry, line, name, args = {}) {
  const { message, ...times } = await line.ask('tools/call', { name, arguments: args });
  const generation = Number(message.result?.content?.[0]?.text);
  if (!generation) throw new Error(`${name} was answered ${JSON.stringify(message)}`);
  entry.generation = Math.max(entry.generation, generation);
  return {
    session: entry.number,
    sentAt: times.sentAt,
    headAt: times.headAt,
    answeredAt: times.answeredAt,
    generation,
  };
}
