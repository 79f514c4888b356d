// What a client is told while no server can be asked: what fresh servers of the last working generation said, and nothing
// that only another client should see.
import { expect, test } from 'vitest';
import { type FakeChild, mcpServer, silent } from '../helpers/fake-child.js';
import { settle, UNCHANGED } from '../helpers/session.js';
import { Town } from '../helpers/town.js';

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
  newcomer.answer(await newcomer.received('initialize'), { protocolVersion: '2025-11-25' });
  expect(await taken).toEqual({ kind: 'serves' });
  town.ask(id, 'tools/list');
  await settle();
  expect(await toldMeanwhile()).toEqual(['server-1']);
});
