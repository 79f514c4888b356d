// The bench: this bridge beside the least a Node process can do, and beside two other bridges.
// It is no test: it exits with 0 whatever it measures. Read the ratios; the digits belong to the machine.
import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { CONTENDERS } from './contenders.mjs';
import { measureCalls } from './measure.mjs';
import { installPeers } from './peers.mjs';
import { measureStarts } from './start.mjs';
import { formatTable, formatVerdicts, judge } from './table.mjs';

const HELP = `node bench/run.mjs [options]

  --only <names>     some of: ${Object.keys(CONTENDERS).join(',')}
  --rounds <n>       turns of each contender (5)
  --seconds <s>      length of a turn (4)
  --quick            a smoke run: one short turn, three starts
  --no-start         do not measure the start
  --json <file>      write everything measured to a file`;

const START_NAMES = ['floor', 'bridge'];
const EMPTY = 'empty Node script';

const options = readOptions(process.argv.slice(2));
if (options) await main(options);

async function main({ names, rounds, seconds, warmupSeconds, startPairs, jsonFile }) {
  const { signal } = stopOnSignals();
  try {
    if (names.some((name) => CONTENDERS[name].isPeer)) installPeers();
    const machine = describeMachine();
    const conditions = `${rounds} × ${seconds} s in turn, one session, 64-byte text`;
    console.log(`## tools/call of an echo tool\n\n${machine}; ${conditions}.\n`);

    const calls = await measureCalls(names, { rounds, seconds, warmupSeconds, signal, report });
    const startNames = START_NAMES.filter((name) => names.includes(name) && !calls[name].failure);
    const starts =
      startPairs > 0 ? await measureStarts(startNames, { pairs: startPairs, signal, report }) : undefined;

    const rows = makeRows(calls, starts);
    const verdicts = judge(rows);
    console.log(`${formatTable(rows)}\n\n${formatVerdicts(verdicts)}`);
    if (jsonFile)
      writeFileSync(jsonFile, `${JSON.stringify({ machine, conditions, rows, verdicts }, null, 2)}\n`);
  } catch (error) {
    console.error(`bench: ${error.message}`);
  }
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
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return void console.log(HELP);
    const { quick } = values;
    return {
      names: readNames(values.only),
      rounds: readNumber('--rounds', values.rounds ?? (quick ? '1' : '5'), Number.isInteger),
      seconds: readNumber('--seconds', values.seconds ?? (quick ? '0.5' : '4'), Number.isFinite),
      warmupSeconds: quick ? 0.5 : 2,
      startPairs: values['no-start'] ? 0 : quick ? 3 : 21,
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
