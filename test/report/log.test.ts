// Reports as lines on stderr; an array stands in its place here.
import { describe, expect, test } from 'vitest';
import type { Options } from '../../src/options.js';
import { makeReporter } from '../../src/report/log.js';
import type { Report } from '../../src/report/report.js';

type Plan = Partial<Pick<Options, 'logLevel' | 'logFormat'>> & { isTty?: boolean; colorize?: boolean };

/** What stands on stderr after these reports. */
async function linesOf(reports: readonly Report[], plan: Plan = {}): Promise<string[]> {
  const { isTty = false, colorize = false, logLevel = 'trace', logFormat } = plan;
  let written = '';
  const stderr = {
    write: (text: string) => {
      written += text;
    },
  };
  const report = await makeReporter({ options: { logLevel, logFormat }, isTty, colorize }, stderr);
  for (const each of reports) report(each);
  return written.split('\n').slice(0, -1);
}

const WORDS = 'Stopped; 2 sessions are kept for the next start.';
const STOPPED: Report = { kind: 'bridge.stopped', kept: 2 };
const READY: Report = { kind: 'backend.ready', ms: 5, pid: 42, label: 'claude-code' };
const SAID: Report = { kind: 'backend.stderr', text: 'loading …', label: 'claude-code' };
const STARTED: Report = { kind: 'backend.started', pid: 42, generation: 1, label: 'claude-code' };

const TIME = '\\[\\d\\d:\\d\\d:\\d\\d\\]';

describe('for programs', () => {
  test('a line is JSON: level, time, session, words, and what the words are made of', async () => {
    const [line = ''] = await linesOf([READY]);
    expect(JSON.parse(line)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      session: 'claude-code',
      pid: 42,
      msg: 'server ready in 5 ms (pid 42)',
    });
  });

  test('a line of the bridge has no session', async () => {
    const [line = ''] = await linesOf([STOPPED]);
    expect(Object.keys(JSON.parse(line))).toEqual(['level', 'time', 'msg']);
  });

  test('what the server says on stderr is marked, and unchanged [supervise.logs]', async () => {
    const text = '\x1b[31m  "quoted" \\ grüße\x1b[0m';
    const [line = ''] = await linesOf([{ ...SAID, text }]);
    expect(JSON.parse(line)).toMatchObject({ msg: text, source: 'server', session: 'claude-code' });
  });
});

describe('for people', () => {
  const plan: Plan = { logFormat: 'pretty' };

  test('a line is time, level and words, behind the name of the session', async () => {
    const [first, second, ...more] = await linesOf([STOPPED, READY], plan);
    expect(first).toMatch(new RegExp(`^${TIME} INFO: Stopped; 2 sessions are kept for the next start\\.$`));
    expect(second).toMatch(new RegExp(`^${TIME} INFO: claude-code: server ready in 5 ms \\(pid 42\\)$`));
    expect(more).toEqual([]);
  });

  test('what the server says on stderr is told apart from what is said of it [supervise.logs]', async () => {
    const [line] = await linesOf([SAID], plan);
    expect(line).toMatch(new RegExp(`^${TIME} INFO: claude-code \\| loading …$`));
  });

  test('nothing stands beside the words, whatever programs would be told', async () => {
    const exit = { code: 7, signal: null, whileStarting: true, tail: ['last words'] };
    const reports: Report[] = [
      { kind: 'bridge.listening', url: 'http://127.0.0.1:1/mcp', command: 'node server.js' },
      { kind: 'bridge.offered', register: 'claude mcp add' },
      { kind: 'session.opened', revision: '2025-11-25', label: 'claude-code' },
      STARTED,
      { kind: 'backend.crashed', exit, label: 'claude-code' },
    ];
    expect(await linesOf(reports, plan)).toHaveLength(reports.length);
  });

  test('colours are there only when they are asked for', async () => {
    expect((await linesOf([STOPPED], plan)).join()).not.toContain('\x1b[');
    expect((await linesOf([STOPPED], { ...plan, colorize: true })).join()).toContain('\x1b[');
  });
});

describe('the format', () => {
  test.each([
    ['pretty on a terminal', { isTty: true }, false],
    ['JSON elsewhere', { isTty: false }, true],
    ['JSON on a terminal, if asked for', { isTty: true, logFormat: 'json' }, true],
    ['pretty elsewhere, if asked for', { isTty: false, logFormat: 'pretty' }, false],
  ] as const)('is %s', async (_, plan, isJson) => {
    const [line = ''] = await linesOf([STOPPED], plan);
    expect(line.startsWith('{')).toBe(isJson);
    expect(line).toContain('Stopped; ');
  });
});

describe('the level', () => {
  test.each([
    ['debug', ['server started (pid 42)', WORDS, 'careful']],
    ['info', [WORDS, 'careful']],
    ['warn', ['careful']],
    ['error', []],
  ] as const)('%s leaves out what is less severe', async (logLevel, expected) => {
    const lines = await linesOf([STARTED, STOPPED, { kind: 'bridge.warned', text: 'careful' }], { logLevel });
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(expected);
  });
});

test('what a server writes at every start, such as the banner of npm, is told once', async () => {
  const banner = (text: string): Report => ({ kind: 'backend.noise', text, label: 'claude-code' });
  const lines = await linesOf([banner('> start'), banner('> start'), banner('else'), banner('> start')]);
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(['warn', 'debug', 'warn', 'debug']);
});

test('all that is reported is written, in its order', async () => {
  const many = Array.from({ length: 2_000 }, (_, i): Report => ({ ...SAID, text: `line ${i}` }));
  const lines = await linesOf(many);
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(many.map((_, i) => `line ${i}`));
});
