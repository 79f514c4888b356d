// What is written arrives as it was written, on the whole road from the client's socket to the server's stdin and back.
import { afterEach, describe, expect, test } from 'vitest';
import { expectNoBackendLeft, startEndpoint } from '../helpers/endpoint.js';
import { call, initializeMessage, makeClient, type RpcReply, rpc, textOf } from '../helpers/raw-http.js';

afterEach(expectNoBackendLeft);

const EVENTS_ONLY = { Accept: 'text/event-stream' };

/** What the bigints fixture writes for this id. */
function bigAnswer(id: number): string {
  return (
    '{"result":{"x-integer":9007199254740993,"content":[{"text":"9007199254740993","type":"text"}],' +
    '"x-float":1.0,"x-huge":1e400,"x-zero":-0.0,"x-exponent":1E+2},' +
    `"x-extra":{"b":18446744073709551615,"a":null},"id":${id},"jsonrpc":"2.0"}`
  );
}

describe('a message to the server', () => {
  const WRITTEN = [
    '{"x-first":18446744073709551615,"params":{"name":"raw-params","arguments":{"z":1.0,"a":-0.0,"m":1E+2,"n":1e400}},"method":"tools/call","id":1,"jsonrpc":"2.0"}',
    '{ "jsonrpc" : "2.0",\t"id":1 , "method":"tools\\/call", "params":{"name":"raw-\\u0070arams" , "é漢😀":["\\ud83d\\ude00","\\n\\u0000\u2028\u2029"]}}',
    '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"raw-params","x":{"a":1,"a":2,"":{"__proto__":null}}},"id":1}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"raw-params","_meta":{"vendor/x":[[[]]],"progressToken":9007199254740993}}}',
  ];

  test('keeps unknown members, the order of keys, numbers, escapes and spaces [http.passthrough]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    for (const text of WRITTEN) expect(textOf(await client.ask(text))).toBe(text);
  });

  test('that is pretty-printed is one line, whatever its line ends were [http.passthrough]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    const written = (message: object, lineEnd: string) =>
      `${lineEnd}${JSON.stringify(message, null, 2).replaceAll('\n', lineEnd)}${lineEnd}`;
    const opened = await client.post(written(initializeMessage('2025-11-25'), '\r\n'));
    await opened.answer();
    client.session = opened.headers['mcp-session-id']?.toString();
    for (const lineEnd of ['\n', '\r\n', '\r']) {
      const text = written(call(1, 'raw-params', { text: 'two\r\nlines' }), lineEnd);
      expect(textOf(await client.ask(text))).toBe(text.replace(/[\r\n]/g, ' '));
    }
  });

  test('may have a method that nobody knows [http.passthrough]', async () => {
    await using endpoint = await startEndpoint();
    using client = makeClient(endpoint.url);
    await client.initialize();
    const params = { '': { a: [null, true, 'é'] }, _meta: { 'vendor/x': 1 } };
    expect((await client.ask(rpc(1, 'vendor/echo', params))).result).toEqual(params);
    expect((await client.ask(rpc(2, 'vendor/none'))).error?.message).toBe('Method not found: vendor/none');
  });

  test('that answers the server keeps all but the id [http.passthrough]', async () => {
    await using endpoint = await startEndpoint({ server: 'asks-client.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize();
    const ask = async (id: number, reply: string) => {
      const events = (await client.post(call(id, 'ask-roots'))).events();
      for (let asked = ''; !asked.includes('roots/list'); ) {
        asked = (await events.next()).value?.data ?? '';
      }
      expect((await client.post(reply)).status).toBe(202);
      const { value } = await events.next();
      return textOf(JSON.parse(value?.data ?? 'null') as RpcReply);
    };
    const replies = [
      '{"x":9007199254740993,"result":{"b":1.0,"a":{}},"id":0,"jsonrpc":"2.0"}',
      '{"error":{"data":[1e400],"code":-32000,"message":"no","x":null},"id":1,"jsonrpc":"2.0"}',
    ];
    expect(await ask(1, replies[0] ?? '')).toBe(replies[0]);
    expect(await ask(2, replies[1] ?? '')).toBe(replies[1]);
  });
});

describe('a message to the client', () => {
  test('keeps unknown members, the order of keys and numbers, as body and as event [http.passthrough]', async () => {
    await using endpoint = await startEndpoint({ server: 'bigints.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize();
    const body = await client.post(call(1, 'big-integer'));
    expect(body.type).toBe('application/json');
    expect(await body.text()).toBe(bigAnswer(1));
    const datas: (string | undefined)[] = [];
    for await (const { data } of (await client.post(call(2, 'big-integer'), EVENTS_ONLY)).events()) {
      datas.push(data);
    }
    expect(datas).toEqual(['', bigAnswer(2)]);
  });

  test('keeps every script, as body and as event [http.passthrough]', async () => {
    await using endpoint = await startEndpoint({ server: 'escapes-utf8.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize();
    const texts = [
      textOf(await client.ask(call(1, 'unicode'), { Accept: 'application/json' })),
      textOf(await client.ask(call(2, 'unicode'), EVENTS_ONLY)),
    ];
    expect(new Set(texts).size).toBe(1);
    for (const part of ['👩‍👩‍👧‍👦🏳️‍🌈', '漢字かな한글', 'e\u0301a\u0308', 'line\u2028separator', 'NUL\u0000'])
      expect(texts[0]).toContain(part);
  });

  test('is found among what a server prints beside it [supervise.noise]', async () => {
    await using endpoint = await startEndpoint({ server: 'noisy-stdout.mjs' });
    using client = makeClient(endpoint.url);
    await client.initialize();
    for (let i = 0; i < 10; i += 1) {
      const reply = await client.post(call(i, 'echo', { text: `${i}` }));
      expect(reply.type).toBe('application/json');
      expect(textOf(await reply.json())).toBe(`${i}`);
    }
  });
});
