// The state folder as a user finds it: where it is, who may read it, who has it, and what is in it that nobody can read.
import {
  appendFileSync,
  chmodSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixture, runToEnd, startBridge } from '../helpers/bridge.js';
import { connectV1 } from '../helpers/client.js';
import { freePort } from '../helpers/free-port.js';
import { end, makePlace } from '../helpers/place.js';
import { call, makeClient, textOf } from '../helpers/raw-http.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

const ECHO = ['--', ...fixture('echo')];
/** Who is not on record is not served: what is served was kept. */
const STRICT = ['--unknown-session', 'reject'];
const isRoot = process.getuid?.() === 0;

describe('the state folder', () => {
  it('is that of the project and the port in XDG_STATE_HOME, and nobody else may look into it [session.same-id]', async () => {
    const folder = makeTempFolder();
    const place = await makePlace({ cwd: folder.path });
    await using bridge = await place.start();
    using client = makeClient(bridge.url);
    await client.initialize();
    await client.ask(call(1, 'wait', { ms: 50 }));
    await bridge.untilSaid('waiting nameless');

    const [project = '', ...others] = readdirSync(place.home.at('mcp-bridge'));
    expect(others).toEqual([]);
    expect(project).toMatch(new RegExp(`^${path.basename(folder.path)}-[\\da-f]{8}$`));
    expect(place.state).toBe(place.home.at(`mcp-bridge/${project}/${place.port}`));
    const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);
    const folders = ['mcp-bridge', `mcp-bridge/${project}`, `mcp-bridge/${project}/${place.port}`];
    expect(folders.map((name) => modeOf(place.home.at(name)))).toEqual(['700', '700', '700']);
    const files = readdirSync(place.state).toSorted();
    const logs = ['events.log', 'server.log', 'sessions.log'];
    expect(files).toEqual(['bridge.lock', 'children.json', ...logs, 'ttl']);
    for (const file of files) expect([file, modeOf(path.join(place.state, file))]).toEqual([file, '600']);
    expect(modeOf(place.home.at(`mcp-bridge/${project}/port`))).toBe('600');
  });

  it('is --state-dir if there is one, and one bridge has it at a time [session.same-id]', async () => {
    const folder = makeTempFolder();
    const options = ['--state-dir', folder.at('state'), ...STRICT];
    const place = await makePlace({ options });
    await using first = await place.start();
    using client = makeClient(first.url);
    await client.initialize();
    expect(readdirSync(place.home.path)).toEqual([]);

    const second = await runToEnd(['--port', '0', ...options, ...ECHO]);
    expect(second).toMatchObject({ code: 1, stdout: '' });
    const words = `State folder ${folder.at('state')} is in use by mcp-bridge (process ${first.pid}). Stop it, or choose another with --state-dir.`;
    expect(second.stderr.split('\n').slice(-2)).toEqual([words, '']);

    // The one that was killed has left its lock.
    await end(first, 'SIGKILL');
    expect(folder.read('state/bridge.lock')).toContain(`"pid":${first.pid}`);
    await using third = await place.start();
    expect(textOf(await client.ask(call(1, 'count')))).toBe('1');
    await end(third, 'SIGINT');
    expect(readdirSync(folder.at('state'))).not.toContain('bridge.lock');
  });

  it('that cannot be used is said, and sessions are in memory; one that was chosen must be usable [session.same-id]', async () => {
    const folder = makeTempFolder({ file: 'no folder' });
    const env = { XDG_STATE_HOME: folder.at('file') };
    await using bridge = await startBridge({ env });
    const warning = await bridge.untilSaid('cannot be used (ENOTDIR)');
    expect(warning).toMatchObject({
      level: 'warn',
      msg: expect.stringMatching(/Sessions end with the bridge\.$/),
    });
    await using client = await connectV1(bridge.url);
    expect(await client.call('echo', { text: 'hello' })).toBe('hello');
    await end(bridge, 'SIGINT');
    expect(bridge.lines.at(-1)?.msg).toMatch(/^Stopped; no session is kept/);

    const chosen = await runToEnd(['--port', '0', '--state-dir', folder.at('file/state'), ...ECHO]);
    expect(chosen).toMatchObject({ code: 1, stdout: '' });
    expect(chosen.stderr).toContain(`State folder ${folder.at('file/state')} cannot be used (ENOTDIR).`);
  });

  it('of another port of the project stays for as long as that port keeps its sessions [session.same-id]', async () => {
    const place = await makePlace({ cwd: makeTempFolder().path, options: ['--session-ttl', '30d'] });
    await using first = await place.start();
    using client = makeClient(first.url);
    await client.initialize();
    await end(first, 'SIGINT');
    const { state } = place;
    const tenDaysAgo = Date.now() / 1_000 - 10 * 24 * 60 * 60;
    for (const file of readdirSync(state)) utimesSync(path.join(state, file), tenDaysAgo, tenDaysAgo);
    const port = await freePort();
    await end(await place.start({ port, options: ['--session-ttl', '1h'] }), 'SIGINT');
    expect(readdirSync(path.dirname(state)).toSorted()).toEqual(
      [String(place.port), String(port), 'port'].toSorted(),
    );
  });

  it.skipIf(isRoot)(
    'that may not be written is done without (skipped for root, who may) [session.same-id]',
    async () => {
      const folder = makeTempFolder();
      chmodSync(folder.path, 0o500);
      await using bridge = await startBridge({ env: { XDG_STATE_HOME: folder.path } });
      await bridge.untilSaid('cannot be used (EACCES)');
      await using client = await connectV1(bridge.url);
      expect(await client.call('echo', { text: 'hello' })).toBe('hello');
      chmodSync(folder.path, 0o700);
    },
  );
});

describe('what cannot be read in it', () => {
  it('is left out: a last line torn by a crash, and lines that mean nothing [session.same-id]', async () => {
    const place = await makePlace({ options: STRICT });
    await using first = await place.start();
    using client = makeClient(first.url);
    await client.initialize();
    await client.ask(call(1, 'count'));
    using late = makeClient(first.url);
    await late.initialize();
    await end(first, 'SIGKILL');
    const log = path.join(place.state, 'sessions.log');
    const events = path.join(place.state, 'events.log');
    truncateSync(log, statSync(log).size - 20);
    appendFileSync(events, 'e what is this\n\u0000\u0001\n{"json":true}\ne ');

    await using second = await place.start();
    expect(textOf(await client.ask(call(1, 'count')))).toBe('1');
    // The line that was torn was the last one of this session: it is as it was before.
    expect(textOf(await late.ask(call(1, 'count')))).toBe('1');
    await end(second, 'SIGKILL');

    const lines = readFileSync(log, 'utf8');
    writeFileSync(
      log,
      `\u0000\n[]\n{"record":{"id":7}}\nnot json\n${lines}{"ended":8}\n{"record":{"id":"half`,
    );
    await using third = await place.start();
    expect(textOf(await client.ask(call(1, 'count')))).toBe('1');
    expect(textOf(await late.ask(call(1, 'count')))).toBe('1');
    await end(third, 'SIGTERM');
    for (const bridge of [second, third])
      expect(bridge.lines.filter(({ level }) => level === 'error')).toEqual([]);
    const left = (bridge: typeof second) => bridge.lines.filter(({ msg }) => msg.includes('left out'));
    expect(left(second).map(({ level, msg }) => [level, msg.split(' in ')[0]])).toEqual([
      ['warn', '3 lines of the files'],
    ]);
    expect(left(third)).toHaveLength(1);
  });

  it('is put aside if it is no file at all: the bridge says so, and keeps what comes [session.same-id]', async () => {
    const place = await makePlace({ options: STRICT });
    await using first = await place.start();
    await end(first, 'SIGINT');
    const log = path.join(place.state, 'sessions.log');
    place.home.write(path.relative(place.home.path, path.join(log, 'a file')), 'in a folder in its place');

    await using second = await place.start();
    const said = await second.untilLine(
      ({ level, msg }) => level === 'error' && msg.includes(log),
      'the fault',
    );
    expect(said.msg).toContain(`${log} cannot be read (EISDIR`);
    expect(said.msg).toContain(`It is ${log}.unreadable now`);
    expect(readdirSync(`${log}.unreadable`)).toEqual(['a file']);
    using client = makeClient(second.url);
    await client.initialize();
    await end(second, 'SIGKILL');
    await using _third = await place.start();
    expect(textOf(await client.ask(call(1, 'count')))).toBe('1');
  });
});

describe('server.log', () => {
  it('has what servers say on stderr, under their session’s name, as they said it, over restarts [supervise.logs]', async () => {
    const place = await makePlace();
    const name = '\u001b[31mred\u001b[0m 漢字 "quoted" \\ and\ttabs';
    await using first = await place.start();
    await using one = await connectV1(first.url, { name: 'Claude Code' });
    await one.call('wait', { ms: 1, name });
    await using two = await connectV1(first.url, { name: 'Claude Code' });
    await two.call('wait', { ms: 1, name: 'tea' });
    const said = () => readFileSync(path.join(place.state, 'server.log'), 'utf8').split('\n').slice(0, -1);
    await first.untilSaid('waiting tea');
    await end(first, 'SIGKILL');
    await using second = await place.start();
    await one.call('wait', { ms: 1, name: 'milk' });
    await second.untilSaid('waiting milk');

    const lines = said().map((line) => /^(\S+) (\S+) (.*)$/s.exec(line)?.slice(1) ?? []);
    for (const [at = ''] of lines) expect(new Date(at).toISOString()).toBe(at);
    expect(lines.map(([, label, text]) => [label, text])).toEqual([
      ['Claude-Code', `waiting ${name}`],
      ['Claude-Code-2', 'waiting tea'],
      ['Claude-Code', 'waiting milk'],
    ]);
  });

  it('is not there with --no-persist, and nothing else is [supervise.logs]', async () => {
    const place = await makePlace({ options: ['--no-persist'], port: await freePort() });
    await using bridge = await place.start();
    await using client = await connectV1(bridge.url);
    expect(await client.call('wait', { ms: 1 })).toBe('waited nameless');
    expect(readdirSync(place.home.path)).toEqual([]);
    await end(bridge, 'SIGTERM');
    expect(readdirSync(place.home.path)).toEqual([]);
    expect(bridge.lines.at(-1)?.msg).toBe('Stopped; no session is kept.');
  });
});
