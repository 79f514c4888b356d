// A client whose `initialize` breaks the server, and comes back again and again: nobody else is shut out.
import { expect, test } from 'vitest';
import { type FakeChild, mcpServer } from '../helpers/fake-child.js';
import { settle } from '../helpers/session.js';
import { IDLE, Town } from '../helpers/town.js';

const SECOND = 1_000;

/** Ends with the `initialize` of the bad client. */
function play(child: FakeChild): void {
  mcpServer()(child);
  const answer = child.onReceived;
  child.onReceived = (received) => {
    if (received.text.includes('"bad"')) child.end(7);
    else answer(received);
  };
}

/** The bad client comes every second. */
async function beset(town: Town, seconds: number): Promise<void> {
  for (let n = 0; n < seconds; n += 1) {
    town.arrive('bad');
    await town.pass(SECOND, SECOND / 4);
  }
}

/** The bad client is there, and a session of another one that slept when it came. */
async function besetAsleep() {
  const town = new Town({ play });
  const id = await town.open();
  await town.pass(2 * IDLE);
  expect(town.the(id).state).toBe('dormant');
  await beset(town, 10);
  expect(town.starts.halted).toBe(true);
  return { town, id };
}

test('a session wakes, as often as it slept [supervise.crash session.idle]', async () => {
  const { town, id } = await besetAsleep();
  await using _ = town;
  for (let n = 0; n < 8; n += 1) {
    const { session, connection } = town.call(id);
    await settle();
    expect(connection.only.result).toBeDefined();
    session.sleep();
    await beset(town, 2);
    expect([session.state, town.starts.halted]).toEqual(['dormant', true]);
  }
});

test('another client opens a session at once [supervise.crash]', async () => {
  const { town } = await besetAsleep();
  await using _ = town;
  for (let n = 0; n < 8; n += 1) {
    await town.open();
    await beset(town, 2);
    expect(town.starts.halted).toBe(true);
  }
});

test('the server is started for it every five seconds [supervise.crash]', async () => {
  const { town } = await besetAsleep();
  await using _ = town;
  const { length } = town.children.all;
  await beset(town, 50);
  expect(town.children.all.length - length).toBe(10);
});

test('is told why as ever [supervise.crash call.words]', async () => {
  const { town } = await besetAsleep();
  await using _ = town;
  const { connection } = town.arrive('bad');
  await settle();
  expect(connection.only.error?.message).toMatch(/^Not run: the server does not start \(exit 7\)\./);
});
