// `--isolation shared`: one process of the server for all sessions, and each client meets a server of its own.
import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type BridgeProcess, fixture, startBridge } from '../helpers/bridge.js';
import { CLIENTS, connectV1, connectV2, type TestClient } from '../helpers/client.js';
import { freePort } from '../helpers/free-port.js';
import { findProcess, untilGone } from '../helpers/processes.js';
import { claimPort, code, type Project, startProject } from '../helpers/project.js';
import { makeClient, type Reply, rpc } from '../helpers/raw-http.js';
import { until } from '../helpers/until.js';

const SHARED = ['--isolation', 'shared'];

function startShared(server = fixture('echo'), options: readonly string[] = []): Promise<BridgeProcess> {
  return startBridge({ server, options: [...SHARED, ...options] });
}

/** One client of each SDK. */
async function connectBoth({ url }: BridgeProcess): Promise<[TestClient, TestClient]> {
  return [await connectV1(url), await connectV2(url)];
}

/** What came on a stream before its answer, and that. */
async function messagesOf(reply: Reply): Promise<unknown[]> {
  const messages: unknown[] = [];
  for await (const { data } of reply.events()) if (data) messages.push(JSON.parse(data));
  return messages;
}

/** How often the bridge has said what begins so. */
function count({ lines }: BridgeProcess, text: string): number {
  return lines.filter(({ msg }) => msg.startsWith(text)).length;
}

describe('two clients of one server', () => {
  it('are served by one process, which is started, told of and listed once [session.dedicated]', async () => {
    await using bridge = await startShared();
    const [one, two] = await connectBoth(bridge);
    expect(await one.call('pid')).toBe(await two.call('pid'));
    expect([await one.call('count'), await two.call('count')]).toEqual(['1', '2']);
    expect((await bridge.health()).backend.pids).toEqual([Number(await one.call('pid'))]);
    const told = bridge.lines.filter(({ msg }) => /^server (started|ready)/.test(msg));
    expect(told.map(({ session }) => session)).toEqual(['node', 'node']);
    expect([one.revision, two.revision]).toEqual(['2025-11-25', '2025-11-25']);
  });

  it('may use equal request ids and progress tokens at the same time [session.dedicated]', async () => {
    await using bridge = await startShared();
    using one = makeClient(bridge.url);
    using two = makeClient(bridge.url);
    await Promise.all([one.initialize(), two.initialize()]);

    const wait = (ms: number, name: string) =>
      rpc(7, 'tools/call', { name: 'wait', arguments: { ms, name }, _meta: { progressToken: 'same' } });
    const exchanges = [one.post(wait(200, 'tea')), two.post(wait(300, 'milk'))];
    await Promise.all(['tea', 'milk'].map((name) => bridge.untilSaid(`waiting ${name}`)));
    const [tea, milk] = await Promise.all(exchanges.map(async (reply) => messagesOf(await reply)));
    const progress = (done: number, total: number) => ({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 'same', progress: done, total },
    });
    const answer = (text: string) =>
      expect.objectContaining({ id: 7, result: { content: [{ type: 'text', text }] } });
    expect(tea).toEqual([progress(0, 200), progress(200, 200), answer('waited tea')]);
    expect(milk).toEqual([progress(0, 300), progress(300, 300), answer('waited milk')]);
  });

  it('cancel their own calls and not those of the other [session.dedicated]', async () => {
    await using bridge = await startShared();
    const [one, two] = await connectBoth(bridge);
    const controller = new AbortController();
    const cancelled = one.call('wait', { ms: 60_000, name: 'tea' }, { signal: controller.signal });
    const other = two.call('wait', { ms: 500, name: 'milk' });
    await bridge.untilSaid('waiting tea');
    await bridge.untilSaid('waiting milk');
    controller.abort();
    await expect(cancelled).rejects.toThrow();
    await bridge.untilSaid('cancelled tea');
    expect(await other).toBe('waited milk');
    expect(await one.call('cancelled')).toBe('1');
  });

  it('hear of the resources that they have subscribed to, and of no others [session.dedicated]', async () => {
    await using bridge = await startShared();
    const [one, two] = await connectBoth(bridge);
    await one.subscribeResource({ uri: 'echo://one' });
    await two.subscribeResource({ uri: 'echo://two' });
    await two.subscribeResource({ uri: 'echo://one' });
    await two.unsubscribeResource({ uri: 'echo://one' });
    expect(await two.call('subscriptions')).toBe('["echo://one","echo://two"]');

    expect(await two.call('touch', { uri: 'echo://one' })).toBe('updated');
    expect(await one.call('touch', { uri: 'echo://two' })).toBe('updated');
    for (const client of [one, two])
      await client.untilHeard(({ method }) => method.endsWith('/updated'), 'the update');
    expect([one.heard, two.heard].map((heard) => heard.map(({ params }) => params?.uri))).toEqual([
      ['echo://one'],
      ['echo://two'],
    ]);

    await one.terminate();
    await until(
      async () => (await two.call('subscriptions')) === '["echo://two"]',
      'the end of a subscription',
    );
  });

  it('hear as much of the log as each has asked for [session.dedicated]', async () => {
    await using bridge = await startShared();
    const [one, two] = await connectBoth(bridge);
    await one.setLoggingLevel('info');
    await two.setLoggingLevel('error');
    expect(await one.call('level')).toBe('info');
    for (const level of ['debug', 'info', 'error']) await two.call('log', { level, text: level });
    await two.untilHeard(({ params }) => params?.level === 'error', 'the error');
    await one.untilHeard(({ params }) => params?.level === 'error', 'the error');
    expect([one.heard, two.heard].map((heard) => heard.map(({ params }) => params?.level))).toEqual([
      ['info', 'error'],
      ['error'],
    ]);
    await one.terminate();
    await until(async () => (await two.call('level')) === 'error', 'the level of who is left');
  });

  it('are not asked anything: the server is told that no client can do it [session.dedicated]', async () => {
    await using bridge = await startShared(fixture('asks-client'));
    const [one] = await connectBoth(bridge);
    expect(await one.call('ask-and-wait')).toMatch(/"code":-32601.*No client can be asked roots\/list/);
  });

  it('lose the server together, once, and go on [session.dedicated supervise.crash]', async () => {
    await using bridge = await startShared(fixture('crash-on-call'));
    const [one, two] = await connectBoth(bridge);
    await two.subscribeResource({ uri: 'echo://two' });
    const pid = await two.call('pid');
    const waiting = two.call('wait', { ms: 60_000, name: 'tea' }).catch((error: Error) => error.message);
    await bridge.untilSaid('waiting tea');
    await expect(one.call('crash', { how: 'exit' })).rejects.toThrow('May have run');
    expect(await waiting).toContain('May have run');
    const again = [await one.call('pid'), await two.call('pid')];
    expect(again[0]).not.toBe(pid);
    expect(again[0]).toBe(again[1]);
    expect(await one.call('subscriptions')).toBe('["echo://two"]');
    expect(count(bridge, 'server ended')).toBe(1);
    expect((await bridge.health()).backend.restarts).toBe(1);
  });
});

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  it('ends its session: the server stays for the other, and ends with the last [session.dedicated supervise.tree]', async () => {
    await using bridge = await startShared();
    await using one = await connect(bridge.url);
    await using two = await connect(bridge.url);
    const server = findProcess(Number(await two.call('pid')));
    const abandoned = one.call('wait', { ms: 60_000, name: 'tea' }).catch(() => {});
    await bridge.untilSaid('waiting tea');
    await one.terminate();
    await bridge.untilSaid('cancelled tea');
    expect(await two.call('pid')).toBe(String(server?.pid));
    await two.terminate();
    await untilGone(server ? [server] : [], 'the server that nobody needs');
    await abandoned;
    await using three = await connect(bridge.url);
    expect(await three.call('count')).toBe('1');
  });

  it('is idle: the server stays while another client uses it [session.idle session.dedicated]', async () => {
    await using bridge = await startShared(fixture('echo'), ['--idle-timeout', '300ms']);
    const left = await connect(bridge.url);
    await using other = await connect(bridge.url);
    const pid = await other.call('pid');
    await left.close();
    await bridge.untilSaid('idle: ');
    expect(await other.call('pid')).toBe(pid);
    await using again = await connect(bridge.url, { sessionId: left.sessionId ?? '' });
    expect(await again.call('pid')).toBe(pid);
  });
});

/** Three sessions, and a call of each in flight. */
async function connectThree({ bridge }: Project, ms: number) {
  const clients = [await connectV1(bridge.url), await connectV2(bridge.url), await connectV1(bridge.url)];
  const calls = clients.map((client, i) =>
    client.call('wait', { ms, name: `call-${i}` }).catch((error: Error) => error.message),
  );
  for (const i of clients.keys()) await bridge.untilSaid(`waiting call-${i}`);
  return { clients, calls };
}

async function untilChanged({ bridge }: Project, times = 1): Promise<void> {
  await until(
    () => count(bridge, 'Changed: ') >= times || `changed ${count(bridge, 'Changed: ')} times`,
    'the change',
  );
}

describe('a rollout of one server for three sessions', () => {
  it('that owns a port: the old one lets their calls finish and stops, before the next one starts [rollout.exclusive]', async () => {
    const claim = claimPort(await freePort());
    await using project = await startProject(code(1, claim), SHARED);
    const { clients, calls } = await connectThree(project, 3_000);
    const ids = clients.map(({ sessionId }) => sessionId);

    project.folder.write('server.mjs', code(2, claim));
    await untilChanged(project);
    const versions = clients.map((client) => client.call('version'));
    expect(await Promise.all(calls)).toEqual(['waited call-0', 'waited call-1', 'waited call-2']);
    expect(await Promise.all(versions)).toEqual(['2', '2', '2']);
    await project.bridge.untilSaid('Generation 2 serves');

    project.folder.write('server.mjs', code(3, claim));
    await untilChanged(project, 2);
    await project.bridge.untilSaid('Generation 3 serves');
    expect(await Promise.all(clients.map((client) => client.call('version')))).toEqual(['3', '3', '3']);
    expect(clients.map(({ sessionId }) => sessionId)).toEqual(ids);
    const { lines } = project.bridge;
    const starts = lines.filter(({ msg }) => /^version \d starts$/.test(msg)).map(({ msg }) => msg[8]);
    // Found out once: version 2 is started twice, and ends once while it starts.
    expect(starts).toEqual(['1', '2', '2', '3']);
    expect(count(project.bridge, 'server ended')).toBe(1);
    expect(count(project.bridge, 'The server can run only once')).toBe(1);
    expect((await project.bridge.health()).backend).toMatchObject({ state: 'ready', restarts: 0 });
  });

  it('that owns a port: a call is not waited for longer than the drain timeout [rollout.exclusive call.words]', async () => {
    const claim = claimPort(await freePort());
    const options = [...SHARED, '--replace', 'stop-first', '--drain-timeout', '500ms'];
    await using project = await startProject(code(1, claim), options);
    const { clients, calls } = await connectThree(project, 60_000);
    project.folder.write('server.mjs', code(2, claim));
    await untilChanged(project);
    for (const told of await Promise.all(calls)) expect(told).toContain('May have run: ');
    expect(await Promise.all(clients.map((client) => client.call('version')))).toEqual(['2', '2', '2']);
    expect(count(project.bridge, 'server ended')).toBe(0);
  });

  it('start-first: each goes over to the one new process, and its call finishes on the old one [call.drain session.dedicated]', async () => {
    await using project = await startProject(code(1), SHARED);
    const { clients, calls } = await connectThree(project, 3_000);
    project.folder.write('server.mjs', code(2));
    await project.bridge.untilSaid('Generation 2 serves');
    expect(await Promise.all(clients.map((client) => client.call('version')))).toEqual(['2', '2', '2']);
    expect(new Set(await Promise.all(clients.map((client) => client.call('pid')))).size).toBe(1);
    expect((await project.bridge.health()).backend.pids).toHaveLength(2);
    expect(await Promise.all(calls)).toEqual(['waited call-0', 'waited call-1', 'waited call-2']);
    await until(
      async () => (await project.bridge.health()).backend.pids.length === 1,
      'the end of the old server',
    );
    expect(count(project.bridge, 'version 2 starts')).toBe(1);
  });

  it('with code that does not start: all are told so, and go on with the next change [rollout.proof]', async () => {
    const claim = claimPort(await freePort());
    await using project = await startProject(code(1, claim), [...SHARED, '--replace', 'stop-first']);
    const clients = [await connectV1(project.bridge.url), await connectV2(project.bridge.url)];
    project.folder.write('server.mjs', `throw new Error('broken');\n`);
    await project.bridge.untilSaid('The new code does not start');
    for (const client of clients) await expect(client.call('version')).rejects.toThrow('Not run: ');
    project.folder.write('server.mjs', code(2, claim));
    await untilChanged(project, 2);
    expect(await Promise.all(clients.map((client) => client.call('version')))).toEqual(['2', '2']);
  });
});

/** A build that waits for the file `go`. */
const BUILD = `node -e "const t = setInterval(() => require('fs').existsSync('go') && clearInterval(t), 20)"`;

it('a client connects and lists during a build, and its call waits for the one new server [session.fast session.dedicated]', async () => {
  const options = [...SHARED, '--watch', 'server.mjs', '--build', BUILD];
  await using project = await startProject(code(1), options);
  project.folder.write('go', '');
  await using one = await connectV2(project.bridge.url);
  const { tools } = await one.listTools();
  expect(await one.call('version')).toBe('1');

  rmSync(project.folder.at('go'));
  project.folder.write('server.mjs', code(2));
  await until(() => count(project.bridge, 'Building: ') === 2, 'the second build');
  await using two = await connectV2(project.bridge.url);
  expect((await two.listTools()).tools).toEqual(tools);
  expect(count(project.bridge, 'Built')).toBe(1);
  const calls = [one, two].map((client) => client.call('version'));
  project.folder.write('go', '');
  expect(await Promise.all(calls)).toEqual(['2', '2']);
  expect(await one.call('pid')).toBe(await two.call('pid'));
});
