// The results as markdown: one row per contender, then what this bridge must reach and what it reached.

const UNKNOWN = '–';

/** How far the floor's best round may be above its worst on a machine that does nothing else. */
const QUIET = 1.25;

const METRICS = {
  rateAt16: { title: 'calls/s at 16', get: ({ calls }) => calls?.[16].perSecond, digits: 0 },
  rateAt1: { title: 'calls/s at 1', get: ({ calls }) => calls?.[1].perSecond, digits: 0 },
  p50At1: { title: 'p50 at 1, ms', get: ({ calls }) => calls?.[1].p50, digits: 2 },
  p99At1: { title: 'p99 at 1, ms', get: ({ calls }) => calls?.[1].p99, digits: 2 },
  p50At16: { title: 'p50 at 16, ms', get: ({ calls }) => calls?.[16].p50, digits: 2 },
  p99At16: { title: 'p99 at 16, ms', get: ({ calls }) => calls?.[16].p99, digits: 2 },
  memory: { title: 'memory, MB', get: ({ memoryMb }) => memoryMb, digits: 0 },
  start: { title: 'start, ms', get: ({ startMs }) => startMs, digits: 0 },
};

/** The bridge's figure divided by that of `than`. */
const MUST_REACH = [
  { metric: METRICS.rateAt16, than: 'floor', atLeast: 0.7 },
  { metric: METRICS.rateAt16, than: 'supergateway', atLeast: 3 },
  { metric: METRICS.rateAt16, than: 'mcp-proxy', atLeast: 3 },
  { metric: METRICS.p50At1, than: 'floor', atMost: 1.35 },
  { metric: METRICS.memory, than: 'floor', atMost: 1.6 },
  { metric: METRICS.start, than: 'empty Node script', atMost: 2.5 },
];

/** `rows` are results by name, each with a `label`; in brackets each figure's ratio to the floor's. */
export function formatTable(rows) {
  const columns = Object.values(METRICS);
  const failures = Object.values(rows).filter(({ failure }) => failure);
  return [
    `| | ${columns.map(({ title }) => title).join(' | ')} |`,
    `| --- |${' ---: |'.repeat(columns.length)}`,
    ...Object.values(rows).map((row) => {
      const cells = columns.map((metric) => formatCell(metric, row, rows.floor));
      return `| ${row.label} | ${cells.join(' | ')} |`;
    }),
    '',
    'In brackets: the ratio to the floor.',
    ...warnOfNoise(rows),
    ...failures.map(({ label, failure }) => `${label} could not be measured: ${failure}`),
  ].join('\n');
}

export function formatVerdicts(verdicts) {
  return verdicts
    .map(({ what, sense, bound, than, reached, isOk }) => {
      const outcome =
        reached === undefined ? 'not measured' : `${reached.toFixed(2)}× ${isOk ? 'ok' : 'MISSED'}`;
      return `- ${what} must reach ${sense} ${bound.toFixed(2)}× ${than}: ${outcome}`;
    })
    .join('\n');
}

export function judge(rows) {
  return MUST_REACH.map(({ metric, than, atLeast, atMost }) => {
    const reached = divide(metric, rows.bridge, rows[than]);
    return {
      what: metric.title.split(',')[0],
      sense: atLeast === undefined ? 'at most' : 'at least',
      bound: atLeast ?? atMost,
      than: rows[than]?.label ?? than,
      reached,
      isOk: reached === undefined ? undefined : reached >= (atLeast ?? 0) && reached <= (atMost ?? Infinity),
    };
  });
}

/** A machine that was busy with other things makes ratios a game of chance; the rounds show it. */
function warnOfNoise({ floor }) {
  if (!floor?.calls) return [];
  const rounds = floor.calls[16].rounds.map(Math.round);
  const [lowest, highest] = [Math.min(...rounds), Math.max(...rounds)];
  if (highest <= lowest * QUIET) return [];
  return [
    `The machine was not quiet: the floor's own rounds at 16 went from ${lowest} to ${highest} calls/s.`,
  ];
}

function formatCell(metric, row, floor) {
  const figure = metric.get(row);
  if (figure === undefined) return UNKNOWN;
  const ratio = row === floor ? undefined : divide(metric, row, floor);
  const text = figure.toLocaleString('en', {
    minimumFractionDigits: metric.digits,
    maximumFractionDigits: metric.digits,
  });
  return ratio === undefined ? text : `${text} (${ratio.toFixed(2)})`;
}

function divide(metric, row, other) {
  const [figure, base] = [row && metric.get(row), other && metric.get(other)];
  return figure === undefined || base === undefined ? undefined : figure / base;
}
