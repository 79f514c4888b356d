// The rollouts as markdown: the figures, then what must be reached and what was.

/** What a save takes to be a settled change: the quiet time and the two looks at the files (ms). */
const SETTLE_MS = 200 + 100;
const UNKNOWN = '–';
const SHOWN = 3;

/** `{ many, one, builds }`: results, or `{ failure }`, of rollouts with many sessions and one, and of builds. */
export function formatRollouts(results) {
  const { many, one, builds } = results;
  return [
    '| | sessions | rollouts | calls | failed | met old code | wait p50, ms | wait p99, ms | own start, ms |',
    `| --- |${' ---: |'.repeat(8)}`,
    formatRow('many sessions', many),
    formatRow('one session', one),
    '',
    '| while a build runs | count | p50, ms | p99, ms |',
    `| --- |${' ---: |'.repeat(3)}`,
    formatTimes('headers of a held call', builds?.heads),
    formatTimes('`initialize` of a new client', builds?.initialize),
    formatTimes('`tools/list` of a new client', builds?.list),
    formatTimes('`tools/list` of a client that was there', builds?.ownList),
    '',
    ...['many', 'one', 'builds'].flatMap((name) => describeTrouble(name, results[name])),
  ].join('\n');
}

export function formatRolloutVerdicts(verdicts) {
  return verdicts
    .map(({ what, must, reached, isOk }) => {
      const outcome = reached === undefined ? 'not measured' : `${reached} ${isOk ? 'ok' : 'MISSED'}`;
      return `- ${what} must be ${must}: ${outcome}`;
    })
    .join('\n');
}

export function judgeRollouts({ many, one, builds }) {
  const rolled = [many, one];
  const all = [many, one, builds];
  return [
    count(
      'failed calls',
      sum(all, ({ failures }) => failures.length),
      0,
    ),
    count(
      'sessions that lost their id',
      sum(rolled, ({ sessions, kept }) => sessions - kept),
      0,
    ),
    count(
      'calls sent 50 ms or more after the save that met old code',
      sum(all, ({ stale }) => stale.length),
      0,
    ),
    count(
      'rollouts that a session never met',
      sum(rolled, ({ unmet }) => unmet),
      0,
    ),
    atMost(
      `the wait of a call after the save, ${many?.sessions ?? 'many'} sessions (median)`,
      many?.wait,
      SETTLE_MS + 2 * many?.start + 150,
    ),
    atMost(
      'the wait of a call after the save, one session (median)',
      one?.wait,
      SETTLE_MS + one?.start + 100,
    ),
    atMost('headers of a held call (p99)', builds?.heads?.p99, 50),
    atMost('`initialize` during a build of 10 s (p99)', builds?.initialize?.p99, 20),
    atMost('`tools/list` during a build of 10 s (p99)', builds?.list?.p99, 20),
  ];
}

/** Of a part that could not be measured nobody knows; what the others met counts all the same. */
function sum(runs, get) {
  const measured = runs.filter((run) => run && !run.failure);
  const total = measured.reduce((so, run) => so + get(run), 0);
  return total > 0 || measured.length === runs.length ? total : undefined;
}

function count(what, reached, bound) {
  return { what, must: String(bound), reached, isOk: reached === undefined ? undefined : reached === bound };
}

function atMost(what, reached, bound) {
  if (reached === undefined) return { what, must: 'bounded', reached };
  return {
    what,
    must: `at most ${format(bound)} ms`,
    reached: `${format(reached)} ms`,
    isOk: reached <= bound,
  };
}

function formatRow(label, run) {
  const cells = run?.failure
    ? []
    : run && [
        run.sessions,
        run.rollouts,
        run.calls,
        run.failures.length,
        run.stale.length,
        format(run.wait),
        format(run.waitP99),
        format(run.start),
      ];
  return `| ${label} | ${Array.from({ length: 8 }, (_, index) => cells?.[index] ?? UNKNOWN).join(' | ')} |`;
}

function formatTimes(label, times) {
  if (!times?.count) return `| ${label} | ${UNKNOWN} | ${UNKNOWN} | ${UNKNOWN} |`;
  return `| ${label} | ${times.count} | ${format(times.p50)} | ${format(times.p99)} |`;
}

function describeTrouble(name, run) {
  if (!run) return [];
  if (run.failure) return [`${name}: could not be measured: ${run.failure}`];
  const stale = run.stale?.map(
    ({ session, generation, late }) =>
      `session ${session} met generation ${generation} in a call sent ${Math.round(late)} ms after the save`,
  );
  const early = run.tooEarly > 0 ? [`${run.tooEarly} calls right after the save met old code first`] : [];
  return [...some(run.failures), ...some(stale ?? []), ...early].map((text) => `${name}: ${text}`);
}

function some(texts) {
  const more = texts.length > SHOWN ? [`and ${texts.length - SHOWN} more`] : [];
  return [...texts.slice(0, SHOWN), ...more];
}

function format(ms) {
  if (ms === undefined) return UNKNOWN;
  return ms.toFixed(ms < 100 ? 1 : 0);
}
