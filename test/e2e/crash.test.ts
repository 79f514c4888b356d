// A server that is lost: between two calls nobody notices; during a call its caller is told, once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixture, startBridge } from '../helpers/bridge.js';
import { CLIENTS, connectV1, connectV2 } from '../helpers/client.js';
import { call, makeClient, type RpcReply } from '../helpers/raw-http.js';

const WAYS = [
  ['exit', 'exit 9'],
  ['sigsegv', 'SIGSEGV'],
  ['sigkill', 'SIGKILL'],
  ['half-line', 'exit 1'],
] as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-crash-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  it('does not notice that its server was killed between two calls [session.same-id supervise.crash]', async () => {
    await using bridge = await startBridge();
    await using client = await connect(bridge.url);
    const id = client.sessionId;
    await client.setLoggingLevel('error');
    await client.subscribeResource({ uri: 'echo://one' });
    await client.subscribeResource({ uri: 'echo://two' });
    await client.unsubscribeResource({ uri: 'echo://two' });
    const pid = Number(await client.call('pid'));

    process.kill(pid, 'SIGKILL');
    await bridge.untilSaid('server ended (SIGKILL)');

    expect(Number(await client.call('pid'))).not.toBe(pid);
    expect(client.sessionId).toBe(id);
    expect(await client.call('level')).toBe('error');
    expect(await client.call('subscriptions')).toBe('["echo://one"]');
    expect(await client.call('touch', { uri: 'echo://one' })).toBe('updated');
    await client.untilHeard(({ method }) => method === 'notifications/resources/updated', 'the update');
    expect(client.heard).toHaveLength(1);
    expect(await bridge.health()).toMatchObject({
      status: 'healthy',
      sessions: { total: 1 },
      backend: { state: 'ready', restarts: 1, last_exit: { how: 'SIGKILL' } },
    });
  });

  it('has told the next server all that lasts, in order, before its next call [session.replay]', async () => {
    await using bridge = await startBridge({ server: fixture('strict') });
    await using client = await connect(bridge.url);
    await client.setLoggingLevel('error');
    await client.subscribeResource({ uri: 'echo://one' });
    process.kill(Number(await client.call('pid')), 'SIGKILL');
    await bridge.untilSaid('server ended (SIGKILL)');

    expect(JSON.parse(await client.call('order'))).toEqual([
      'initialize',
      'notifications/initialized',
      'logging/setLevel',
      'resources/subscribe',
      'tools/call',
    ]);
  });

  it('is told when its server dies in a call, in whatever way, and calls on [call.words call.once]', async () => {
    await using bridge = await startBridge({ server: fixture('crash-on-call') });

    const dieBy = async ([how, exit]: (typeof WAYS)[number]) => {
      await using client = await connect(bridge.url);
      const failed = await client.call('crash', { how }).catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: -32603 });
      const { message } = failed as Error;
      expect(message).toContain(`May have run: the server ended (${exit}) during crash. It is restarted`);
      expect(message).toContain(`about to crash: ${how}\nabout to crash: this is the last line`);
      expect(await client.call('echo', { text: 'hello' })).toBe('hello');
    };
    await Promise.all(WAYS.map(dieBy));
  });

  it('gets what it was reading when its server died, from the next one [call.once]', async () => {
    await using bridge = await startBridge({ server: fixture('crash-on-call') });
    await using client = await connect(bridge.url);
    const uri = `crash://once?file=${path.join(folder, 'crashed')}`;

    expect(await client.readResource({ uri })).toEqual({
      contents: [{ uri, mimeType: 'text/plain', text: 'survived' }],
    });
    await bridge.untilSaid('resources/read was lost with the server; it is sent to the next one');
  });

  it('is told instead, if it asked for no repeats [call.once]', async () => {
    await using bridge = await startBridge({
      server: fixture('crash-on-call'),
      options: ['--retry', 'never'],
    });
    await using client = await connect(bridge.url);
    const uri = `crash://once?file=${path.join(folder, 'crashed')}`;

    await expect(client.readResource({ uri })).rejects.toThrow('during resources/read');
    expect(await client.readResource({ uri })).toMatchObject({ contents: [{ text: 'survived' }] });
  });

  it('goes on while the server of another crashes, again and again [session.dedicated]', async () => {
    await using bridge = await startBridge({ server: fixture('crash-on-call') });
    await using unlucky = await connect(bridge.url);
    await using other = await connect(bridge.url);
    const pid = await other.call('pid');
    expect(await other.call('count')).toBe('1');
    const slow = other.call('wait', { ms: 300, name: 'tea' });

    await expect(unlucky.call('crash', { how: 'sigsegv' })).rejects.toThrow('May have run');
    await expect(unlucky.call('crash', { how: 'half-line' })).rejects.toThrow('May have run');
    expect(await slow).toBe('waited tea');
    expect(await other.call('count')).toBe('2');
    expect(await other.call('pid')).toBe(pid);
  });
});

it('answers a call that its server died in with one error and nothing else, and runs it once [call.once]', async () => {
  await using bridge = await startBridge({ server: fixture('crash-on-call') });
  using client = makeClient(bridge.url);
  await client.initialize();

  // A second run would find the file and survive.
  const reply = await client.post(call(7, 'crash-once', { file: path.join(folder, 'crashed') }));
  const answers: RpcReply[] = [];
  if (reply.type === 'application/json') answers.push(await reply.json());
  else for await (const { data } of reply.events()) if (data) answers.push(JSON.parse(data));
  expect(answers).toEqual([
    { jsonrpc: '2.0', id: 7, error: { code: -32603, message: expect.stringMatching(/^May have run: /) } },
  ]);
});

it('treats a server that closes its stdout as lost, and leaves the other session alone [call.words]', async () => {
  await using bridge = await startBridge({ server: fixture('closes-stdout') });
  await using unlucky = await connectV1(bridge.url);
  await using other = await connectV2(bridge.url);
  const pid = await other.call('pid');

  await expect(unlucky.call('close-stdout')).rejects.toThrow(
    'May have run: the server ended (it closed its stdout) during close-stdout.',
  );
  expect(await unlucky.call('echo', { text: 'hello' })).toBe('hello');
  expect(await other.call('pid')).toBe(pid);
});

it('takes back what a lost server asked, and keeps a late answer from the next one [call.server-requests]', async () => {
  await using bridge = await startBridge({ server: fixture('asks-client') });
  using client = makeClient(bridge.url);
  await client.initialize();

  const told: RpcReply[] = [];
  const reply = await client.post(call(7, 'ask-then-crash'));
  for await (const { data } of reply.events()) if (data) told.push(JSON.parse(data));
  const asked = expect.objectContaining({ id: 0, method: 'roots/list' });
  const requestId = expect.toSatisfy((id: unknown) => id === 0);
  const cancelled = { method: 'notifications/cancelled', params: expect.objectContaining({ requestId }) };
  const failed = { id: 7, error: { code: -32603, message: expect.stringContaining('May have run') } };
  expect(told).toEqual([asked, expect.objectContaining(cancelled), expect.objectContaining(failed)]);

  const late = await client.post({ jsonrpc: '2.0', id: 0, result: { roots: [] } });
  expect(late.status).toBe(202);
  await bridge.untilSaid('dropped a message that nobody waits for: {"jsonrpc":"2.0","id":0,"result"');
  const next = await client.ask(call(8, 'echo', { text: 'hello' }));
  expect(next.result?.content).toEqual([{ type: 'text', text: 'hello' }]);
  expect(bridge.lines.filter(({ msg }) => msg.startsWith('a reply to nothing'))).toEqual([]);
});

describe.skipIf(process.platform === 'win32')('a fault of the bridge that nobody has caught', () => {
  it.each([
    ['thrown', 'throw new Error("out of luck")'],
    ['a promise', 'void Promise.reject(new Error("out of luck"))'],
  ])('is told and ends no session: %s', async (_, fault) => {
    const script = path.join(folder, 'fault.cjs');
    writeFileSync(
      script,
      `if (process.argv[1].endsWith('mcp-bridge.js')) process.on('SIGUSR2', () => { ${fault}; });`,
    );
    await using bridge = await startBridge({ env: { NODE_OPTIONS: `--require ${script}` } });
    await using client = await connectV1(bridge.url);
    const pid = await client.call('pid');
    process.kill(bridge.pid, 'SIGUSR2');
    await bridge.untilSaid('The bridge failed, and goes on: Error: out of luck');
    expect(await client.call('pid')).toBe(pid);
  });
});
