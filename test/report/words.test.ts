// Every report as a line for people.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Exit } from '../../src/backend/starts.js';
import type { Report } from '../../src/report/report.js';
import { type Level, wordsFor } from '../../src/report/words.js';

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

const REPORTS: { readonly [K in Kind]: Extract<Report, { kind: K }> } = {
  'bridge.listening': { kind: 'bridge.listening', url: URL, command: 'node server.js' },
  'bridge.offered': { kind: 'bridge.offered', register: REGISTER },
  'bridge.warned': { kind: 'bridge.warned', text: 'MCP_BRIDGE_X is not known.' },
  'bridge.stopping': { kind: 'bridge.stopping', running: 0 },
  'bridge.stopped': { kind: 'bridge.stopped' },
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
  'message.dropped': { kind: 'message.dropped', text: '{"jsonrpc":"2.0","id":9,"result":{}}' },
  'http.failed': { kind: 'http.failed', error: 'out of luck' },
};

const WORDS: Readonly<Record<Kind, readonly [Level, string]>> = {
  'bridge.listening': ['info', `Listening on ${URL} for node server.js`],
  'bridge.offered': ['info', `Register it once: ${REGISTER}`],
  'bridge.warned': ['warn', 'MCP_BRIDGE_X is not known.'],
  'bridge.stopping': ['info', 'Stopping.'],
  'bridge.stopped': ['info', 'Stopped.'],
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
  'message.dropped': [
    'debug',
    'dropped a message that nobody waits for: {"jsonrpc":"2.0","id":9,"result":{}}',
  ],
  'http.failed': ['error', 'The bridge failed: out of luck'],
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
      'session.opened': { revision: '2025-11-25' },
      'backend.started': { pid: 42 },
      'backend.ready': { pid: 42 },
      'backend.stderr': { source: 'server' },
      'backend.crashed': { exit: { ...CRASH, tail: undefined } },
    }),
  );
});
