// Every report as a line for people.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Exit } from '../../src/backend/starts.js';
import type { Report } from '../../src/report/report.js';
import { type Level, wordsFor } from '../../src/report/words.js';
import type { BuildResult } from '../../src/rollout/build.js';

type Kind = Report['kind'];

const CRASH: Exit = { code: 7, signal: null, whileStarting: false, tail: ['password=hunter2', 'stack line'] };
const FAILED: Exit = {
  ...CRASH,
  code: null,
  reason: 'no handshake, and no output for 120 s',
  whileStarting: true,
};
const URL = 'http://127.0.0.1:6272/mcp';
const REGISTER = `claude mcp add --transport http notes ${URL}`;
const FAILURE = {
  verdict: 'May have run',
  cause: 'the server ended (exit 7) during export.',
  hint: 'Call again.',
  detail: 'password=hunter2\nstack line',
} as const;

const BROKEN_BUILD: BuildResult = {
  ok: false,
  exitCode: 101,
  signal: null,
  ms: 3_210,
  errors: 'error: password=hunter2',
};

const REPORTS: { readonly [K in Kind]: Extract<Report, { kind: K }> } = {
  'bridge.listening': { kind: 'bridge.listening', url: URL, command: 'node server.js' },
  'bridge.offered': { kind: 'bridge.offered', register: REGISTER },
  'bridge.warned': { kind: 'bridge.warned', text: 'MCP_BRIDGE_X is not known.' },
  'bridge.reaped': {
    kind: 'bridge.reaped',
    processes: [
      { pid: 12, command: 'node server.js' },
      { pid: 13, command: 'sleep 60' },
    ],
  },
  'bridge.stopping': { kind: 'bridge.stopping', running: 0 },
  'bridge.stopped': { kind: 'bridge.stopped', kept: 2 },
  'store.failed': {
    kind: 'store.failed',
    file: '/state/sessions.log',
    error: new Error('ENOSPC: no space left on device'),
  },
  'store.unreadable': {
    kind: 'store.unreadable',
    file: '/state/sessions.log',
    aside: '/state/sessions.log.unreadable',
    error: new Error('EIO: i/o error, read'),
  },
  'store.skipped': { kind: 'store.skipped', folder: '/state', lines: 3 },
  'session.opened': { kind: 'session.opened', revision: '2025-11-25' },
  'session.closed': { kind: 'session.closed' },
  'session.dormant': { kind: 'session.dormant' },
  'backend.started': { kind: 'backend.started', pid: 42, generation: 1 },
  'backend.ready': { kind: 'backend.ready', ms: 411.7, pid: 42 },
  'backend.stderr': { kind: 'backend.stderr', text: '\x1b[31mwarning\x1b[0m: unused' },
  'backend.noise': { kind: 'backend.noise', text: 'Server up!' },
  'backend.crashed': { kind: 'backend.crashed', exit: CRASH },
  'backend.stopped': { kind: 'backend.stopped', ms: 12 },
  'restart.waiting': { kind: 'restart.waiting', ms: 250 },
  'restart.halted': { kind: 'restart.halted', exit: FAILED },
  'request.repeated': { kind: 'request.repeated', method: 'tools/list' },
  'request.failed': { kind: 'request.failed', method: 'tools/call', failure: FAILURE },
  'message.misnamed': { kind: 'message.misnamed', method: 'tools/call', id: '2' },
  'message.dropped': { kind: 'message.dropped', text: '{"jsonrpc":"2.0","id":9,"result":{}}' },
  'bridge.failed': { kind: 'bridge.failed', error: 'out of luck' },
  'http.failed': { kind: 'http.failed', error: 'out of luck' },
  'bridge.inferred': {
    kind: 'bridge.inferred',
    from: 'cargo run: its sources',
    hint: 'Name more with --watch.',
    debugged: false,
  },
  'session.changed': {
    kind: 'session.changed',
    lists: ['notifications/tools/list_changed', 'notifications/resources/list_changed'],
  },
  'rollout.began': { kind: 'rollout.began', paths: ['src/a.ts', 'src/b.ts'] },
  'rollout.done': { kind: 'rollout.done', generation: 3, ms: 1234.5, sessions: 2, paths: ['src/a.ts'] },
  'rollout.failed': { kind: 'rollout.failed', exit: FAILED, isOldServed: false },
  'rollout.exclusive': { kind: 'rollout.exclusive', late: undefined },
  'build.began': { kind: 'build.began', command: 'cargo build' },
  'build.output': { kind: 'build.output', text: '   \x1b[32mCompiling\x1b[0m notes' },
  'build.ended': { kind: 'build.ended', result: BROKEN_BUILD, isOldServed: false },
  'watch.ready': { kind: 'watch.ready', files: 12, polls: undefined },
  'watch.missing': { kind: 'watch.missing', paths: ['/app/srcs', '/app/*.ts'] },
  'watch.paused': { kind: 'watch.paused', isPaused: true },
  'watch.refused': { kind: 'watch.refused', folder: '/' },
  'watch.limited': {
    kind: 'watch.limited',
    name: 'fs.inotify.max_user_watches',
    value: 8192,
    command: 'sudo sysctl fs.inotify.max_user_watches=524288',
  },
  'watch.failed': { kind: 'watch.failed', error: 'no such folder' },
  'watch.slow': { kind: 'watch.slow', why: 'writing', file: 'dist/server' },
  'watch.loop': { kind: 'watch.loop', file: 'notes.db', writer: 'server' },
};

const WORDS: Readonly<Record<Kind, readonly [Level, string]>> = {
  'bridge.listening': ['info', `Listening on ${URL} for node server.js`],
  'bridge.offered': ['info', `Register it once: ${REGISTER}`],
  'bridge.warned': ['warn', 'MCP_BRIDGE_X is not known.'],
  'bridge.reaped': ['warn', 'Ended 2 processes that an earlier bridge left behind (pids 12, 13).'],
  'bridge.stopping': ['info', 'Stopping.'],
  'bridge.stopped': ['info', 'Stopped; 2 sessions are kept for the next start.'],
  'store.failed': [
    'error',
    '/state/sessions.log cannot be written (ENOSPC: no space left on device): sessions are in memory until it can',
  ],
  'store.unreadable': [
    'error',
    '/state/sessions.log cannot be read (EIO: i/o error, read): what it kept is missing, and a new file is begun. It is /state/sessions.log.unreadable now; to have it back, stop the bridge, make it readable and give it its old name',
  ],
  'store.skipped': [
    'warn',
    '3 lines of the files in /state cannot be understood and are left out: sessions or events may be missing',
  ],
  'session.opened': ['info', 'connected (2025-11-25)'],
  'session.closed': ['info', 'ended its session'],
  'session.dormant': ['info', 'idle: its server is stopped, and started again by its next call'],
  'backend.started': ['debug', 'server started (pid 42)'],
  'backend.ready': ['info', 'server ready in 412 ms (pid 42)'],
  'backend.stderr': ['info', '\x1b[31mwarning\x1b[0m: unused'],
  'backend.noise': ['warn', 'server wrote to stdout what is no JSON-RPC: Server up!'],
  'backend.crashed': ['warn', 'server ended (exit 7)'],
  'backend.stopped': ['debug', 'server stopped'],
  'restart.waiting': ['info', 'server is started again in 250 ms'],
  'restart.halted': [
    'error',
    'server does not start (no handshake, and no output for 120 s); a call tries one start, at most every 5 s',
  ],
  'request.repeated': ['info', 'tools/list was lost with the server; it is sent to the next one'],
  'request.failed': ['warn', 'tools/call: May have run: the server ended (exit 7) during export.'],
  'message.misnamed': [
    'warn',
    'the answer to tools/call has the string "2" as its id, and the request had a number: the call waits on. Answer with the id as it came',
  ],
  'message.dropped': [
    'debug',
    'dropped a message that nobody waits for: {"jsonrpc":"2.0","id":9,"result":{}}',
  ],
  'bridge.failed': ['error', 'The bridge failed, and goes on: out of luck'],
  'http.failed': ['error', 'The bridge failed: out of luck'],
  'bridge.inferred': ['info', 'Cargo run: its sources. Name more with --watch.'],
  'session.changed': ['info', 'told that its lists changed (tools, resources)'],
  'rollout.began': ['info', 'Changed: src/a.ts, src/b.ts'],
  'rollout.done': ['info', 'Generation 3 serves after 1235 ms (2 sessions)'],
  'rollout.failed': [
    'error',
    'The new code does not start (no handshake, and no output for 120 s); calls are told so until the next change',
  ],
  'rollout.exclusive': [
    'warn',
    'The server can run only once: from now on the old one stops before the new one starts (--replace stop-first)',
  ],
  'build.began': ['info', 'Building: cargo build'],
  'build.output': ['info', '   \x1b[32mCompiling\x1b[0m notes'],
  'build.ended': ['error', 'Build failed (exit 101) after 3.2 s; calls are told so until the next change'],
  'watch.ready': ['debug', 'watching 12 files'],
  'watch.missing': [
    'warn',
    '--watch names what is not there: /app/srcs, /app/*.ts. It is watched when it comes.',
  ],
  'watch.paused': ['info', 'Paused: changes are noted (p to resume)'],
  'watch.refused': ['warn', '/ is too much to watch; name what is to be watched with --watch'],
  'watch.limited': [
    'warn',
    'File watching hit the limit of the system (fs.inotify.max_user_watches = 8192). Polling every second instead. To raise it: sudo sysctl fs.inotify.max_user_watches=524288',
  ],
  'watch.failed': ['error', 'Watching failed: no such folder'],
  'watch.slow': ['warn', 'waiting for files to come to rest (writing: dist/server)'],
  'watch.loop': [
    'warn',
    'notes.db changes right after every start: the server itself seems to write it. Right after a start it is ignored from now on; --ignore notes.db ignores it always',
  ],
};

const KINDS = Object.keys(REPORTS) as Kind[];

describe('every report', () => {
  test.each(KINDS)('%s has a level and words', (kind) => {
    const { level, text } = wordsFor(REPORTS[kind]);
    expect([level, text]).toEqual(WORDS[kind]);
  });

  test.each(KINDS)('%s is one line', (kind) => {
    expect(wordsFor(REPORTS[kind]).text).not.toMatch(/[\r\n]/);
  });

  test.each(KINDS.filter((kind) => kind !== 'backend.stderr'))(
    '%s does not say again what the server said on stderr',
    (kind) => {
      expect(JSON.stringify(wordsFor(REPORTS[kind]))).not.toContain('hunter2');
    },
  );
});

describe('what ended a server is said by its', () => {
  const exits: Record<string, [Partial<Exit>, string]> = {
    code: [{ code: 0 }, 'server ended (exit 0)'],
    signal: [{ code: null, signal: 'SIGSEGV' }, 'server ended (SIGSEGV)'],
    reason: [{ signal: 'SIGKILL', reason: 'it closed its stdout' }, 'server ended (it closed its stdout)'],
    time: [{ whileStarting: true }, 'server ended (exit 7) while starting'],
  };

  test.each(Object.entries(exits))('%s', (_, [part, text]) => {
    const line = wordsFor({ kind: 'backend.crashed', exit: { ...CRASH, ...part } });
    expect(line.text).toBe(text);
    expect(line.fields).toEqual({ exit: { ...CRASH, ...part, tail: undefined } });
  });
});

describe('what is not known is left out', () => {
  test('the pid of a server that could not be spawned', () => {
    const { text } = wordsFor({ kind: 'backend.started', pid: undefined, generation: 1 });
    expect(text).toBe('server started (pid none)');
  });

  test('the exit of a server that was halted by another session', () => {
    const { text } = wordsFor({ kind: 'restart.halted', exit: undefined });
    expect(text).toBe('server does not start; a call tries one start, at most every 5 s');
  });
});

test.each([
  [1, 'Stopping; waiting for 1 call (Ctrl-C again to stop at once).'],
  [2, 'Stopping; waiting for 2 calls (Ctrl-C again to stop at once).'],
])('a stop says for how many calls it waits: %i', (running, text) => {
  expect(wordsFor({ kind: 'bridge.stopping', running }).text).toBe(text);
});

describe('the other ways to say', () => {
  test.each<[Report, Level, string]>([
    [{ kind: 'bridge.inferred', from: 'node: ./src', debugged: false }, 'info', 'Node: ./src'],
    [
      { kind: 'bridge.inferred', from: 'node: ./src', debugged: true },
      'info',
      'Node: ./src. Under a debugger: the old one stops before the new one starts, and nothing is hurried (no --start-timeout, no --drain-timeout).',
    ],
    [
      { kind: 'bridge.reaped', processes: [{ pid: 12, command: 'node server.js' }] },
      'warn',
      'Ended 1 process that an earlier bridge left behind (pid 12).',
    ],
    [
      { kind: 'store.unreadable', file: '/a.log', aside: undefined, error: new Error('EIO') },
      'error',
      '/a.log cannot be read (EIO): what it kept is missing, and a new file is begun. It could not be put aside',
    ],
    [
      { kind: 'store.skipped', folder: '/state', lines: 1 },
      'warn',
      '1 line of the files in /state cannot be understood and is left out: sessions or events may be missing',
    ],
    [{ kind: 'rollout.began', paths: [] }, 'info', 'Taking up the code as it is'],
    [
      { kind: 'rollout.done', generation: 2, ms: 40, sessions: 1, paths: [] },
      'info',
      'Generation 2 serves after 40 ms (1 session)',
    ],
    [
      {
        kind: 'build.ended',
        result: { ...BROKEN_BUILD, ok: true, exitCode: 0, errors: '' },
        isOldServed: false,
      },
      'info',
      'Built after 3.2 s',
    ],
    [
      {
        kind: 'build.ended',
        result: { ...BROKEN_BUILD, exitCode: null, signal: 'SIGKILL' },
        isOldServed: false,
      },
      'error',
      'Build failed (SIGKILL) after 3.2 s; calls are told so until the next change',
    ],
    [
      { kind: 'build.ended', result: BROKEN_BUILD, isOldServed: true },
      'error',
      'Build failed (exit 101) after 3.2 s; the old code serves until the next change',
    ],
    [
      { kind: 'rollout.failed', exit: FAILED, isOldServed: true },
      'error',
      'The new code does not start (no handshake, and no output for 120 s); the old code serves until the next change',
    ],
    [
      { kind: 'rollout.exclusive', late: 6_240 },
      'warn',
      'The new server is not ready after 6.2 s and may wait for what the old one holds: from now on the old one stops before the new one starts (--replace stop-first)',
    ],
    [{ kind: 'watch.paused', isPaused: false }, 'info', 'Resumed'],
    [
      { kind: 'watch.slow', why: 'writing', file: undefined },
      'warn',
      'waiting for files to come to rest (writing)',
    ],
    [
      { kind: 'watch.limited', name: 'open files', value: undefined, command: undefined },
      'warn',
      'File watching hit the limit of the system (open files). Polling every second instead.',
    ],
    [
      { kind: 'watch.loop', file: 'out.js', writer: 'build' },
      'warn',
      'out.js changes during every build: the build itself seems to write it. During a build it is ignored from now on; --ignore out.js ignores it always',
    ],
  ])('$kind: $2', (report, level, text) => {
    expect(wordsFor(report)).toMatchObject({ level, text });
  });
});

test('a fault of the bridge comes with its stack, over as many lines as that has', () => {
  const error = new Error('no such room');
  expect(wordsFor({ kind: 'http.failed', error }).text).toBe(`The bridge failed: ${error.stack}`);
});

test('what was written is shown by its first 200 characters and its length', () => {
  for (const kind of ['backend.noise', 'message.dropped'] as const) {
    expect(wordsFor({ kind, text: 'x'.repeat(200) }).text).toMatch(/: x{200}$/);
    expect(wordsFor({ kind, text: 'x'.repeat(201) }).text).toMatch(/: x{200}… \(201 characters\)$/);
    fc.assert(
      fc.property(fc.string({ maxLength: 1_000, size: 'max' }), (text) => {
        expect(wordsFor({ kind, text }).text.length).toBeLessThan(300);
      }),
    );
  }
});

test('programs find beside the words what they would have to read out of them', () => {
  const fields = Object.fromEntries(KINDS.map((kind) => [kind, wordsFor(REPORTS[kind]).fields]));
  expect(Object.entries(fields).filter(([, value]) => value)).toEqual(
    Object.entries({
      'bridge.listening': { url: URL, command: 'node server.js' },
      'bridge.offered': { register: REGISTER },
      'bridge.reaped': { pids: [12, 13] },
      'session.opened': { revision: '2025-11-25' },
      'backend.started': { pid: 42 },
      'backend.ready': { pid: 42 },
      'backend.stderr': { source: 'server' },
      'backend.crashed': { exit: { ...CRASH, tail: undefined } },
      'rollout.done': { generation: 3 },
      'build.output': { source: 'build' },
    }),
  );
});
