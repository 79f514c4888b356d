// Session ids that the next bridge has no record of: ended, never kept, another project's, or nobody's.
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, startBridge } from '../helpers/bridge.js';
import { connectV1, connectV2 } from '../helpers/client.js';
import { end, makePlace } from '../helpers/place.js';
import {
  call,
  initializeMessage,
  JSON_ONLY,
  makeClient,
  notification,
  type RawClient,
  rpc,
  textOf,
} from '../helpers/raw-http.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'a session that was ended stays so after %s: 404 [session.same-id]',
  async (how) => {
    const place = await makePlace();
    await using first = await place.start();
    using client = makeClient(first.url);
    using other = makeClient(first.url);
    await client.initialize();
    await other.initialize();
    expect((await client.del()).status).toBe(200);
    await end(first, how);

    await using second = await place.start();
    const replies = [await client.post(call(1, 'count')), await client.get(), await client.del()];
    for (const reply of replies) {
      expect(reply.status).toBe(404);
      expect((await reply.json()).error?.message).toContain('Send initialize to open a new session.');
    }
    expect(textOf(await other.ask(call(1, 'count')))).toBe('1');
    expect(await second.health()).toMatchObject({ sessions: { total: 1 } });
  },
);

describe('an id that is not on record', () => {
  it('is served under that id: its client need not know that nothing was kept [session.recreate]', async () => {
    const place = await makePlace({ server: fixture('strict'), options: ['--no-persist'] });
    await using first = await place.start();
    await using one = await connectV1(first.url);
    await using two = await connectV2(first.url);
    using old = makeClient(first.url);
    await old.initialize('2025-06-18');
    await end(first, 'SIGKILL');
    expect(readdirSync(place.home.path)).toEqual([]);

    await using second = await place.start();
    const ids = [one.sessionId, two.sessionId];
    const clientInfo = { name: 'mcp-bridge', version: '1' };
    for (const client of [one, two]) {
      expect(JSON.parse(await client.call('order'))).toEqual([
        'initialize',
        'notifications/initialized',
        'tools/call',
      ]);
      const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
      expect(JSON.parse(await client.call('hello'))).toEqual(hello);
    }
    expect([one.sessionId, two.sessionId]).toEqual(ids);
    // With the revision of its header; without one it is the one that had no header.
    const helloOf = async (client: RawClient) => JSON.parse(textOf(await client.ask(call(1, 'hello'))) ?? '');
    expect(await helloOf(old)).toMatchObject({ protocolVersion: '2025-06-18' });
    using bare = makeClient(second.url);
    bare.session = 'an-id-of-long-ago';
    expect(await helloOf(bare)).toMatchObject({ protocolVersion: '2025-03-26' });
    expect(await second.health()).toMatchObject({ sessions: { total: 4 } });
  });

  it('costs no server before its first request, and is 404 to who ends it [session.recreate]', async () => {
    await using bridge = await startBridge();
    using client = makeClient(bridge.url);
    client.session = 'nobody-knows';
    expect((await client.del()).status).toBe(404);
    expect((await client.post(notification('notifications/roots/list_changed'))).status).toBe(202);
    expect(await bridge.health()).toMatchObject({ sessions: { total: 0 } });
    expect((await client.get()).status).toBe(200);
    expect(bridge.look()).toEqual([]);
    expect(textOf(await client.ask(call(1, 'count')))).toBe('1');
    expect(bridge.look()).toHaveLength(1);
    expect((await client.del()).status).toBe(200);
    expect((await client.post(call(2, 'count'))).status).toBe(404);
  });

  it('is kept like any other once it is served [session.recreate session.same-id]', async () => {
    const place = await makePlace();
    await using first = await place.start();
    using client = makeClient(first.url);
    client.session = 'nobody-knows';
    await client.ask(rpc(1, 'logging/setLevel', { level: 'alert' }), JSON_ONLY);
    await end(first, 'SIGKILL');
    await using _second = await place.start({ options: ['--unknown-session', 'reject'] });
    expect(textOf(await client.ask(call(2, 'level')))).toBe('alert');
  });

  it('is 404 with --unknown-session reject, and its client is told to initialize [session.recreate]', async () => {
    const place = await makePlace({ options: ['--no-persist', '--unknown-session', 'reject'] });
    await using first = await place.start();
    using client = makeClient(first.url);
    await client.initialize();
    await end(first, 'SIGKILL');

    await using bridge = await place.start();
    for (const reply of [await client.post(call(1, 'count')), await client.get(), await client.del()]) {
      expect(reply.status).toBe(404);
      const { error } = await reply.json();
      expect(error).toMatchObject({ code: -32001, message: expect.stringContaining('Send initialize') });
    }
    expect(bridge.look()).toEqual([]);
    client.session = undefined;
    expect(await (await client.post(initializeMessage('2025-11-25'))).answer()).toHaveProperty('result');
  });

  it('of another project is 404, and says whose this is [session.recreate]', async () => {
    const [mine, theirs] = [makeTempFolder(), makeTempFolder()];
    await using other = await startBridge({ cwd: theirs.path });
    using client = makeClient(other.url);
    await client.initialize();

    await using bridge = await startBridge({ cwd: mine.path });
    using stray = makeClient(bridge.url);
    stray.session = client.session;
    const reply = await stray.post(call(1, 'count'));
    expect(reply.status).toBe(404);
    const { error } = await reply.json();
    expect(error?.message).toContain(
      `it is another project's; this is ${fixture('echo').join(' ')} in ${mine.path}`,
    );
    expect(bridge.look()).toEqual([]);
  });
});
