// Reports as lines on stderr; a file stands in its place here, and a pipe that nobody reads.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Options } from '../../src/options.js';
import { makeLog } from '../../src/report/log.js';
import type { Report } from '../../src/report/report.js';
import { until } from '../helpers/until.js';

type Destination = ReturnType<typeof pino.destination>;

/** What stands in the place of fd 2, and what writes to it. */
const stderr = vi.hoisted(() => ({
  file: '',
  flags: 'a' as string | number,
  options: {},
  open: [] as Destination[],
}));

vi.mock('pino', async (importOriginal) => {
  const { pino } = await importOriginal<typeof import('pino')>();
  const destination = (options: object) => {
    stderr.options = options;
    const stream = pino.destination({ ...options, dest: openSync(stderr.file, stderr.flags) });
    stderr.open.push(stream);
    return stream;
  };
  return { pino: Object.assign((...args: Parameters<typeof pino>) => pino(...args), pino, { destination }) };
});

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'log-test-'));
  Object.assign(stderr, { file: path.join(folder, 'stderr'), flags: 'w' });
});

afterEach(async () => {
  await closeAll();
  rmSync(folder, { recursive: true });
});

/** Ends what writes to stderr, when it has written all. */
async function closeAll(): Promise<void> {
  const closed = stderr.open
    .splice(0)
    .map((stream) => new Promise((resolve) => stream.once('close', resolve).end()));
  await Promise.all(closed);
}

type Plan = Partial<Pick<Options, 'logLevel' | 'logFormat'>> & { isTty?: boolean; colorize?: boolean };

/** What stands on stderr after these reports. */
async function linesOf(reports: readonly Report[], plan: Plan = {}): Promise<string[]> {
  const { isTty = false, colorize = false, logLevel = 'trace', logFormat } = plan;
  const log = await makeLog({ logLevel, logFormat }, isTty, colorize);
  for (const report of reports) log.report(report);
  await closeAll();
  return readLines();
}

function readLines(): string[] {
  return readFileSync(stderr.file, 'utf8').split('\n').slice(0, -1);
}

const STOPPED: Report = { kind: 'bridge.stopped' };
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
    expect(first).toMatch(new RegExp(`^${TIME} INFO: Stopped\\.$`));
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
    expect(line).toContain('Stopped.');
  });
});

describe('the level', () => {
  test.each([
    ['debug', ['server started (pid 42)', 'Stopped.', 'careful']],
    ['info', ['Stopped.', 'careful']],
    ['warn', ['careful']],
    ['error', []],
  ] as const)('%s leaves out what is less severe', async (logLevel, expected) => {
    const lines = await linesOf([STARTED, STOPPED, { kind: 'bridge.warned', text: 'careful' }], { logLevel });
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(expected);
  });
});

test('fd 2 is where it goes, at once on a terminal', async () => {
  await linesOf([], { isTty: true });
  expect(stderr.options).toMatchObject({ dest: 2, sync: true });
  await linesOf([], { isTty: false });
  expect(stderr.options).toMatchObject({ dest: 2, sync: false });
});

test('all that is reported is written, in its order', async () => {
  const many = Array.from({ length: 2_000 }, (_, i): Report => ({ ...SAID, text: `line ${i}` }));
  const lines = await linesOf(many);
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(many.map((_, i) => `line ${i}`));
});

test.each([
  ['on a terminal', true, 2_000],
  // What is being written in that moment is on its way without it.
  ['elsewhere', false, 1_999],
])('a flush writes %s before it returns', async (_, isTty, least) => {
  const log = await makeLog({ logLevel: 'info', logFormat: 'json' }, isTty, false);
  for (let i = 0; i < 2_000; i += 1) log.report(SAID);
  log.flush();
  expect(readLines().length).toBeGreaterThanOrEqual(least);
});

test.runIf(process.platform !== 'win32')(
  'a pipe that nobody reads loses lines, and stops nothing',
  async () => {
    execFileSync('sh', ['-c', 'mkfifo "$0"', stderr.file]);
    stderr.flags = constants.O_RDWR | constants.O_NONBLOCK;
    const reader = openSync(stderr.file, constants.O_RDONLY | constants.O_NONBLOCK);
    const log = await makeLog({ logLevel: 'info', logFormat: undefined }, false, false);
    const text = 'x'.repeat(1_000);
    for (let i = 0; i < 5_000; i += 1) log.report({ ...SAID, text });
    // What was kept comes as soon as somebody reads, and then what is reported after it.
    let read = '';
    await until(() => {
      log.report(STOPPED);
      read += readAll(reader);
      return read.includes('Stopped.');
    }, 'a line after all that was kept');
    closeSync(reader);
    expect(read.length).toBeGreaterThan(500_000);
    expect(read.length).toBeLessThan(1_500_000);
  },
);

/** What is in the pipe now. */
function readAll(fd: number): string {
  const buffer = Buffer.alloc(64 * 1024);
  for (let all = ''; ; ) {
    try {
      all += buffer.toString('utf8', 0, readSync(fd, buffer));
    } catch {
      return all;
    }
  }
}
