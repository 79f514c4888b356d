// The bridge itself ends, however it does, and another one comes in its place: its clients go on as if nothing had been.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type BridgeProcess, fixture, SERVERS } from '../helpers/bridge.js';
import { connectV1, connectV2, type TestClient } from '../helpers/client.js';
import { makeNetwork } from '../helpers/network.js';
import { end, makePlace, type Place } from '../helpers/place.js';
import { call, JSON_ONLY, makeClient, textOf } from '../helpers/raw-http.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const UPDATED = 'notifications/resources/updated';
const TOOLS_CHANGED = 'notifications/tools/list_changed';
const KILLED = 'May have run: the bridge ended before the answer came.';

/** All that a client may find wrong with a bridge that is away for a while. */
const NOISE = /^SSE stream disconnected|^Failed to reconnect SSE stream|^fetch failed$|^the network is gone$/;

describe('killed in the middle of streams, the bridge is back in a moment', () => {
  it('and each client gets all that was logged for it, once, and one word on its call [http.resume session.same-id call.words]', async () => {
    const place = await makePlace({ server: fixture('ticks') });
    await using first = await place.start();
    const networks = [makeNetwork(), makeNetwork()] as const;
    await using one = await connectV1(first.url, networks[0]);
    await using two = await connectV2(first.url, networks[1]);
    const clients = [one, two];
    const ids = clients.map(({ sessionId }) => sessionId);

    const answers = clients.map((client) => messageOf(client.call('tick')));
    for (const client of clients) await client.untilHeard(({ params }) => params?.data === 10, 'ten ticks');
    for (const network of networks) network.cut();
    const heard = clients.map((client) => client.heard.length);
    const areAhead = () => clients.every((client, i) => ticksIn(place, client).length > (heard[i] ?? 0) + 10);
    await until(areAhead, 'ticks that nobody hears');
    await end(first, 'SIGKILL');
    const logged = clients.map((client) => ticksIn(place, client));

    await using second = await place.start();
    for (const [i, client] of clients.entries()) {
      expect(await answers[i]).toContain(KILLED);
      expect(client.heard.map(({ params }) => params?.data)).toEqual(logged[i]);
      expect(logged[i]).toEqual(logged[i]?.map((_, n) => n + 1));
    }
    await untilListening(second, 2);
    for (const [i, client] of clients.entries()) {
      expect(await client.call('echo', { text: 'hello' })).toBe('hello');
      expect(client.heard).toHaveLength(logged[i]?.length ?? 0);
      expect(wrong(client)).toEqual([]);
    }
    expect(clients.map(({ sessionId }) => sessionId)).toEqual(ids);
  });

  it('and each client hears what was for it while it was away, in order, once [http.resume]', async () => {
    const place = await makePlace();
    await using first = await place.start();
    const networks = [makeNetwork(), makeNetwork()] as const;
    await using one = await connectV1(first.url, networks[0]);
    await using two = await connectV2(first.url, networks[1]);
    const clients = [one, two];
    const uris = ['echo://one', 'echo://two', 'echo://one'];
    for (const client of clients) for (const uri of new Set(uris)) await client.subscribeResource({ uri });
    await untilListening(first, 2);
    for (const network of networks) network.cut();
    await untilListening(first, 0);
    for (const { sessionId } of clients) {
      using other = makeClient(first.url);
      other.session = sessionId;
      for (const uri of uris)
        expect(textOf(await other.ask(call('x', 'touch', { uri }), JSON_ONLY))).toBe('updated');
    }
    await end(first, 'SIGKILL');

    await using second = await place.start();
    await untilListening(second, 2);
    for (const client of clients) {
      expect(await client.call('touch', { uri: 'echo://two' })).toBe('updated');
      await until(() => client.heard.length >= 4, 'the updates');
      expect(client.heard.map(({ params }) => params?.uri)).toEqual([...uris, 'echo://two']);
      expect(wrong(client)).toEqual([]);
    }
  });
});

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'after %s sessions go on under their ids, and their servers are told all that lasts, in order [session.same-id session.replay]',
  async (how) => {
    const place = await makePlace({ server: fixture('strict') });
    await using first = await place.start();
    await using one = await connectV1(first.url);
    await using two = await connectV2(first.url);
    const clients = [one, two];
    const ids = clients.map(({ sessionId }) => sessionId);
    const levels = ['error', 'alert'] as const;
    for (const [i, client] of clients.entries()) {
      await client.setLoggingLevel(levels[i] ?? 'debug');
      await client.subscribeResource({ uri: 'echo://one' });
      await client.subscribeResource({ uri: 'echo://two' });
      await client.unsubscribeResource({ uri: 'echo://one' });
    }
    const hello = await one.call('hello');
    await end(first, how);

    await using second = await place.start();
    for (const [i, client] of clients.entries()) {
      expect(JSON.parse(await client.call('order'))).toEqual([
        'initialize',
        'notifications/initialized',
        'logging/setLevel',
        'resources/subscribe',
        'tools/call',
      ]);
      expect(await client.call('level')).toBe(levels[i]);
      expect(await client.call('subscriptions')).toBe('["echo://two"]');
      expect(await client.call('touch', { uri: 'echo://two' })).toBe('updated');
      await client.untilHeard(({ method }) => method === UPDATED, 'the update');
    }
    expect(await one.call('hello')).toBe(hello);
    expect(clients.map(({ sessionId }) => sessionId)).toEqual(ids);
    expect(await second.health()).toMatchObject({ status: 'healthy', sessions: { total: 2 } });
    // Clients try twice: after a stop they have been told to take their time.
    await untilListening(second, 2);
    for (const client of clients) expect(wrong(client)).toEqual([]);
  },
);

describe('a server that was changed while no bridge ran', () => {
  it('is news to each client, once, and it sees the new tool [session.changed]', async () => {
    const { folder, place } = await makeProject(code('old'));
    await using first = await place.start();
    await using one = await connectV1(first.url);
    await using two = await connectV2(first.url);
    const clients = [one, two];
    for (const client of clients) expect(await lists(client)).toContain('old');
    await end(first, 'SIGKILL');

    folder.write('server.mjs', code('young'));
    await using second = await place.start();
    for (const client of clients) {
      expect(await client.call('young')).toBe('young');
      await client.untilHeard(({ method }) => method === TOOLS_CHANGED, 'the news');
      expect(await lists(client)).toContain('young');
    }
    await untilListening(second, 2);
    for (const client of clients) {
      await client.ping();
      expect(client.heard.map(({ method }) => method)).toEqual([TOOLS_CHANGED]);
    }
  });

  it('is none if its lists are the same [session.changed]', async () => {
    const { folder, place } = await makeProject(code('old'));
    await using first = await place.start();
    await using one = await connectV1(first.url);
    await using two = await connectV2(first.url);
    const clients = [one, two];
    for (const client of clients) await lists(client);
    await end(first, 'SIGKILL');

    folder.write('server.mjs', `${code('old')}// Another text.\n`);
    await using second = await place.start();
    for (const client of clients) expect(await client.call('old')).toBe('old');
    await untilListening(second, 2);
    for (const client of clients) {
      await lists(client);
      expect(client.heard).toEqual([]);
    }
  });
});

/** A place with a server of its own, which can be written anew. */
async function makeProject(source: string) {
  const folder = makeTempFolder({ 'server.mjs': source });
  return { folder, place: await makePlace({ server: ['node', 'server.mjs'], cwd: folder.path }) };
}

/** The source of an echo server with one more tool. */
function code(name: string): string {
  const from = (file: string) => `'${pathToFileURL(path.join(SERVERS, 'lib', file))}'`;
  return `import { makeEcho } from ${from('echo.mjs')};
import { serve } from ${from('stdio.mjs')};
import { tool } from ${from('tools.mjs')};

serve(makeEcho({ tools: [tool('${name}', 'Gives its name', {}, () => '${name}')] }));
`;
}

/** The client looks at all lists; the names of the tools. */
async function lists(client: TestClient): Promise<string[]> {
  await client.listPrompts();
  await client.listResources();
  await client.listResourceTemplates();
  return (await client.listTools()).tools.map(({ name }) => name);
}

/** What has been kept of the ticks for this client. */
function ticksIn(place: Place, { sessionId }: TestClient): number[] {
  const lines = readFileSync(path.join(place.state, 'events.log'), 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, id, text] = /^e (\S+) \S+ \d+ [01] (.*)$/.exec(line) ?? [];
    const message = id === sessionId && text ? JSON.parse(text) : {};
    return message.params?.logger === 'ticks' ? message.params.data : [];
  });
}

async function untilListening(bridge: BridgeProcess, count: number): Promise<void> {
  await until(async () => (await bridge.health()).sessions.connected === count, `${count} open streams`);
}

/** What the client said was wrong, without what everybody says while a bridge is away. */
function wrong({ errors }: TestClient): string[] {
  return errors.map(({ message }) => message).filter((message) => !NOISE.test(message));
}

function messageOf(answer: Promise<string>): Promise<string> {
  return answer.then(
    (text) => `answered: ${text}`,
    (error: Error) => error.message,
  );
}
