// What a client is told while no server can be asked: what fresh servers of the last working generation said, and nothing
// that only another client should see.
import { describe, expect, test } from 'vitest';
import { type FakeChild, mcpServer, silent } from '../helpers/fake-child.js';
import { settle, UNCHANGED } from '../helpers/session.js';
import { NEWEST, Town } from '../helpers/town.js';

const OLDER = '2025-06-18';

/** Its tools tell which server of the town it is, and what a call made of them. */
function play(child: FakeChild, nth: number): void {
  const isSlow = nth === 1;
  mcpServer({
    'tools/list': (_, { methods }) => {
      const names = [`server-${nth}`, ...(methods.includes('tools/call') ? ['made-by-a-call'] : [])];
      return { result: { tools: names.map((name) => ({ name })) } };
    },
    ...(isSlow && { initialize: silent }),
  })(child);
}

/** A client has called its server, and the next one is starting beside that. */
async function openAmidRollout() {
  let changing = false;
  const town = new Town({ play, standing: () => ({ ...UNCHANGED, changing }) });
  const id = await town.open();
  town.ask(id, 'tools/list');
  await settle();
  town.call(id);
  await settle();
  const taken = town.the(id).takeUp('start-first', 2);
  await settle();
  return {
    town,
    id,
    taken,
    /** The names of the tools that another client is told while a build runs. */
    toldMeanwhile: async () => {
      changing = true;
      town.starts.close();
      const { session, connection } = town.arrive();
      expect(connection.only.result).toBeDefined();
      const { only } = town.ask(session.id, 'tools/list').connection;
      expect(session.supervisor.backends.size).toBe(0);
      return (only.result as { tools: { name: string }[] }).tools.map(({ name }) => name);
    },
  };
}

test('lists that a call of one client has changed in its old server are told to no other, though a new one starts [session.dedicated session.fast]', async () => {
  const { town, id, toldMeanwhile } = await openAmidRollout();
  await using _ = town;
  const { connection } = town.ask(id, 'tools/list');
  await settle();
  expect(connection.only.text).toContain('made-by-a-call');
  expect(await toldMeanwhile()).toEqual(['server-0']);
});

test('that a call ran at the old server while the new one started makes the lists of the new one no older [session.fast]', async () => {
  const { town, id, taken, toldMeanwhile } = await openAmidRollout();
  await using _ = town;
  town.call(id);
  await settle();
  const newcomer = town.children.last;
  newcomer.answer(await newcomer.received('initialize'), { protocolVersion: NEWEST });
  expect(await taken).toEqual({ kind: 'serves' });
  town.ask(id, 'tools/list');
  await settle();
  expect(await toldMeanwhile()).toEqual(['server-1']);
});

test.each([
  ['logging/setLevel', { level: 'error' }],
  ['resources/subscribe', { uri: 'a:' }],
  ['resources/unsubscribe', { uri: 'a:' }],
])(
  'lists of a server that was only told what every next one is told too are for other clients: %s [session.fast]',
  async (method, params) => {
    let changing = false;
    await using town = new Town({ play, standing: () => ({ ...UNCHANGED, changing }) });
    const id = await town.open();
    town.ask(id, method, params);
    town.ask(id, 'tools/list');
    await settle();
    changing = true;
    town.starts.close();
    const { session } = town.arrive();
    expect(town.ask(session.id, 'tools/list').connection.only.text).toContain('server-0');
  },
);

/** Says what it is called, and agrees on the older one of the revision it is asked for and the one it knows. */
const named = (name: string, knows = NEWEST) =>
  mcpServer({
    initialize: ({ params: { protocolVersion: asked } }) => {
      const protocolVersion = String(asked) < knows ? asked : knows;
      return { result: { protocolVersion, capabilities: {}, serverInfo: { name, version: '1' } } };
    },
  });

/** So many clients, then a next server for the first of them, then a build. */
async function openAndReplace(clients: number, servers: ((child: FakeChild) => void)[]): Promise<Town> {
  let changing = false;
  const play = (child: FakeChild, nth: number) => servers[nth]?.(child);
  const town = new Town({ play, standing: () => ({ ...UNCHANGED, changing }) });
  const first = await town.open();
  for (let n = 1; n < clients; n += 1) await town.open();
  expect(await town.the(first).takeUp('start-first', 2)).toEqual({ kind: 'serves' });
  changing = true;
  town.starts.close();
  return town;
}

describe('while a build runs, initialize is answered', () => {
  /** The server's name and the revision, as a client that comes now is told them at once. */
  function told(town: Town): unknown[] {
    const { result } = town.arrive().connection.only;
    const { protocolVersion, serverInfo } = result as {
      protocolVersion: string;
      serverInfo: { name: string };
    };
    return [serverInfo.name, protocolVersion];
  }

  test.each([NEWEST, OLDER])(
    'as the last working generation did, though no client has opened a session with that: %s [session.fast]',
    async (revision) => {
      await using town = await openAndReplace(1, [named('old', revision), named('new', revision)]);
      expect(told(town)).toEqual(['new', revision]);
    },
  );

  test('with the revision that such a client was told, not with an older one that another client has agreed on [session.fast]', async () => {
    // The last one would speak the newest revision, but its client has agreed on an older one with the first.
    await using town = await openAndReplace(2, [named('old', OLDER), named('newer'), named('newest')]);
    expect(told(town)).toEqual(['newer', NEWEST]);
  });

  test('as the first server did, where that came after the bridge had answered its client [session.first-build session.fast]', async () => {
    let changing = false;
    const play = mcpServer({ initialize: silent });
    await using town = new Town({ play, standing: () => ({ ...UNCHANGED, changing }) });
    const first = town.arrive();
    await town.pass(5_000);
    expect(first.connection.only.text).toContain('still being built');
    const server = town.children.last;
    const result = { protocolVersion: NEWEST, capabilities: {}, serverInfo: { name: 'slow', version: '1' } };
    server.answer(await server.received('initialize'), result);
    await settle();
    changing = true;
    town.starts.close();
    expect(told(town)).toEqual(['slow', NEWEST]);
  });
});
