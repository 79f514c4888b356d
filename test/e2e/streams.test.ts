// What streams carry: much, in order, through cuts, and from servers that write as they like.
import { describe, expect, it } from 'vitest';
import { fixture, reachBridge, startBridge } from '../helpers/bridge.js';
import { CLIENTS, type Connect, connectV1, connectV2 } from '../helpers/client.js';
import { makeNetwork } from '../helpers/network.js';
import { call, JSON_ONLY, makeClient, nextMessage, rpc } from '../helpers/raw-http.js';
import { until } from '../helpers/until.js';

describe('a stream that was cut', () => {
  it('goes on where it was left: the standalone one [http.resume http.streams]', async () => {
    await using bridge = await reachBridge();
    using client = makeClient(bridge.url);
    await client.initialize();
    await client.ask(rpc(1, 'resources/subscribe', { uri: 'echo://one' }), JSON_ONLY);
    const touch = (id: number) => client.ask(call(id, 'touch', { uri: 'echo://one' }), JSON_ONLY);

    const stream = await client.get();
    const events = stream.events();
    const priming = await events.next();
    expect(priming.value).toMatchObject({ id: 'g.0', data: '' });
    await touch(2);
    const first = await nextMessage(events);
    stream.drop();
    await touch(3);
    await touch(4);

    const resumed = (await client.get({ 'Last-Event-ID': first.id })).events();
    const missed = [await nextMessage(resumed), await nextMessage(resumed)];
    expect(missed.map(({ data }) => JSON.parse(data ?? '').method)).toEqual(Array(2).fill(UPDATED));
    expect(new Set([first, ...missed].map(({ id }) => id)).size).toBe(3);
    // And it is live again.
    await touch(5);
    expect(JSON.parse((await nextMessage(resumed)).data ?? '')).toMatchObject({ method: UPDATED });
  });

  it('goes on where it was left: that of a call, to its answer [http.resume]', async () => {
    await using bridge = await startBridge();
    using client = makeClient(bridge.url);
    await client.initialize();

    const _meta = { progressToken: 'p' };
    const params = { name: 'wait', arguments: { ms: 300, name: 'tea' }, _meta };
    const reply = await client.post(rpc(2, 'tools/call', params));
    const events = reply.events();
    const started = await nextMessage(events);
    expect(JSON.parse(started.data ?? '')).toMatchObject({ params: { progress: 0 } });
    reply.drop();

    const resumed = await client.get({ 'Last-Event-ID': started.id });
    const rest: object[] = [];
    let last: string | undefined;
    for await (const { id, data } of resumed.events()) {
      last = id ?? last;
      if (data) rest.push(JSON.parse(data));
    }
    expect(rest).toEqual([
      expect.objectContaining({ params: { progressToken: 'p', progress: 300, total: 300 } }),
      expect.objectContaining({ id: 2, result: { content: [{ type: 'text', text: 'waited tea' }] } }),
    ]);
    expect((await client.get({ 'Last-Event-ID': last })).status).toBe(405);
  });

  it('is come back to by a client of either SDK, which misses nothing [http.resume]', async () => {
    const cutAndResume = async (connect: Connect) => {
      await using bridge = await startBridge();
      const network = makeNetwork();
      await using client = await connect(bridge.url, { fetch: network.fetch });
      await client.subscribeResource({ uri: 'echo://one' });
      using other = makeClient(bridge.url);
      other.session = client.sessionId;

      await until(() => network.listened === 1, 'the stream it listens on');
      network.cut();
      await until(async () => (await bridge.health()).sessions.connected === 0, 'the end of that stream');
      await other.ask(call('x', 'touch', { uri: 'echo://one' }), JSON_ONLY);
      await client.untilHeard(({ method }) => method === UPDATED, 'the update that was missed');
      expect(network.listened).toBe(2);
      expect(client.heard).toHaveLength(1);
    };
    await Promise.all([cutAndResume(connectV1), cutAndResume(connectV2)]);
  });
});

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  it('gets an answer of 8 MB, and 200 notifications in a call [http.passthrough]', async () => {
    await using bridge = await startBridge({ server: fixture('big-answers') });
    await using client = await connect(bridge.url);

    const bytes = 8 * 1024 * 1024;
    const big = await client.call('big', { bytes });
    expect(big.length).toBe(bytes);
    expect(/^x+$/.test(big)).toBe(true);
    expect(await client.call('flood', { count: 200, bytes: 1000 })).toBe('flooded 200');
    expect(client.heard).toHaveLength(200);
  });

  it('gets every character of a server that cuts them in pieces [http.passthrough]', async () => {
    await using bridge = await startBridge({ server: fixture('escapes-utf8') });
    await using client = await connect(bridge.url);

    expect(await client.call('unicode')).toBe(
      'emoji 👩‍👩‍👧‍👦🏳️‍🌈 CJK 漢字かな한글 combining e\u0301a\u0308 line\u2028separator NUL\u0000',
    );
    const text = 'there and back 🏳️‍🌈\u2028漢字';
    expect(await client.call('echo', { text })).toBe(text);
  });

  it('hears nothing of what its server prints between messages; the log does [supervise.noise]', async () => {
    await using bridge = await startBridge({ server: fixture('noisy-stdout') });
    await using client = await connect(bridge.url);

    expect(await client.call('echo', { text: 'hello' })).toBe('hello');
    expect(await client.call('count')).toBe('1');
    expect(client.heard).toEqual([]);
    for (const noise of ['=== Super Server 3000 ===', '{"level":30,"msg":"x"}', '[1, 2', 'null']) {
      const line = await bridge.untilLine(({ msg }) => msg.endsWith(`no JSON-RPC: ${noise}`), noise);
      expect(line.level).toBe('warn');
    }
    expect(bridge.lines.filter(({ msg }) => /no JSON-RPC:\s*$/.test(msg))).toEqual([]);
  });
});

it('passes numbers and members on as they were written [http.passthrough]', async () => {
  await using bridge = await startBridge({ server: fixture('bigints') });
  using client = makeClient(bridge.url);
  await client.initialize();
  const body =
    '{"x-big":18446744073709551615,"jsonrpc":"2.0","params":{"arguments":{"b":1.0,"a":9007199254740993},"name":"raw-params"},"id":7,"method":"tools/call"}';
  expect((await client.ask(body)).result?.content?.[0]?.text).toBe(body);

  const text = await (await client.post(call(8, 'big-integer'), JSON_ONLY)).text();
  expect(text).toContain('"x-integer":9007199254740993,');
  expect(text).toContain('"x-float":1.0,"x-huge":1e400,"x-zero":-0.0,"x-exponent":1E+2}');
  expect(text).toContain('"x-extra":{"b":18446744073709551615,"a":null}');

  const params = { anything: [{ deep: true }] };
  expect(await client.ask(rpc(9, 'vendor/echo', params))).toMatchObject({ id: 9, result: params });
});

const UPDATED = 'notifications/resources/updated';
