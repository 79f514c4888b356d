// The bench: this bridge beside the least a Node process can do, and beside two other bridges; then rollouts; then lives.
// It is no test: it exits with 0 whatever it measures. Read the ratios; the digits belong to the machine.
import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { CONTENDERS } from './contenders.mjs';
import { measureSessions, measureWakes } from './lives.mjs';
import { formatLives, judgeLives } from './lives-table.mjs';
import { measureCalls } from './measure.mjs';
import { installPeers } from './peers.mjs';
import { measureBuilds, measureRollouts } from './rollouts.mjs';
import { formatRollouts, formatRolloutVerdicts, judgeRollouts } from './rollouts-table.mjs';
import { measureStarts } from './start.mjs';
import { formatTable, formatVerdicts, judge } from './table.mjs';

const HELP = `node bench/run.mjs [options]

  --only <names>     some of: ${Object.keys(CONTENDERS).join(',')}
  --rounds <n>       turns of each contender (5)
  --seconds <s>      length of a turn (4)
  --quick            a smoke run: one short turn, three starts, three saves, three wakes, 100 sessions
  --no-start         do not measure the start
  --no-calls         only rollouts and lives
  --rollouts <n>     saves with eight sessions, and as many with one (30)
  --no-rollouts      only calls, starts and lives
  --wakes <n>        ends of the bridge by SIGKILL, and as many by SIGTERM (20)
  --sessions <n>     sessions that are opened, used and ended (10000)
  --no-lives         only calls, starts and rollouts
  --json <file>      write everything measured to a file`;

const START_NAMES = ['floor', 'bridge'];
const EMPTY = 'empty Node script';
const SESSIONS = 8;

const options = readOptions(process.argv.slice(2));
if (options) await main(options);

async function main({ calls, rollouts, lives, jsonFile }) {
  const { signal } = stopOnSignals();
  const machine = describeMachine();
  try {
    const parts = {
      ...(calls && { calls: await runCalls(calls, machine, signal) }),
      ...(rollouts && { rollouts: await runRollouts(rollouts, machine, signal) }),
      ...(lives && { lives: await runLives(lives, machine, signal) }),
    };
    if (jsonFile) writeFileSync(jsonFile, `${JSON.stringify({ machine, ...parts }, null, 2)}\n`);
  } catch (error) {
    console.error(`bench: ${error.message}`);
  }
}

async function runCalls({ names, rounds, seconds, warmupSeconds, startPairs }, machine, signal) {
  if (names.some((name) => CONTENDERS[name].isPeer)) installPeers();
  const conditions = `${rounds} × ${seconds} s in turn, one session, 64-byte text`;
  console.log(`## tools/call of an echo tool\n\n${machine}; ${conditions}.\n`);

  const calls = await measureCalls(names, { rounds, seconds, warmupSeconds, signal, report });
  const startNames = START_NAMES.filter((name) => names.includes(name) && !calls[name].failure);
  const starts =
    startPairs > 0 ? await measureStarts(startNames, { pairs: startPairs, signal, report }) : undefined;

  const rows = makeRows(calls, starts);
  const verdicts = judge(rows);
  console.log(`${formatTable(rows)}\n\n${formatVerdicts(verdicts)}\n`);
  return { conditions, rows, verdicts };
}

async function runRollouts({ count, holds, newcomers }, machine, signal) {
  const conditions = `a Node server, ${count} saves each, one call of 50 to 100 ms in flight in every session`;
  console.log(`## Rollouts\n\n${machine}, load ${describeLoad()}; ${conditions}.\n`);

  const many = await measureRollouts({ count, sessions: SESSIONS, signal, report });
  const one = await measureRollouts({ count, sessions: 1, signal, report });
  const builds = await measureBuilds({ holds, newcomers, sessions: SESSIONS, signal, report });

  const results = { many, one, builds };
  const verdicts = judgeRollouts(results);
  const load = describeLoad();
  console.log(`${formatRollouts(results)}\nLoad at the end: ${load}.\n\n${formatRolloutVerdicts(verdicts)}`);
  return { conditions, load, results, verdicts };
}

async function runLives({ wakes, sessions, warmup }, machine, signal) {
  const conditions = `a Node server; ${wakes} rounds; ${sessions} sessions, 8 at a time, after ${warmup} to warm up`;
  console.log(`## Lives\n\n${machine}, load ${describeLoad()}; ${conditions}.\n`);

  const killed = await measureWakes({ how: 'SIGKILL', rounds: wakes, signal, report });
  const stopped = await measureWakes({ how: 'SIGTERM', rounds: wakes, signal, report });
  const used = await measureSessions({ count: sessions, warmup, signal, report });

  const results = { killed, stopped, sessions: used };
  const verdicts = judgeLives(results);
  const load = describeLoad();
  console.log(`${formatLives(results)}\nLoad at the end: ${load}.\n\n${formatRolloutVerdicts(verdicts)}`);
  return { conditions, load, results, verdicts };
}

function describeLoad() {
  return os
    .loadavg()
    .map((load) => load.toFixed(1))
    .join(' ');
}

/** The first signal ends all that was started, in order; a second one ends it at once. */
function stopOnSignals() {
  const life = new AbortController();
  setMaxListeners(0, life.signal);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      if (life.signal.aborted) process.exit();
      life.abort(new Error(`stopped by ${name}`));
    });
  }
  return life;
}

function makeRows(calls, starts) {
  const rows = Object.entries(calls).map(([name, result]) => [
    name,
    {
      label: CONTENDERS[name].label,
      ...result,
      startMs: starts?.[name]?.median,
      starts: starts?.[name]?.all,
    },
  ]);
  if (starts) rows.push([EMPTY, { label: EMPTY, startMs: starts.empty.median, starts: starts.empty.all }]);
  return Object.fromEntries(rows);
}

function describeMachine() {
  const cpus = os.cpus();
  return `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus.length} × ${cpus[0]?.model.trim()}`;
}

function report(line) {
  console.error(line);
}

/** Undefined when there is nothing to run: help was asked for, or the usage was wrong. */
function readOptions(args) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        only: { type: 'string', default: Object.keys(CONTENDERS).join(',') },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        quick: { type: 'boolean', default: false },
        'no-start': { type: 'boolean', default: false },
        'no-calls': { type: 'boolean', default: false },
        rollouts: { type: 'string' },
        'no-rollouts': { type: 'boolean', default: false },
        wakes: { type: 'string' },
        sessions: { type: 'string' },
        'no-lives': { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return void console.log(HELP);
    const { quick } = values;
    const calls = {
      names: readNames(values.only),
      rounds: readNumber('--rounds', values.rounds ?? (quick ? '1' : '5'), Number.isInteger),
      seconds: readNumber('--seconds', values.seconds ?? (quick ? '0.5' : '4'), Number.isFinite),
      warmupSeconds: quick ? 0.5 : 2,
      startPairs: values['no-start'] ? 0 : quick ? 3 : 21,
    };
    const rollouts = {
      count: readNumber('--rollouts', values.rollouts ?? (quick ? '3' : '30'), Number.isInteger),
      holds: quick ? 1 : 5,
      newcomers: quick ? 5 : 50,
    };
    const lives = {
      wakes: readNumber('--wakes', values.wakes ?? (quick ? '3' : '20'), Number.isInteger),
      sessions: readNumber('--sessions', values.sessions ?? (quick ? '100' : '10000'), Number.isInteger),
      warmup: quick ? 20 : 300,
    };
    return {
      calls: values['no-calls'] ? undefined : calls,
      rollouts: values['no-rollouts'] ? undefined : rollouts,
      lives: values['no-lives'] ? undefined : lives,
      jsonFile: values.json,
    };
  } catch (error) {
    console.error(`bench: ${error.message}\n\n${HELP}`);
  }
}

function readNames(text) {
  const names = text.split(',');
  const unknown = names.find((name) => !Object.hasOwn(CONTENDERS, name));
  if (unknown !== undefined) throw new Error(`--only: no contender is called "${unknown}"`);
  return Object.keys(CONTENDERS).filter((name) => names.includes(name));
}

function readNumber(option, text, isRight) {
  const number = Number(text);
  if (!isRight(number) || number <= 0) throw new Error(`${option}: expected a number above 0, got "${text}"`);
  return number;
}
