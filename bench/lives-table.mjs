// Lives as markdown: the figures, then what must be reached and what was.

/** How much longer than the server's own start a session may take to come back (ms). */
const SLACK_MS = 30;
/** How far from what it held before a bridge may be when its sessions are gone. */
const DRIFT = 0.1;
const UNKNOWN = '–';

/** `{ killed, stopped, sessions }`: results, or `{ failure }`, of bridges that ended and of sessions that did. */
export function formatLives(results) {
  const { killed, stopped, sessions } = results;
  return [
    '| the bridge ends by | rounds | start of the next, ms | first call at once, p50, ms | 1 s later, p50, ms | p90, ms | own start, ms |',
    `| --- |${' ---: |'.repeat(6)}`,
    formatWakes('SIGKILL', killed),
    formatWakes('SIGTERM', stopped),
    '',
    '| sessions opened, used and ended | sessions/s | memory before, MB | after | open files before | after |',
    `|${' ---: |'.repeat(6)}`,
    formatSessions(sessions),
    '',
    ...Object.entries(results).flatMap(([name, run]) =>
      run?.failure ? [`${name}: could not be measured: ${run.failure}`] : [],
    ),
  ].join('\n');
}

export function judgeLives({ killed, stopped, sessions }) {
  return [
    judgeWake('first call after SIGKILL, 1 s after the bridge listens', killed, 'rested'),
    judgeWake('first call after SIGTERM, 1 s after the bridge listens', stopped, 'rested'),
    judgeWake('first call after SIGKILL, in the moment that it listens', killed, 'atOnce'),
    judgeWake('first call after SIGTERM, in the moment that it listens', stopped, 'atOnce'),
    judgeDrift('memory', sessions, 'memoryMb'),
    judgeDrift('open files', sessions, 'files'),
  ];
}

function judgeWake(name, run, which) {
  const what = `${name} (median)`;
  if (!run?.[which]) return { what, must: 'bounded', reached: undefined };
  const bound = run.start + SLACK_MS;
  return {
    what,
    must: `at most the server's own start and ${SLACK_MS} ms: ${format(bound)} ms`,
    reached: `${format(run[which])} ms`,
    isOk: run[which] <= bound,
  };
}

function judgeDrift(name, run, member) {
  const what = `${name} after the sessions`;
  const [before, after] = [run?.before?.[member], run?.after?.[member]];
  if (before === undefined || after === undefined) return { what, must: 'bounded', reached: undefined };
  return {
    what,
    must: `within ${DRIFT * 100} % of before`,
    reached: `${after >= before ? '+' : ''}${((after / before - 1) * 100).toFixed(1)} %`,
    isOk: Math.abs(after / before - 1) <= DRIFT,
  };
}

function formatWakes(label, run) {
  const cells = run?.rounds
    ? [run.rounds, ...[run.listen, run.atOnce, run.rested, run.restedP90, run.start].map(format)]
    : [];
  return formatRow(label, cells, 6);
}

function formatSessions(run) {
  if (!run?.count) return formatRow(UNKNOWN, [], 5);
  const { count, perSecond, before, after } = run;
  const cells = [perSecond, before.memoryMb, after.memoryMb].map(format);
  return formatRow(count, [...cells, before.files ?? UNKNOWN, after.files ?? UNKNOWN], 5);
}

function formatRow(label, cells, width) {
  return `| ${label} | ${Array.from({ length: width }, (_, index) => cells[index] ?? UNKNOWN).join(' | ')} |`;
}

function format(number) {
  return number === undefined ? UNKNOWN : number.toFixed(number < 100 ? 1 : 0);
}
