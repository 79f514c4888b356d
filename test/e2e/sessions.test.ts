// Sessions beside each other, left, forgotten and ended.
import { describe, expect, it } from 'vitest';
import { fixture, reachBridge, startBridge } from '../helpers/bridge.js';
import { CLIENTS, connectV1, connectV2 } from '../helpers/client.js';
import { findProcess, untilGone } from '../helpers/processes.js';
import { call, makeClient, rpc, textOf } from '../helpers/raw-http.js';
import { until } from '../helpers/until.js';

describe('two clients of one bridge', () => {
  it('see nothing of each other: state, log level, subscriptions, updates [session.dedicated]', async () => {
    await using bridge = await reachBridge();
    await using one = await connectV1(bridge.url);
    await using two = await connectV2(bridge.url);

    expect(one.sessionId).not.toBe(two.sessionId);
    expect(await one.call('pid')).not.toBe(await two.call('pid'));
    expect([await one.call('count'), await one.call('count'), await two.call('count')]).toEqual([
      '1',
      '2',
      '1',
    ]);
    await one.setLoggingLevel('error');
    expect([await one.call('level'), await two.call('level')]).toEqual(['error', 'unset']);
    await one.subscribeResource({ uri: 'echo://one' });
    expect(await two.call('touch', { uri: 'echo://one' })).toBe('not subscribed');
    expect(await one.call('touch', { uri: 'echo://one' })).toBe('updated');
    await one.untilHeard(({ method }) => method === 'notifications/resources/updated', 'the update');
    expect(two.heard).toEqual([]);
  });

  it('may use equal request ids and progress tokens at the same time [session.dedicated]', async () => {
    await using bridge = await startBridge();
    using one = makeClient(bridge.url);
    using two = makeClient(bridge.url);
    await Promise.all([one.initialize(), two.initialize()]);

    const wait = (name: string) => {
      const _meta = { progressToken: 'same' };
      return rpc(7, 'tools/call', { name: 'wait', arguments: { ms: 100, name }, _meta });
    };
    const answers = [one.ask(wait('tea')), two.ask(wait('milk'))];
    await bridge.untilSaid('waiting tea');
    await bridge.untilSaid('waiting milk');
    const [tea, milk] = await Promise.all(answers);
    expect(tea && textOf(tea)).toBe('waited tea');
    expect(milk && textOf(milk)).toBe('waited milk');
  });

  it('are told apart in the log, even by one name [session.dedicated]', async () => {
    await using bridge = await startBridge();
    await using _one = await connectV1(bridge.url, { name: 'my client' });
    await using _two = await connectV2(bridge.url, { name: 'my client' });
    const labels = bridge.lines
      .filter(({ msg }) => msg.startsWith('connected'))
      .map(({ session }) => session);
    expect(labels).toEqual(['my-client', 'my-client-2']);
    expect(await bridge.health()).toMatchObject({ sessions: { total: 2 } });
  });
});

it('leaves the other session alone when one is ended [session.dedicated session.same-id]', async () => {
  await using bridge = await reachBridge();
  await using one = await connectV1(bridge.url);
  await using two = await connectV2(bridge.url);
  expect(await two.call('count')).toBe('1');
  await one.terminate();
  expect(await two.call('count')).toBe('2');
  await expect(one.call('count')).rejects.toThrow();
});

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  it('ends its session, and with it every process of its server’s tree [supervise.tree session.same-id]', async () => {
    await using bridge = await startBridge({
      server: fixture('grandchild', '--setsid'),
      options: ['--kill-timeout', '100ms'],
    });
    await using client = await connect(bridge.url);
    const id = client.sessionId ?? '';
    const tree = JSON.parse(await client.call('pids')).map(findProcess);
    expect(tree).toHaveLength(3);

    await client.terminate();
    await untilGone(tree, 'the tree of an ended session');
    expect(await bridge.health()).toMatchObject({ sessions: { total: 0 }, backend: { pids: [] } });
    using raw = makeClient(bridge.url);
    raw.session = id;
    expect((await raw.post(call(1, 'echo', { text: 'hello' }))).status).toBe(404);
  });

  it('leaves without a word: its server ends, and comes back with its next call [session.idle session.same-id]', async () => {
    await using bridge = await startBridge({ options: ['--idle-timeout', '1s'] });
    const first = await connect(bridge.url);
    const id = first.sessionId ?? '';
    await first.setLoggingLevel('error');
    await first.subscribeResource({ uri: 'echo://one' });
    expect(await first.call('count')).toBe('1');
    const server = findProcess(Number(await first.call('pid')));
    await first.close();

    await bridge.untilSaid('idle: its server is stopped');
    await bridge.untilSaid('server stopped');
    await untilGone(server ? [server] : [], 'the server of an idle session');
    expect(await bridge.health()).toMatchObject({ status: 'healthy', backend: { state: 'idle', pids: [] } });

    await using again = await connect(bridge.url, { sessionId: id });
    expect(await again.call('count')).toBe('1');
    expect(await again.call('level')).toBe('error');
    expect(await again.call('subscriptions')).toBe('["echo://one"]');
    expect(again.sessionId).toBe(id);
  });

  it('is not idle while it listens or waits for a call [session.idle]', async () => {
    await using bridge = await startBridge({ options: ['--idle-timeout', '100ms'] });
    await using client = await connect(bridge.url);
    await until(async () => (await bridge.health()).sessions.connected === 1, 'the stream it listens on');
    const pid = await client.call('pid');
    expect(await client.call('wait', { ms: 500 })).toBe('waited nameless');
    expect(await client.call('pid')).toBe(pid);
  });
});

describe('a client that listens to nothing', () => {
  it('has no process while it is idle, and its next call knows nothing of that [session.idle supervise.tree]', async () => {
    await using bridge = await startBridge({
      server: fixture('grandchild', '--setsid'),
      options: ['--idle-timeout', '1s', '--kill-timeout', '100ms'],
    });
    using client = makeClient(bridge.url);
    await client.initialize();
    await client.ask(rpc(1, 'logging/setLevel', { level: 'alert' }));
    const tree = JSON.parse(textOf(await client.ask(call(2, 'pids'))) ?? '').map(findProcess);
    expect(tree).toHaveLength(3);

    await bridge.untilSaid('idle: its server is stopped');
    await untilGone(tree, 'the tree of an idle session');
    expect(bridge.look()).toEqual([]);
    await until(async () => (await bridge.health()).backend.pids.length === 0, 'the end of its backend');
    expect(await bridge.health()).toMatchObject({
      status: 'healthy',
      sessions: { total: 1 },
      backend: { state: 'idle', restarts: 0 },
    });

    expect(textOf(await client.ask(call(3, 'level')))).toBe('alert');
    await until(() => bridge.look().length >= 3, 'the tree of the server that was woken');
  });

  it('is not idle while its call runs, however long that takes [session.idle]', async () => {
    await using bridge = await startBridge({ options: ['--idle-timeout', '200ms'] });
    using client = makeClient(bridge.url);
    await client.initialize();
    const answer = client.ask(call(1, 'wait', { ms: 1_500, name: 'tea' }));
    await bridge.untilSaid('waiting tea');
    const before = bridge.lines.length;
    expect(textOf(await answer)).toBe('waited tea');
    const meanwhile = bridge.lines.slice(before).map(({ msg }) => msg);
    expect(meanwhile.filter((msg) => msg.startsWith('idle'))).toEqual([]);
    await bridge.untilSaid('idle: its server is stopped');
  });
});
