// More sessions than servers may run: who sleeps, who is held, and that no client notices.
import { describe, expect, it } from 'vitest';
import { type BridgeProcess, startBridge } from '../helpers/bridge.js';
import { freePort } from '../helpers/free-port.js';
import { claimPort, type Project, startProject } from '../helpers/project.js';
import { call, makeClient, type RawClient, rpc, textOf } from '../helpers/raw-http.js';
import { until } from '../helpers/until.js';

const TWO = { options: ['--max-backends', '2'] };

async function open(bridge: BridgeProcess): Promise<RawClient> {
  const client = makeClient(bridge.url);
  await client.initialize();
  return client;
}

const pidOf = async (client: RawClient) => textOf(await client.ask(call('pid', 'pid')));

describe('with --max-backends 2 a third session', () => {
  it('is held while both others are busy, and served when one of them is not [session.idle call.hold]', async () => {
    await using bridge = await startBridge(TWO);
    using one = await open(bridge);
    using two = await open(bridge);
    // It is cancelled in the end: its stream then ends without a response.
    const tea = one.ask(call(1, 'wait', { ms: 60_000, name: 'tea' })).catch(() => 'cancelled');
    const milk = two.ask(call(1, 'wait', { ms: 1_500, name: 'milk' }));
    await bridge.untilSaid('waiting tea');
    await bridge.untilSaid('waiting milk');

    using three = makeClient(bridge.url);
    const opened = three.initialize('2025-06-18').then(() => 'the third');
    const first = await Promise.race([opened, milk.then(() => 'milk')]);
    expect(first).toBe('milk');
    expect(await opened).toBe('the third');
    expect(textOf(await three.ask(call(2, 'echo', { text: 'here' })))).toBe('here');
    expect(textOf(await milk)).toBe('waited milk');
    await until(async () => (await bridge.health()).backend.pids.length === 2, 'two servers');

    // The one that gave its server up has another one for its next call, when there is a place again.
    const late = pidOf(two);
    expect(Number(await late)).toBeGreaterThan(0);
    await three.del();
    await one.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    expect(await tea).toBe('cancelled');
  });

  it('takes the server of the one that was used least lately, which has another one later, the same to its client [session.idle session.same-id session.replay]', async () => {
    await using bridge = await startBridge(TWO);
    using one = await open(bridge);
    using two = await open(bridge);
    await two.ask(rpc(1, 'logging/setLevel', { level: 'error' }));
    await two.ask(rpc(2, 'resources/subscribe', { uri: 'echo://one' }));
    const [first, second] = [await pidOf(two), await pidOf(one)];
    using three = await open(bridge);
    await bridge.untilSaid('idle: its server is stopped');
    expect(await pidOf(one)).toBe(second);
    const third = await pidOf(three);
    await until(() => bridge.look().length === 2, 'the end of a server');
    // Used before the other two: it is the least lately used one that sleeps for it.
    const again = await pidOf(two);
    expect([first, second, third]).not.toContain(again);
    expect(textOf(await two.ask(call(3, 'level')))).toBe('error');
    expect(textOf(await two.ask(call(4, 'subscriptions')))).toBe('["echo://one"]');
    expect(await pidOf(three)).toBe(third);
    expect(await bridge.health()).toMatchObject({ status: 'healthy', sessions: { total: 3 } });
  });

  it('waits in vain while both others listen, and is told what for [session.idle call.words]', async () => {
    await using bridge = await startBridge({ options: [...TWO.options, '--hold-timeout', '1s'] });
    using one = await open(bridge);
    using two = await open(bridge);
    using three = await open(bridge);
    await pidOf(one);
    await pidOf(two);
    await one.get();
    await two.get();
    const { error } = await three.ask(call(1, 'echo', { text: 'here' }));
    expect(error?.message).toBe(
      'Not run: still waiting for a place after 1 s (2 servers run already, and --max-backends allows no more). Call again; it will wait for its turn.',
    );
    one[Symbol.dispose]();
    expect(textOf(await three.ask(call(2, 'echo', { text: 'here' })))).toBe('here');
  });
});

describe('with --max-backends 1 and a server that owns a port, and goes on with it when its stdin has ended', () => {
  async function start(): Promise<Project> {
    const { before = '', after = '' } = claimPort(await freePort());
    const source = `import { makeEcho } from './lib/echo.mjs';
import { say, serve } from './lib/stdio.mjs';
${before}
say('starts');
${after}
serve({ ...makeEcho(), onEnd: () => say('goes on') });`;
    return startProject(source, ['--max-backends', '1']);
  }

  const count = ({ bridge: { lines } }: Project, word: string) =>
    lines.filter(({ msg }) => msg.includes(word)).length;

  it('the next session has its server when that one is gone, and the first one has one again after that [session.idle]', async () => {
    await using project = await start();
    using one = await open(project.bridge);
    using two = await open(project.bridge);
    for (const client of [two, one]) expect(Number(await pidOf(client))).toBeGreaterThan(0);
    expect(['EADDRINUSE', 'starts', 'goes on'].map((word) => count(project, word))).toEqual([0, 3, 2]);
  });

  it('sessions that are opened and ended in a loop have one server at a time [session.idle]', async () => {
    await using project = await start();
    for (let n = 0; n < 4; n += 1) {
      using client = await open(project.bridge);
      expect(project.bridge.look().length).toBeLessThanOrEqual(1);
      await client.del();
    }
    using last = await open(project.bridge);
    expect(Number(await pidOf(last))).toBeGreaterThan(0);
    expect(project.bridge.look()).toHaveLength(1);
    expect(count(project, 'EADDRINUSE')).toBe(0);
  });
});
