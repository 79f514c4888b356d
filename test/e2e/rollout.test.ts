// Save a file, and the next call meets the new code, or why it does not run. On a copy of the echo server, in a folder of its own.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, utimesSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CLIENTS, connectV1, connectV2, type TestClient } from '../helpers/client.js';
import { findProcess, untilGone } from '../helpers/processes.js';
import { afterSave, code, rollouts, save, startProject, untilRolledOut } from '../helpers/project.js';
import { call, makeClient, rpc, textOf } from '../helpers/raw-http.js';
import { connectMany, countLost, rollOutUnderLoad, strictCode } from '../helpers/rollouts.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const BROKEN = 'const broken = {\n';

async function refusalOf(client: TestClient, tool: string): Promise<string> {
  const answer = await client.call(tool).then(
    (text) => `the call ran: ${text}`,
    (error: Error) => error.message,
  );
  return answer;
}

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  it('meets the new code 50 ms after a save, in the same session [call.hold watch.settle rollout.proof]', async () => {
    await using project = await startProject();
    await using client = await connect(project.bridge.url);
    const id = client.sessionId;
    expect(await client.call('version')).toBe('1');

    await save(project, code(2));
    expect(await client.call('version')).toBe('2');
    await save(project, code(3));
    expect(await client.call('version')).toBe('3');

    expect(client.sessionId).toBe(id);
    await untilRolledOut(project, 3);
    expect(rollouts(project)).toEqual([2, 3]);
    // The first backend of a generation proves it: there is no process more than the session's own.
    const starts = project.bridge.lines.filter(({ msg }) => /^version \d starts$/.test(msg));
    expect(starts.map(({ msg }) => msg)).toEqual([
      'version 1 starts',
      'version 2 starts',
      'version 3 starts',
    ]);
  });

  it('is told once that a tool has another name, and calls it [session.changed]', async () => {
    await using project = await startProject();
    await using client = await connect(project.bridge.url);
    expect(client.getServerCapabilities()?.tools).toMatchObject({ listChanged: true });
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('version');

    project.folder.write('server.mjs', code(2, { tool: 'renamed' }));
    await client.untilHeard(({ method }) => method === 'notifications/tools/list_changed', 'the news');
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toContain('renamed');
    expect(names).not.toContain('version');
    expect(await client.call('renamed')).toBe('2');

    // The same lists: no news.
    await save(project, code(3, { tool: 'renamed' }));
    expect(await client.call('renamed')).toBe('3');
    await untilRolledOut(project, 3);
    await client.ping();
    expect(client.heard.map(({ method }) => method)).toEqual(['notifications/tools/list_changed']);
  });

  it('gets the words of a syntax error, its lists all the same, and the fix [call.words session.fast]', async () => {
    await using project = await startProject();
    await using client = await connect(project.bridge.url);
    const id = client.sessionId;
    const before = await client.listTools();

    await save(project, code(2) + BROKEN);
    const words = await refusalOf(client, 'version');
    expect(words).toContain('Not run: the new code does not start (exit 1). Fix it and call again.');
    expect(words).toContain('server.mjs:');
    expect(words).toContain('SyntaxError: Unexpected end of input');
    expect(await refusalOf(client, 'version')).toContain('Not run: the new code does not start');
    expect(await client.listTools()).toEqual(before);
    await client.ping();
    expect(await project.bridge.health()).toMatchObject({ status: 'degraded' });

    await save(project, code(3));
    expect(await client.call('version')).toBe('3');
    expect(client.sessionId).toBe(id);
    await until(async () => (await project.bridge.health()).status === 'healthy', 'health');
  });

  it('finishes a call on the old process over two rollouts [call.drain]', async () => {
    await using project = await startProject();
    const { bridge } = project;
    await using client = await connect(bridge.url);
    const old = findProcess(Number(await client.call('pid')));
    const slow = client.call('wait', { ms: 3_000, name: 'tea' });
    await bridge.untilSaid('waiting tea');

    await save(project, code(2));
    expect(await client.call('version')).toBe('2');
    await save(project, code(3));
    expect(await client.call('version')).toBe('3');
    expect(old && findProcess(old.pid)).toEqual(old);

    expect(await slow).toBe('waited tea');
    if (old) await untilGone([old], 'the old server');
    expect(bridge.lines.filter(({ msg }) => msg === 'cancelled tea')).toEqual([]);
  });
});

it('a touch that changes nothing keeps the process [watch.settle]', async () => {
  await using project = await startProject();
  await using client = await connectV2(project.bridge.url);
  const pid = await client.call('pid');

  utimesSync(project.folder.at('server.mjs'), new Date(), new Date());
  await afterSave();
  expect(await client.call('pid')).toBe(pid);
  project.folder.replace('server.mjs', code(1));
  await afterSave();
  expect(await client.call('pid')).toBe(pid);

  // What the next change counts up tells that there was none before.
  await save(project, code(2));
  expect(await client.call('version')).toBe('2');
  await untilRolledOut(project, 2);
  expect(rollouts(project)).toEqual([2]);
});

it('a call that old code still runs is not waited for any longer than others, at a stop or an end [cli.stop call.drain]', async () => {
  await using project = await startProject(code(1), ['--drain-timeout', '100ms']);
  const { bridge } = project;
  await using kept = await connectV1(bridge.url);
  const ended = makeClient(bridge.url);
  await ended.initialize();
  const runs = [
    kept.call('wait', { ms: 60_000, name: 'tea' }).catch((error: Error) => error.message),
    ended.ask(call(1, 'wait', { ms: 60_000, name: 'milk' })),
  ];
  await bridge.untilSaid('waiting tea');
  await bridge.untilSaid('waiting milk');
  await save(project, code(2));
  await untilRolledOut(project, 2);
  const before = bridge.look().length;

  await ended.del();
  await until(
    () => bridge.look().length === before - 2,
    'the end of both servers of the session that was ended',
  );
  bridge.signal('SIGTERM');
  expect(await bridge.exited).toEqual({ code: 0, signal: null });
  expect(await runs[0]).toContain('May have run');
  expect(await runs[1]).toMatchObject({ error: { message: expect.stringContaining('May have run') } });
});

it('a format-on-save is one rollout [watch.settle]', async () => {
  await using project = await startProject();
  await using client = await connectV1(project.bridge.url);

  project.folder.write('server.mjs', code(2));
  await pause(150);
  await save(project, code(3));
  expect(await client.call('version')).toBe('3');
  await save(project, code(4));
  expect(await client.call('version')).toBe('4');
  await untilRolledOut(project, 3);
  expect(rollouts(project)).toEqual([2, 3]);
  expect(project.bridge.lines.filter(({ msg }) => msg === 'version 2 starts')).toEqual([]);
});

it('a save that is moved into place, and a file of the library, count as well [watch.infer]', async () => {
  await using project = await startProject();
  await using client = await connectV2(project.bridge.url);

  project.folder.replace('server.mjs', code(2));
  await afterSave();
  expect(await client.call('version')).toBe('2');
  const tools = readFileSync(project.folder.at('lib/echo-tools.mjs'), 'utf8');
  project.folder.write(
    'lib/echo-tools.mjs',
    tools.replace('({ text }) => text', '({ text }) => text.toUpperCase()'),
  );
  await afterSave();
  expect(await client.call('echo', { text: 'loud' })).toBe('LOUD');
  expect(readdirSync(project.folder.path).sort()).toEqual(['lib', 'package.json', 'server.mjs']);
});

it('what a script imports from outside of its folder counts, the data beside it does not [watch.infer]', async () => {
  const files = { 'src/server.mjs': code(1).replaceAll('./lib/', '../lib/') };
  await using project = await startProject(undefined, [], { files, server: ['node', 'src/server.mjs'] });
  await using client = await connectV1(project.bridge.url);
  const pid = await client.call('pid');
  project.folder.write('data/notes.json', '[]');
  await afterSave();
  expect(await client.call('pid')).toBe(pid);

  const tools = project.folder.read('lib/echo-tools.mjs');
  project.folder.write(
    'lib/echo-tools.mjs',
    tools.replace('({ text }) => text', '({ text }) => text.toUpperCase()'),
  );
  await afterSave();
  expect(await client.call('echo', { text: 'loud' })).toBe('LOUD');
  await untilRolledOut(project, 2);
  expect(rollouts(project)).toEqual([2]);
});

it('all sessions meet the new code, and keep their ids [session.same-id rollout.proof]', async () => {
  await using project = await startProject();
  const { url } = project.bridge;
  const clients: TestClient[] = [];
  for (const connect of [connectV1, connectV2, connectV1, connectV2, connectV1]) {
    clients.push(await connect(url));
  }
  const ids = clients.map(({ sessionId }) => sessionId);
  expect(new Set(ids).size).toBe(5);

  for (const version of [2, 3]) {
    await save(project, code(version));
    const told = await Promise.all(clients.map((client) => client.call('version')));
    expect(told).toEqual(clients.map(() => String(version)));
  }
  expect(clients.map(({ sessionId }) => sessionId)).toEqual(ids);
  expect(await project.bridge.health()).toMatchObject({ sessions: { total: 5 }, status: 'healthy' });
});

it('calls that are held are run in their order, and progress is told to who asked [call.hold]', async () => {
  await using project = await startProject(code(1), ['--delay', '600ms']);
  using client = makeClient(project.bridge.url);
  await client.initialize();

  await save(project, code(2));
  const replies = [];
  for (const n of [1, 2, 3]) replies.push(await client.post(call(n, 'count')));
  expect(replies.map(({ type }) => type)).toEqual([
    'text/event-stream',
    'text/event-stream',
    'text/event-stream',
  ]);
  const answers = await Promise.all(replies.map((reply) => reply.answer()));
  expect(answers.map(textOf)).toEqual(['1', '2', '3']);

  await save(project, code(3));
  const params = { name: 'version', arguments: {}, _meta: { progressToken: 'p' } };
  const reply = await client.post(rpc(9, 'tools/call', params));
  const messages = [];
  for await (const { data } of reply.events()) if (data) messages.push(JSON.parse(data));
  expect(messages.at(-1)).toMatchObject({ id: 9, result: { content: [{ text: '3' }] } });
  expect(messages[0]).toMatchObject({
    method: 'notifications/progress',
    params: { progressToken: 'p', message: expect.any(String) },
  });
});

it('without a GET stream the news of other tools comes with the next reply, once [session.changed]', async () => {
  await using project = await startProject();
  using client = makeClient(project.bridge.url);
  await client.initialize();
  await client.ask(rpc(1, 'tools/list'));
  const heard: string[] = [];
  const askFor = async (id: number, name: string) => {
    const reply = await client.post(call(id, name, { ms: 100 }));
    if (reply.type !== 'text/event-stream') return reply.json();
    let answer: unknown;
    for await (const { data } of reply.events()) {
      const message = data ? JSON.parse(data) : {};
      if (message.method) heard.push(message.method);
      if (message.id === id) answer = message;
    }
    return answer;
  };

  await save(project, code(2, { tool: 'renamed' }));
  expect(await askFor(2, 'renamed')).toMatchObject({ result: { content: [{ text: '2' }] } });
  for (const id of [3, 4, 5]) await askFor(id, 'wait');
  expect(heard).toEqual(['notifications/tools/list_changed']);
});

it('a call after the second of two saves never meets the first, however soon that is ready [call.hold]', async () => {
  const gate = makeTempFolder();
  await using project = await startProject(code(1), ['--delay', '1s']);
  await using client = await connectV2(project.bridge.url);
  const wait = `import { existsSync } from 'node:fs';`;
  const loop = `while (!existsSync('${gate.at('go')}')) await new Promise((resolve) => setTimeout(resolve, 5));`;

  project.folder.write('server.mjs', code(2, { before: wait, after: loop }));
  await project.bridge.untilSaid('version 2 starts');
  await save(project, code(3));
  const answer = client.call('version');
  gate.write('go', '');
  expect(await answer).toBe('3');
});

it('a change during a start makes the latest one win, and leaves no other process [watch.settle]', async () => {
  await using project = await startProject();
  const { bridge } = project;
  await using client = await connectV1(bridge.url);

  project.folder.write(
    'server.mjs',
    code(2, { after: 'await new Promise((resolve) => setTimeout(resolve, 60_000));' }),
  );
  await bridge.untilSaid('version 2 starts');
  await save(project, code(3));
  expect(await client.call('version')).toBe('3');
  const pid = Number(await client.call('pid'));
  await until(() => bridge.look().every((each) => each.pid === pid), 'the end of the others');
});

it('a hundred files that change at once are one rollout [watch.settle]', async () => {
  await using project = await startProject();
  await using client = await connectV2(project.bridge.url);

  for (let n = 0; n < 100; n += 1) project.folder.write(`lib/more/file-${n}.mjs`, `export const n = ${n};\n`);
  await save(project, code(2));
  expect(await client.call('version')).toBe('2');
  await save(project, code(3));
  expect(await client.call('version')).toBe('3');
  await untilRolledOut(project, 3);
  expect(rollouts(project)).toEqual([2, 3]);
});

it('git checks four hundred files out, and that is one rollout, each time [watch.settle]', async () => {
  const names = Array.from({ length: 400 }, (_, n) => `lib/more/file-${n}.mjs`);
  const all = (text: string) =>
    Object.fromEntries(names.map((name) => [name, `export const a = '${text}';\n`]));
  await using project = await startProject(undefined, [], { files: all('one') });
  const { folder } = project;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], { cwd: folder.path });
  git('init', '--quiet', '--initial-branch', 'one');
  git('add', '.');
  git('commit', '--quiet', '-m', 'one');
  git('checkout', '--quiet', '-b', 'two');
  await using client = await connectV1(project.bridge.url);
  for (const [name, text] of Object.entries(all('two'))) folder.write(name, text);
  await save(project, code(2));
  expect(await client.call('version')).toBe('2');
  git('commit', '--quiet', '-a', '-m', 'two');

  for (const [branch, version] of [
    ['one', '1'],
    ['two', '2'],
  ] as const) {
    git('checkout', '--quiet', branch);
    await afterSave();
    expect(await client.call('version')).toBe(version);
  }
  await untilRolledOut(project, 4);
  expect(rollouts(project)).toEqual([2, 3, 4]);
}, 90_000);

it('a server that writes into its own folder at every start is found out, then a save is one rollout [watch.loop]', async () => {
  const writes = "import { writeFileSync } from 'node:fs';\nwriteFileSync('state.json', String(Date.now()));";
  await using project = await startProject(code(1, { before: writes }));
  await using client = await connectV2(project.bridge.url);
  await project.bridge.untilSaid('state.json changes right after every start: the server itself');
  await client.call('version');
  const before = rollouts(project).length;

  await save(project, code(2, { before: writes }));
  expect(await client.call('version')).toBe('2');
  await save(project, code(3, { before: writes }));
  expect(await client.call('version')).toBe('3');
  await until(() => rollouts(project).length === before + 2, 'two rollouts, and no more');
});

it('calls the server only after initialized, over 30 rollouts of 8 sessions under load [session.replay session.same-id call.hold]', async () => {
  await using project = await startProject(strictCode(1));
  const clients = await connectMany(project, 8);
  const ids = clients.map(({ sessionId }) => sessionId);
  const load = await rollOutUnderLoad(project, clients, 30);
  expect(load.failures).toEqual([]);
  expect(load.stale).toEqual([]);
  expect(load.calls).toBeGreaterThan(30 * 8);
  expect(await countLost(clients, ids)).toBe(0);
  for (const client of clients) {
    const order = JSON.parse(await client.call('order')) as string[];
    const early = order.slice(0, order.indexOf('notifications/initialized'));
    expect(early.filter((method) => method !== 'ping')).toEqual(['initialize']);
  }
  expect(project.bridge.lines.filter(({ msg }) => msg.startsWith('expected initialize first'))).toEqual([]);
  expect(rollouts(project)).toEqual(Array.from({ length: 30 }, (_, n) => n + 2));
}, 180_000);

it('a crash while the newest code is broken leaves calls refused and lists answered [call.words session.fast]', async () => {
  await using project = await startProject();
  await using client = await connectV2(project.bridge.url);
  const before = await client.listTools();
  const pid = Number(await client.call('pid'));

  await save(project, BROKEN);
  expect(await refusalOf(client, 'version')).toContain('Not run: the new code does not start');
  process.kill(pid, 'SIGKILL');
  await project.bridge.untilSaid('server ended (SIGKILL)');
  expect(await refusalOf(client, 'version')).toContain('Not run: the new code does not start');
  expect(await client.listTools()).toEqual(before);

  await save(project, code(3));
  expect(await client.call('version')).toBe('3');
});

describe('--serve-old', () => {
  it('broken: calls wait for a change, and go to the old code while the newest is broken [call.hold]', async () => {
    await using project = await startProject(code(1), ['--serve-old', 'broken']);
    await using client = await connectV1(project.bridge.url);

    await save(project, code(2));
    expect(await client.call('version')).toBe('2');
    await save(project, BROKEN);
    expect(await client.call('version')).toBe('2');
    await project.bridge.untilSaid('The new code does not start');
    expect(await client.call('version')).toBe('2');
    await save(project, code(4));
    expect(await client.call('version')).toBe('4');
  });

  it('always: a call does not wait, and the new code comes when it is ready [call.hold]', async () => {
    await using project = await startProject(code(1), ['--serve-old', 'always', '--delay', '1s']);
    await using client = await connectV2(project.bridge.url);

    await save(project, code(2));
    expect(await client.call('version')).toBe('1');
    await untilRolledOut(project, 2);
    expect(await client.call('version')).toBe('2');
    await save(project, BROKEN);
    await project.bridge.untilSaid('The new code does not start');
    expect(await client.call('version')).toBe('2');
  });
});
