// A session under any interleaving of calls, answers, cancellations, crashes and lost connections: every request gets
// exactly one answer, or none if it was cancelled or its client was gone before it could know where to come back to.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isObject, parseJson } from '../../src/protocol/jsonrpc.js';
import type { FakeChild, Received } from '../helpers/fake-child.js';
import {
  type ConnectionKind,
  type Exchange,
  type FakeConnection,
  Scene,
  settle,
} from '../helpers/session.js';

/** One thing that happens; `pick` chooses to whom. `calm`: all that follows happens before the next thing does. */
interface Event {
  readonly what: (typeof EVENTS)[number];
  readonly pick: number;
  readonly calm: boolean;
}

const EVENTS = [
  'call a tool',
  'call a tool',
  'read',
  'read',
  'call for JSON',
  'headers',
  'headers',
  'cancel',
  'leave',
  'come back',
  'server ready',
  'server ready',
  'server answers',
  'server answers',
  'server answers',
  'server answers and ends',
  'server ends',
  'server ends',
  'server asks',
  'server asks',
  'server says',
  'client answers',
  'client answers',
  'notify',
  'GET',
  'close GET',
  'a moment',
  'a minute',
  'sweep',
] as const;

const anyEvent: fc.Arbitrary<Event> = fc.record({
  what: fc.constantFrom(...EVENTS),
  pick: fc.nat({ max: 1_000 }),
  calm: fc.boolean(),
});
const anyEnd = fc.constantFrom('all is answered', 'end', 'shutdown');

/** A server that answers when the test says so. */
interface Server {
  readonly name: string;
  readonly child: FakeChild;
  isReady: boolean;
  readonly handshake: Received[];
  readonly calls: Received[];
  asked: number;
}

/** A request of the client, and all that it knows of it. */
interface Asked extends Exchange {
  /** The connections its client has had for it, newest last. */
  readonly connections: FakeConnection[];
  /** The client has closed the newest one. */
  away: boolean;
  /** The client has no way to the answer any more. */
  gone: boolean;
  /** How many answers there were when it was cancelled by a client that was there. */
  atCancel: number | undefined;
  cancelled: boolean;
}

class World implements AsyncDisposable {
  readonly servers: Server[] = [];
  readonly requests: Asked[] = [];
  readonly scene: Scene;
  readonly #gets: ReturnType<Scene['get']>[] = [];

  constructor() {
    this.scene = new Scene({
      play: (child, nth) => this.#play(child, nth),
      options: { idleTimeout: 30_000, holdTimeout: 55_000 },
    });
  }

  static async open(): Promise<World> {
    const world = new World();
    world.scene.initialize();
    await settle();
    world.#ready();
    await settle();
    world.scene.tell('notifications/initialized');
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }

  get server(): Server {
    return this.servers.at(-1) ?? expect.unreachable();
  }

  async happen({ what, pick, calm }: Event): Promise<void> {
    await this.#deeds[what](pick);
    if (calm) await settle();
  }

  /** Everything is answered by a server that works, however long that takes; and everybody comes back. */
  async answerAll(): Promise<void> {
    for (let round = 0; round < 8; round += 1) {
      await settle();
      this.#ready();
      await settle();
      while (this.server.calls.length > 0) this.#answer(0);
      await this.scene.pass(10_000);
    }
    this.comeBack();
  }

  comeBack(): void {
    for (const request of this.requests) if (request.away) this.#comeBack(request);
  }

  readonly #deeds: Record<Event['what'], (pick: number) => void | Promise<void>> = {
    'call a tool': () => this.#call('tools/call'),
    read: () => this.#call('resources/read'),
    'call for JSON': (pick) => this.#call(pick % 2 === 0 ? 'tools/call' : 'resources/read', 'json'),
    headers: (pick) => {
      const request = this.#pick(pick);
      if (request && !request.connection.hasEnded && !request.away) this.scene.begin(request);
    },
    cancel: (pick) => {
      const request = this.#pick(pick);
      if (!request || request.cancelled) return;
      request.cancelled = true;
      if (!request.away) request.atCancel = answersOf(request);
      this.scene.cancel(request);
    },
    leave: (pick) => {
      const request = this.#pick(pick);
      if (request) this.#leave(request);
    },
    'come back': (pick) => {
      const request = this.#pick(pick);
      if (request) this.#comeBack(request);
    },
    'server ready': () => this.#ready(),
    'server answers': (pick) => this.#answer(pick),
    'server answers and ends': (pick) => {
      this.#answer(pick);
      this.server.child.end(0);
    },
    'server ends': () => this.server.child.end(1),
    'server asks': () => this.#ask(),
    'server says': () => this.server.child.reply('{"jsonrpc":"2.0","method":"notifications/vendor"}'),
    'client answers': (pick) => this.#clientAnswers(pick),
    notify: () => this.scene.tell('notifications/vendor'),
    GET: () => void this.#gets.push(this.scene.get()),
    'close GET': () => {
      const get = this.#gets.at(-1);
      if (get && !get.connection.isCut) this.scene.leave(get);
    },
    'a moment': () => this.scene.pass(250),
    'a minute': () => this.scene.pass(60_000),
    sweep: () => {
      this.scene.session.sweep(performance.now());
      return this.scene.pass(1_000);
    },
  };

  #play(child: FakeChild, nth: number): void {
    const server: Server = {
      name: `server ${nth}`,
      child,
      isReady: false,
      handshake: [],
      calls: [],
      asked: 0,
    };
    this.servers.push(server);
    child.onReceived = (received) => {
      if (received.id === undefined) return;
      const isHandshake = received.method === 'initialize';
      if (!isHandshake) server.calls.push(received);
      else if (server.isReady) child.answer(received, { protocolVersion: '2025-11-25' });
      else server.handshake.push(received);
    };
  }

  #ready(): void {
    const { server } = this;
    server.isReady = true;
    for (const each of server.handshake.splice(0))
      server.child.answer(each, { protocolVersion: '2025-11-25' });
  }

  #answer(pick: number): void {
    const { calls, child } = this.server;
    const [call] = calls.splice(pick % Math.max(calls.length, 1), 1);
    if (call && !child.hasEnded) child.answer(call);
  }

  #ask(): void {
    const { server } = this;
    if (server.child.hasEnded) return;
    const who = `${server.name}, ${server.asked}`;
    server.child.reply(
      `{"jsonrpc":"2.0","id":${server.asked},"method":"roots/list","params":{"who":"${who}"}}`,
    );
    server.asked += 1;
  }

  #clientAnswers(pick: number): void {
    const asked = this.connections().flatMap(({ got }) =>
      got.filter(({ method }) => method === 'roots/list'),
    );
    const { id, params } = asked.at(-1 - (pick % 3)) ?? {};
    if (id !== undefined)
      this.scene.send(JSON.stringify({ jsonrpc: '2.0', id, result: { to: params?.who } }));
  }

  #call(method: string, kind: ConnectionKind = 'events'): void {
    const exchange = this.scene.call(method, { name: 'export' }, { kind });
    this.requests.push({
      ...exchange,
      connections: [exchange.connection],
      away: false,
      gone: false,
      atCancel: undefined,
      cancelled: false,
    });
  }

  /** Mostly one that is not over yet. */
  #pick(pick: number): Asked | undefined {
    const open = this.requests.filter(({ connections, gone }) => !gone && !connections.at(-1)?.hasEnded);
    const some = open.length > 0 && pick % 10 !== 0 ? open : this.requests;
    return some[pick % Math.max(some.length, 1)];
  }

  #leave(request: Asked): void {
    const connection = request.connections.at(-1);
    if (!connection || request.away || connection.hasEnded) return;
    request.away = true;
    request.gone ||= !connection.events || !connection.begun;
    this.scene.leave({ stream: request.stream, connection });
  }

  #comeBack(request: Asked): void {
    if (!request.away || request.gone) return;
    const seen = request.connections.flatMap(({ got }) => got).length;
    const { connection, stream } = this.scene.get(`${request.stream.id}.${seen}`);
    if (stream === 'finished') return;
    request.away = false;
    request.connections.push(connection);
  }

  connections(): FakeConnection[] {
    return [
      ...this.requests.flatMap(({ connections }) => connections),
      ...this.#gets.map(({ connection }) => connection),
    ];
  }
}

function answersOf({ connections, id }: Asked): number {
  return connections.reduce((sum, connection) => sum + connection.answers(id).length, 0);
}

/** What must be true of every request, whenever one looks. */
function expectNoAnswerTooMany({ requests }: World): void {
  for (const request of requests) {
    const most = request.gone ? 0 : 1;
    expect(answersOf(request), `answers to ${request.id}`).toBeLessThanOrEqual(most);
    if (request.atCancel !== undefined)
      expect(answersOf(request), `${request.id}, cancelled`).toBe(request.atCancel);
  }
}

function expectAllAnswered({ requests }: World, isKept: boolean): void {
  for (const request of requests) {
    const mustHave = !request.cancelled && !request.gone && (isKept || !request.away);
    if (mustHave) expect(answersOf(request), `answers to ${request.id}`).toBe(1);
    if (!request.away) expect(request.connections.at(-1)?.hasEnded, `the end of ${request.id}`).toBe(true);
  }
}

/** Tool calls reach one server at most, reads two; and each server in the order they were called, repeated ones first. */
function expectOrder({ servers }: World): void {
  const times = new Map<number, number>();
  for (const { child, name } of servers) {
    const calls = child.lines
      .map((text) => JSON.parse(text))
      .filter(({ id, method }) => method && typeof id === 'number');
    const own = calls.filter(({ method }) => method !== 'initialize');
    const isRepeated = own.map(({ id }) => times.has(id));
    expect(isRepeated, name).toEqual([...isRepeated].sort((a, b) => Number(b) - Number(a)));
    for (const repeated of [true, false]) {
      const ids = own.filter((_, i) => isRepeated[i] === repeated).map(({ id }) => id);
      expect(ids, name).toEqual([...ids].sort((a, b) => a - b));
    }
    for (const { id, method } of own) {
      times.set(id, (times.get(id) ?? 0) + 1);
      expect(times.get(id), `${method} ${id}`).toBeLessThanOrEqual(method === 'tools/call' ? 1 : 2);
    }
  }
}

/** Each answer of the client reached the server that asked, under the id it asked with, once. */
function expectAnswersAtHome({ servers }: World): void {
  for (const { child, name } of servers) {
    const got = child.lines.map(parseJson).filter((each) => isObject(each) && isObject(each.result));
    const homes = got.map((each) => each as { id: unknown; result: { to: string } });
    for (const { id, result } of homes) expect(result.to).toBe(`${name}, ${id}`);
    expect(new Set(homes.map(({ id }) => id)).size).toBe(homes.length);
  }
}

/** No event twice, and no id of a server's request for two of them. */
function expectNothingTwice(world: World): void {
  const events = world.connections().flatMap(({ got }) => got);
  const eventIds = events.flatMap(({ eventId }) => eventId ?? []);
  expect(new Set(eventIds).size).toBe(eventIds.length);
  const askedIds = events.filter(({ method }) => method === 'roots/list').map(({ id }) => id);
  expect(new Set(askedIds).size).toBe(askedIds.length);
}

test('every request gets exactly one answer, whatever happens in whatever order [call.once] [call.cancel] [call.hold] [http.resume]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent, { maxLength: 60, size: 'max' }), anyEnd, async (events, end) => {
      await using world = await World.open();
      for (const event of events) {
        await world.happen(event);
        expectNoAnswerTooMany(world);
      }
      if (end === 'all is answered') await world.answerAll();
      if (end === 'shutdown') world.scene.session.shutdown(5_000);
      if (end === 'end') world.scene.session.end();
      if (end === 'shutdown') world.comeBack();
      await settle();
      expect(world.scene.session.jobs).toEqual({ pending: 0, running: 0 });
      expectNoAnswerTooMany(world);
      expectAllAnswered(world, end !== 'end');
      expectOrder(world);
      expectAnswersAtHome(world);
      expectNothingTwice(world);
    }),
    { numRuns: 100 },
  );
});
