// The end of the bridge: what it waits for, how it is hastened, and that nothing is left of it.
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fixture, SERVERS, startBridge } from '../helpers/bridge.js';
import { connectV1, connectV2 } from '../helpers/client.js';
import { code, save, startProject, untilRolledOut } from '../helpers/project.js';
import { call, makeClient, notification, textOf } from '../helpers/raw-http.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const ENDED = { code: 0, signal: null };

/** More than a test waits: whoever ends before was not waited for. */
const FOR_EVER = ['--kill-timeout', '1h'];

describe('a signal', () => {
  it('ends the bridge and every process of every session, and stdout stays empty [cli.stop supervise.tree]', async () => {
    await using bridge = await startBridge({
      server: fixture('grandchild', '--setsid'),
      options: ['--kill-timeout', '100ms'],
    });
    await using one = await connectV1(bridge.url);
    await using two = await connectV2(bridge.url);
    const pids = [...JSON.parse(await one.call('pids')), ...JSON.parse(await two.call('pids'))];
    expect(bridge.look().map(({ pid }) => pid)).toEqual(expect.arrayContaining(pids));
    expect(pids).toHaveLength(6);

    bridge.signal('SIGINT');
    expect(await bridge.exited).toEqual(ENDED);
    await bridge.leavesNothing();
    expect(bridge.stdout).toBe('');
    expect(bridge.lines.at(-1)?.msg).toBe('Stopped; 2 sessions are kept for the next start.');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends a bridge with clients that listen [cli.stop]',
    async (signal) => {
      await using bridge = await startBridge();
      await using _one = await connectV1(bridge.url);
      await using _two = await connectV2(bridge.url);
      bridge.signal(signal);
      expect(await bridge.exited).toEqual(ENDED);
      await bridge.leavesNothing();
      expect(bridge.stdout).toBe('');
    },
  );
});

it('a server that is starting is not waited for longer than a call [cli.stop]', async () => {
  await using bridge = await startBridge({ server: fixture('slow-start', '60000') });
  const connecting = connectV2(bridge.url).catch((error: Error) => error.message);
  await bridge.untilSaid('starting for 60000 ms');
  bridge.signal('SIGINT');
  expect(await connecting).toContain('the bridge was stopped before the answer came.');
  expect(await bridge.exited).toEqual(ENDED);
  await bridge.leavesNothing();
});

it('a call on an old server is not waited for longer than any other, and that server ends too [cli.stop supervise.tree]', async () => {
  await using project = await startProject();
  const { bridge } = project;
  await using client = await connectV2(bridge.url);
  const running = client.call('wait', { ms: 600_000, name: 'old' }).catch((error: Error) => error.message);
  await bridge.untilSaid('waiting old');
  await save(project, code(2));
  await untilRolledOut(project, 2);
  expect(bridge.look()).toHaveLength(2);
  bridge.signal('SIGINT');
  expect(await running).toContain('the bridge was stopped before the answer came.');
  expect(await bridge.exited).toEqual(ENDED);
  await bridge.leavesNothing();
});

it('a bridge whose stderr lost its reader serves on, and ends when it is told to [cli.stop]', async () => {
  await using bridge = await startBridge();
  bridge.stopReading();
  await using client = await connectV1(bridge.url);
  expect(await client.call('echo', { text: 'hello' })).toBe('hello');
  bridge.signal('SIGTERM');
  expect(await bridge.exited).toEqual(ENDED);
  await bridge.leavesNothing();
});

it('a bridge that is killed leaves no server that ends with its stdin [cli.stop]', async () => {
  await using bridge = await startBridge();
  await using _one = await connectV1(bridge.url);
  await using _two = await connectV2(bridge.url);
  expect(bridge.look()).toHaveLength(2);
  bridge.kill();
  expect(await bridge.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await bridge.leavesNothing();
});

describe('a call in flight', () => {
  it('is waited for on SIGTERM, longer than on SIGINT [cli.stop]', async () => {
    await using bridge = await startBridge();
    await using one = await connectV1(bridge.url);
    await using two = await connectV2(bridge.url);
    const answers = [
      one.call('wait', { ms: 2_500, name: 'tea' }),
      two.call('wait', { ms: 2_500, name: 'milk' }),
    ];
    await bridge.untilSaid('waiting tea');
    await bridge.untilSaid('waiting milk');

    bridge.signal('SIGTERM');
    await bridge.untilSaid('Stopping; waiting for 2 calls');
    expect(await Promise.all(answers)).toEqual(['waited tea', 'waited milk']);
    expect(await bridge.exited).toEqual(ENDED);
  });

  it('is waited for on SIGTERM for no longer than --drain-timeout, and is then answered [cli.stop]', async () => {
    await using bridge = await startBridge({ options: ['--drain-timeout', '300ms'] });
    await using client = await connectV1(bridge.url);
    const answer = client.call('wait', { ms: 60_000, name: 'tea' }).catch((error: Error) => error.message);
    await bridge.untilSaid('waiting tea');

    bridge.signal('SIGTERM');
    expect(await answer).toContain('May have run: the bridge was stopped before the answer came.');
    expect(await bridge.exited).toEqual(ENDED);
  });

  it('is waited for 2 s on SIGINT [cli.stop]', async () => {
    await using bridge = await startBridge();
    await using one = await connectV1(bridge.url);
    await using two = await connectV2(bridge.url);
    const long = one.call('wait', { ms: 60_000, name: 'tea' }).catch((error: Error) => error.message);
    const short = two.call('wait', { ms: 1_000, name: 'milk' });
    await bridge.untilSaid('waiting tea');
    await bridge.untilSaid('waiting milk');

    bridge.signal('SIGINT');
    await bridge.untilSaid('Stopping; waiting for 2 calls');
    expect(await short).toBe('waited milk');
    expect(await long).toContain('May have run: the bridge was stopped before the answer came.');
    expect(await bridge.exited).toEqual(ENDED);
  });

  it('is waited for no longer when the signal comes again [cli.stop]', async () => {
    await using bridge = await startBridge({ options: ['--drain-timeout', '1h'] });
    using client = makeClient(bridge.url);
    await client.initialize();
    const answer = client.ask(call(1, 'wait', { ms: 60_000, name: 'tea' }));
    await bridge.untilSaid('waiting tea');

    bridge.signal('SIGTERM');
    await bridge.untilSaid('Stopping; waiting for 1 call');
    bridge.signal('SIGTERM');
    expect((await answer).error?.message).toMatch(/^May have run: the bridge was stopped/);
    expect(await bridge.exited).toEqual(ENDED);
  });
});

describe('a client that listens', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'is told last of all, on %s, when to come back, after the calls have ended [cli.stop]',
    async (signal) => {
      await using bridge = await startBridge();
      using client = makeClient(bridge.url);
      await client.initialize();
      const listening = await client.get();
      const stream = listening.text();
      const answer = client.ask(call(1, 'wait', { ms: 500, name: 'tea' }));
      await bridge.untilSaid('waiting tea');
      bridge.signal(signal);
      const first = await Promise.race([stream.then(() => 'the stream'), answer.then(() => 'the call')]);
      expect(first).toBe('the call');
      expect(textOf(await answer)).toBe('waited tea');
      expect(await stream).toMatch(/\n\nretry: 5000\n\n$/);
      expect(await bridge.exited).toEqual(ENDED);
    },
  );
});

describe('a call that is held', () => {
  it('is told that it did not run, and new ones are not taken [cli.stop call.words]', async () => {
    const folder = makeTempFolder({ 'server.mjs': `import '${pathToFileURL(SERVERS)}/echo.mjs';\n` });
    await using bridge = await startBridge({ server: ['node', 'server.mjs'], cwd: folder.path });
    await bridge.untilSaid('watching 1 file');
    using client = makeClient(bridge.url);
    using other = makeClient(bridge.url);
    await client.initialize();
    await other.initialize();
    const running = (await other.post(call(1, 'wait', { ms: 60_000, name: 'tea' }))).text();
    await bridge.untilSaid('waiting tea');
    folder.write('server.mjs', 'process.stdin.resume();\n');
    await bridge.untilSaid('Changed: server.mjs');
    const answer = client.ask(call(1, 'count'));
    await until(async () => (await bridge.health()).jobs.pending === 1, 'the call that is held');

    bridge.signal('SIGTERM');
    await bridge.untilSaid('Stopping; waiting for 1 call');
    const refused = await other.post(call(2, 'count'));
    expect(refused.status).toBe(503);
    expect((await refused.json()).error?.message).toMatch(/^Not run: the bridge is stopping\./);
    await other.post(notification('notifications/cancelled', { requestId: 1 }));
    expect(await running).not.toContain('data: {');
    expect((await answer).error?.message).toMatch(
      /^Not run: the bridge was stopped before the answer came\./,
    );
    expect(await bridge.exited).toEqual(ENDED);
    expect(bridge.lines.at(-1)?.msg).toBe('Stopped; 2 sessions are kept for the next start.');
  });
});

describe('a server that ignores all but SIGKILL', () => {
  it('is killed when its time is over [cli.stop supervise.tree]', async () => {
    await using bridge = await startBridge({
      server: fixture('stubborn'),
      options: ['--kill-timeout', '100ms'],
    });
    await using _client = await connectV1(bridge.url);
    bridge.signal('SIGINT');
    await bridge.untilSaid('ignored the end of stdin');
    await bridge.untilSaid('ignored SIGTERM');
    expect(await bridge.exited).toEqual(ENDED);
    await bridge.leavesNothing();
  });

  it('is killed by a second Ctrl-C [cli.stop]', async () => {
    await using bridge = await startBridge({ server: fixture('stubborn'), options: FOR_EVER });
    await using _client = await connectV1(bridge.url);
    bridge.signal('SIGINT');
    await bridge.untilSaid('ignored SIGTERM');
    bridge.signal('SIGINT');
    expect(await bridge.exited).toEqual(ENDED);
    await bridge.leavesNothing();
    expect(bridge.lines.at(-1)?.msg).toBe('Stopped; 1 session is kept for the next start.');
  });

  it('is not waited for after a third Ctrl-C, and is gone nevertheless [cli.stop supervise.tree]', async () => {
    await using bridge = await startBridge({ server: fixture('stubborn'), options: FOR_EVER });
    await using _client = await connectV1(bridge.url);
    bridge.signal('SIGINT');
    await bridge.untilSaid('ignored the end of stdin');
    bridge.signal('SIGINT');
    await bridge.untilSaid('ignored SIGTERM');
    bridge.signal('SIGINT');
    expect(await bridge.exited).toEqual(ENDED);
    await bridge.leavesNothing();
  });
});
