// One backend on a real process: it serves, it ends in every way a process can end, and nothing of it stays.
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasEnded } from '../../src/backend/backend.js';
import { ChildBackend } from '../../src/backend/child.js';
import { FakeChildren } from '../helpers/fake-child.js';
import { isAlive, type Process, untilGone } from '../helpers/processes.js';
import { until } from '../helpers/until.js';
import { type Life, Lives, noiseOf, stderrOf, untilSaid, untilSilent } from './lives.js';

const MIB = 1024 * 1024;

const lives = new Lives();

afterEach(() => lives.end());

function endOf({ backend }: Life) {
  return { state: backend.state, ...backend.exit };
}

/** A backend without a process: its child does what the test says. */
function startFake() {
  const children = new FakeChildren(() => {});
  const spec = { command: ['fake'] as const, cwd: '/', env: {}, shell: false };
  const timeouts = { startTimeout: 1_000, drainTimeout: 1_000, killTimeout: 1_000 };
  const told: string[] = [];
  const backend = new ChildBackend(
    { spec, spawn: children.spawn, number: 1, timeouts },
    {
      onLine: (_, { text }) => told.push(text),
      onState: ({ state }) => told.push(`(${state})`),
      onSilent: () => told.push('silent'),
      report: () => {},
    },
  );
  return { backend, child: children.last, told };
}

/** The processes of the grandchild fixture: its own, and those that it started. */
async function treeOf(life: Life): Promise<Process[]> {
  const pids: number[] = JSON.parse(await lives.call(life, 'pids'));
  const tree = lives.note(...pids);
  expect(tree).toHaveLength(pids.length);
  return tree;
}

describe('a life', () => {
  test('begins with a process that is sent lines and answers with lines', async () => {
    const life = lives.startFixture('echo', [], { generation: 7 });
    const { backend, reports, states, lines } = life;
    expect([backend.state, hasEnded(backend), backend.generation]).toEqual(['starting', false, 7]);
    const answer = await lives.ask(life, 'vendor/echo', { text: 'grüße 😀' });
    expect(answer).toBe('{"jsonrpc":"2.0","id":1,"result":{"text":"grüße 😀"}}');
    expect(lines).toEqual([{ kind: 'response', message: JSON.parse(answer), text: answer }]);
    await lives.handshake(life);
    expect(states).toEqual(['ready']);
    expect(reports).toEqual([
      { kind: 'backend.started', pid: backend.pid, generation: 7 },
      { kind: 'backend.ready', pid: backend.pid, ms: expect.any(Number) },
    ]);
  });

  test('goes on in the folder and with the variables that it was given, and with no others', async () => {
    const cwd = realpathSync(tmpdir());
    const life = lives.startFixture('echo', [], { cwd, env: { GIVEN: 'yes', LEFT_OUT: undefined } });
    expect(await lives.call(life, 'cwd')).toBe(cwd);
    expect(await lives.call(life, 'env', { name: 'GIVEN' })).toBe('yes');
    expect(await lives.call(life, 'env', { name: 'LEFT_OUT' })).toBe('LEFT_OUT is not set');
    expect(await lives.call(life, 'env', { name: 'PATH' })).toBe('PATH is not set');
  });

  test('what is no JSON-RPC on stdout is noise, between lines that are [supervise.noise]', async () => {
    const life = lives.startFixture('noisy-stdout');
    await lives.handshake(life);
    expect(life.lines.map(({ kind }) => kind)).toEqual(['response']);
    expect(noiseOf(life)).toEqual(
      expect.arrayContaining([
        '=== Super Server 3000 ===',
        '{"level":30,"msg":"x"}',
        '{ "not": json',
        '42',
        'null',
      ]),
    );
  });

  test('a batch comes as its messages, each in its own text', async () => {
    const batch = '[{"jsonrpc":"2.0","id":1,"result":{"n":1.0}}, {"id":2,"jsonrpc":"2.0","result":{}},3]';
    const life = lives.startScript(`console.log('${batch}')`);
    await untilSilent(life);
    expect(life.lines.map(({ text }) => text)).toEqual([
      '{"jsonrpc":"2.0","id":1,"result":{"n":1.0}}',
      '{"id":2,"jsonrpc":"2.0","result":{}}',
    ]);
    expect(noiseOf(life)).toEqual(['3']);
  });

  test('stderr is told line by line as it was written', async () => {
    const life = lives.startScript(String.raw`process.stderr.write('one\n\n\x1b[31mtwo\x1b[0m\r\nthree')`);
    await untilSilent(life);
    expect(stderrOf(life)).toEqual(['one', '', '\x1b[31mtwo\x1b[0m', 'three']);
    expect(life.backend.exit.tail).toEqual(['one', 'two', 'three']);
  });
});

describe('a crash', () => {
  test('is told when the leader is killed, and silence after it', async () => {
    const life = lives.startFixture('echo');
    await lives.handshake(life);
    process.kill(life.backend.pid ?? 0, 'SIGKILL');
    await untilSilent(life);
    expect(life.told.slice(1)).toEqual(['(ready)', '(crashed)', 'silent']);
    const exit = { code: null, signal: 'SIGKILL', reason: undefined, whileStarting: false, tail: [] };
    expect(endOf(life)).toEqual({ state: 'crashed', ...exit });
    expect(life.reports.at(-1)).toEqual({ kind: 'backend.crashed', exit });
    expect(lives.send(life.backend, 'ping')).toBeGreaterThan(0);
    expect(life.backend.send('{}')).toBe('gone');
  });

  test.each([
    ['exit', { code: 9, signal: null }],
    ['sigsegv', { code: null, signal: 'SIGSEGV' }],
    ['sigkill', { code: null, signal: 'SIGKILL' }],
  ])('by %s has its code or signal and the last of its stderr', async (how, expected) => {
    const life = lives.startFixture('crash-on-call');
    await lives.handshake(life);
    lives.send(life.backend, 'tools/call', { name: 'crash', arguments: { how } });
    await untilSilent(life);
    const tail = [`about to crash: ${how}`, 'about to crash: this is the last line'];
    expect(life.backend.exit).toEqual({ ...expected, reason: undefined, whileStarting: false, tail });
  });

  test('in the middle of a line leaves noise, not a message [supervise.noise]', async () => {
    const life = lives.startFixture('crash-on-call');
    await lives.handshake(life);
    lives.send(life.backend, 'tools/call', { name: 'crash', arguments: { how: 'half-line' } });
    await untilSilent(life);
    expect(life.lines).toHaveLength(1);
    expect(noiseOf(life)).toEqual(['{"jsonrpc":"2.0","id":']);
  });

  test('while starting is told as that', async () => {
    const life = lives.startFixture('broken-start');
    await untilSilent(life);
    const tail = ['loading configuration', 'error: cannot find database', 'giving up'];
    expect(life.told).toEqual(['(crashed)', 'silent']);
    expect(life.backend.exit).toMatchObject({ code: 7, whileStarting: true, tail });
  });

  test('does not lose what was written just before it', async () => {
    const size = 2 * MIB;
    const life = lives.startScript(`
      process.stdin.once('data', () => {
        const result = { text: 'x'.repeat(${size}) };
        process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id: 1, result }) + '\\n');
        process.stdout.write('{"jsonrpc":"2.0","method":"last/words"}\\n', () => process.exit(4));
      });
    `);
    life.backend.send('{"jsonrpc":"2.0","id":1,"method":"ping"}');
    await untilSilent(life);
    expect(life.lines.map(({ kind, text }) => [kind, text.length > size])).toEqual([
      ['response', true],
      ['notification', false],
    ]);
    expect(life.told.at(-1)).toBe('silent');
  });

  test('is silent only after what arrived later than the news of it', async () => {
    const { backend, child, told } = startFake();
    child.stdout.pause();
    child.reply('{"jsonrpc":"2.0","method":"last/words"}');
    child.end(1);
    expect(told).toEqual(['(crashed)']);
    child.stdout.resume();
    await until(() => told.includes('silent'), 'silence');
    expect(told).toEqual(['(crashed)', '{"jsonrpc":"2.0","method":"last/words"}', 'silent']);
    expect(backend.exit.code).toBe(1);
  });

  test('takes the rest of the group with it, also what ignores SIGTERM [supervise.tree]', async () => {
    const life = lives.startFixture('grandchild');
    await lives.handshake(life);
    const tree = await treeOf(life);
    process.kill(life.backend.pid ?? 0, 'SIGKILL');
    await untilSilent(life);
    await untilGone(tree, 'the whole tree');
  });

  test('becomes silent also where a process outside the group holds the pipes open', async () => {
    const life = lives.startScript(`
      const { pid } = require('node:child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'inherit' });
      console.log(JSON.stringify({ jsonrpc: '2.0', method: 'left', params: { pid } }));
      setInterval(() => {}, 1000);
    `);
    const left = await until(() => life.lines[0], 'the pid of what is left');
    const [escaped] = lives.note(JSON.parse(left.text).params.pid);
    process.kill(life.backend.pid ?? 0, 'SIGKILL');
    await untilSilent(life);
    expect(escaped && isAlive(escaped)).toBe(true);
  });
});

describe('a command that cannot be started', () => {
  test.each([
    ['that is not there', 'no-such-command', [], 'no-such-command could not be started: ENOENT'],
    ['that is a folder', tmpdir(), [], `${tmpdir()} could not be started: EACCES`],
    ['with too many words', 'true', ['x'.repeat(4 * MIB)], 'true could not be started: E2BIG'],
  ])('%s crashes with a reason that names it', async (_, command, args, reason) => {
    const life = lives.start([command, ...args]);
    expect(life.backend.pid).toBeUndefined();
    await untilSilent(life);
    expect(life.told).toEqual(['(crashed)', 'silent']);
    expect(life.backend.exit).toEqual({ code: null, signal: null, reason, whileStarting: true, tail: [] });
    expect(life.backend.send('{}')).toBe('gone');
  });

  test('may be stopped before that is known', async () => {
    const life = lives.start(['no-such-command']);
    life.backend.stop();
    life.backend.kill();
    await untilSilent(life);
    expect(life.told).toEqual(['(stopping)', '(stopped)', 'silent']);
  });
});

describe('a backend that serves nobody any more is ended, with the reason', () => {
  test('a line over 32 MiB [supervise.noise]', async () => {
    const life = lives.startFixture('big-answers');
    await lives.handshake(life);
    lives.send(life.backend, 'tools/call', { name: 'flood-line', arguments: { bytes: 33 * MIB } });
    await untilSilent(life);
    expect(endOf(life)).toMatchObject({ state: 'crashed', signal: 'SIGKILL' });
    expect(life.backend.exit.reason).toBe('a line of more than 32 MiB on its stdout');
    expect(life.lines).toHaveLength(1);
    expect(noiseOf(life)).toEqual([]);
  });

  test('a line just under 32 MiB passes', async () => {
    const life = lives.startFixture('big-answers');
    await lives.handshake(life);
    const text = await lives.call(life, 'big', { bytes: 32 * MIB - 200 });
    expect(text).toHaveLength(32 * MIB - 200);
  });

  test('a closed stdout', async () => {
    const life = lives.startFixture('closes-stdout');
    await lives.handshake(life);
    lives.send(life.backend, 'tools/call', { name: 'close-stdout' });
    await untilSilent(life);
    expect(stderrOf(life)).toEqual(['closed stdout']);
    expect(endOf(life)).toMatchObject({ state: 'crashed', reason: 'it closed its stdout' });
  });

  test('a closed stdin, once something was to be sent', async () => {
    const life = lives.startScript(`
      require('node:fs').closeSync(0);
      setInterval(() => {}, 1000);
      console.error('closed stdin');
    `);
    life.backend.handshaken();
    await untilSaid(life, 'closed stdin');
    life.backend.send('{"jsonrpc":"2.0","id":1,"method":"ping"}');
    await untilSilent(life);
    expect(endOf(life)).toMatchObject({ state: 'crashed', reason: 'it closed its stdin' });
    expect(life.backend.send('{}')).toBe('gone');
  });

  test('silence past the start timeout', async () => {
    const life = lives.startFixture('silent', [], { startTimeout: 400 });
    await untilSilent(life);
    expect(life.told).toEqual(['(stopping)', '(crashed)', 'silent']);
    expect(life.backend.exit).toMatchObject({
      reason: 'no handshake, and no output for 0.4 s',
      whileStarting: true,
    });
  });

  test('a refused handshake', async () => {
    const life = lives.startFixture('refuses-initialize');
    await lives.ask(life, 'initialize');
    life.backend.refuse('no licence');
    await untilSilent(life);
    expect(life.told.slice(1)).toEqual(['(stopping)', '(crashed)', 'silent']);
    expect(life.backend.exit).toMatchObject({ code: 0, reason: 'no licence', whileStarting: true });
  });
});

describe('the start timeout', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test.each(['stdout', 'stderr'] as const)('begins anew with whatever comes on %s', async (pipe) => {
    const { backend, child } = startFake();
    for (let i = 0; i < 5; i += 1) {
      await vi.advanceTimersByTimeAsync(999);
      child[pipe].write('Compiling …\n');
      await vi.advanceTimersByTimeAsync(0);
    }
    await vi.advanceTimersByTimeAsync(999);
    expect(backend.state).toBe('starting');
    await vi.advanceTimersByTimeAsync(1);
    expect(backend.state).toBe('stopping');
    await vi.advanceTimersByTimeAsync(10);
    expect([backend.state, backend.exit.reason]).toEqual(['crashed', 'no handshake, and no output for 1 s']);
  });

  test('is over with the handshake', async () => {
    const { backend } = startFake();
    backend.handshaken();
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(backend.state).toBe('ready');
  });
});

describe('stop', () => {
  test('ends a server that ends with its stdin, without a signal', async () => {
    const life = lives.startFixture('echo');
    await lives.handshake(life);
    life.backend.stop();
    expect(life.backend.send('{}')).toBe('gone');
    await untilSilent(life);
    expect(life.told.slice(1)).toEqual(['(ready)', '(stopping)', '(stopped)', 'silent']);
    expect(life.backend.exit).toMatchObject({ code: 0, signal: null, reason: undefined });
    expect(life.reports.at(-1)).toEqual({ kind: 'backend.stopped', ms: expect.any(Number) });
  });

  test('comes after what was sent before it', async () => {
    const life = lives.startFixture('echo');
    await lives.handshake(life);
    lives.send(life.backend, 'vendor/echo', { text: 'sent just before' });
    life.backend.stop();
    await untilSilent(life);
    expect(life.lines.at(-1)?.text).toContain('sent just before');
  });

  test('of one that starts is no crash', async () => {
    const life = lives.startFixture('silent');
    await untilSaid(life, 'reading, never answering');
    life.backend.stop();
    life.backend.handshaken();
    await untilSilent(life);
    expect(life.told).toEqual(['(stopping)', '(stopped)', 'silent']);
  });

  test('climbs from the end of stdin over SIGTERM to SIGKILL [supervise.tree]', async () => {
    const life = lives.startFixture('stubborn', [], { killTimeout: 500 });
    await lives.handshake(life);
    await untilSaid(life, 'ignoring SIGTERM, SIGINT, SIGHUP and the end of stdin');
    const stoppedAt = performance.now();
    life.backend.stop();
    await untilSaid(life, 'ignored the end of stdin');
    expect(life.backend.state).toBe('stopping');
    await untilSaid(life, 'ignored SIGTERM');
    const termAt = performance.now();
    await untilSilent(life);
    expect(stderrOf(life).slice(1)).toEqual(['ignored the end of stdin', 'ignored SIGTERM']);
    expect(endOf(life)).toMatchObject({ state: 'stopped', signal: 'SIGKILL' });
    // Timers are never early, but how late they are says nothing of the bridge.
    expect(termAt - stoppedAt).toBeGreaterThanOrEqual(950);
    expect(performance.now() - stoppedAt).toBeGreaterThanOrEqual(1_450);
  });

  test('waits for no rung that is hastened', async () => {
    const life = lives.startFixture('stubborn', [], { killTimeout: 1_000_000 });
    await untilSaid(life, 'ignoring SIGTERM, SIGINT, SIGHUP and the end of stdin');
    life.backend.stop();
    life.backend.hasten();
    await untilSaid(life, 'ignored SIGTERM');
    life.backend.hasten();
    await untilSilent(life);
    expect(endOf(life)).toMatchObject({ state: 'stopped', signal: 'SIGKILL' });
  });

  test.each([
    ['in its group', [], 2],
    ['in a session of its own', ['--setsid'], 3],
  ])('leaves no process of the tree alive, with a grandchild %s [supervise.tree]', async (_, args, size) => {
    const life = lives.startFixture('grandchild', args);
    await lives.handshake(life);
    const tree = await treeOf(life);
    expect(tree).toHaveLength(size);
    life.backend.stop();
    await untilSilent(life);
    expect(tree.filter(isAlive)).toEqual([]);
    expect(endOf(life)).toMatchObject({ state: 'stopped', code: 0 });
  });

  test('goes on when the leader is killed on the way', async () => {
    const life = lives.startFixture('grandchild');
    await lives.handshake(life);
    const tree = await treeOf(life);
    life.backend.stop();
    process.kill(life.backend.pid ?? 0, 'SIGKILL');
    life.backend.hasten();
    life.backend.hasten();
    await untilSilent(life);
    expect(tree.filter(isAlive)).toEqual([]);
    expect(life.told.slice(-3)).toEqual(['(stopping)', '(stopped)', 'silent']);
  });

  test('a second one changes nothing', async () => {
    const life = lives.startFixture('echo');
    await lives.handshake(life);
    life.backend.stop();
    life.backend.stop();
    await untilSilent(life);
    life.backend.stop();
    life.backend.drain(true);
    life.backend.hasten();
    expect(life.told.slice(1)).toEqual(['(ready)', '(stopping)', '(stopped)', 'silent']);
  });
});

describe('drain', () => {
  test('lets the calls in flight end, and stops then', async () => {
    const life = lives.startFixture('echo');
    await lives.handshake(life);
    life.backend.drain(true);
    expect(life.backend.state).toBe('draining');
    expect(await lives.call(life, 'echo', { text: 'still here' })).toBe('still here');
    life.backend.drained();
    await untilSilent(life);
    expect(life.told.slice(-4)).toEqual([expect.any(String), '(stopping)', '(stopped)', 'silent']);
  });

  test('ends at its timeout', async () => {
    const life = lives.startFixture('echo', [], { drainTimeout: 50 });
    await lives.handshake(life);
    life.backend.drain(true);
    await untilSilent(life);
    expect(life.told.slice(1)).toEqual(['(ready)', '(draining)', '(stopping)', '(stopped)', 'silent']);
  });

  test('ends where the process does', async () => {
    const life = lives.startFixture('echo');
    await lives.handshake(life);
    life.backend.drain(true);
    process.kill(life.backend.pid ?? 0, 'SIGKILL');
    await untilSilent(life);
    expect(life.told.slice(1)).toEqual(['(ready)', '(draining)', '(stopped)', 'silent']);
  });
});

describe('kill', () => {
  test.runIf(process.platform === 'linux')(
    'has killed the whole group when it returns [supervise.tree]',
    async () => {
      const life = lives.startFixture('grandchild');
      await lives.handshake(life);
      const tree = await treeOf(life);
      life.backend.kill();
      // Nothing else of this process runs while it waits: the signals are on their way already, or never will be.
      const deadline = performance.now() + 10_000;
      while (tree.some(isAlive) && performance.now() < deadline) rest();
      expect(tree.filter(isAlive)).toEqual([]);
      expect(life.backend.state).toBe('ready');
      await untilSilent(life);
      expect(endOf(life)).toMatchObject({ state: 'crashed', signal: 'SIGKILL' });
    },
  );

  test('of a backend that has ended does nothing', async () => {
    const life = lives.startFixture('broken-start');
    await untilSilent(life);
    life.backend.kill();
    expect(life.told).toEqual(['(crashed)', 'silent']);
  });

  /** Some milliseconds in which nothing happens in this process. */
  function rest(): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
});

test('a server that does not read is full when more than 64 MiB wait for it', async () => {
  const life = lives.startFixture('not-reading');
  await lives.handshake(life);
  expect(await lives.call(life, 'stop-reading')).toBe('stopped reading');
  const line = JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/filler',
    params: { text: 'x'.repeat(MIB) },
  });
  const outcomes = Array.from({ length: 70 }, () => life.backend.send(line));
  expect(outcomes.indexOf('full')).toBeGreaterThanOrEqual(64);
  expect(outcomes.slice(-3)).toEqual(['full', 'full', 'full']);
  expect(life.backend.state).toBe('ready');
});
