// What passes between several sessions and their one server: to whom, and under which name.
import { describe, expect, test } from 'vitest';
import { type Listener, Switchboard } from '../../src/backend/switchboard.js';
import { asLine, type Line, notificationText, requestText } from '../../src/protocol/jsonrpc.js';

class Ear implements Listener {
  listens = true;
  readonly heard: Line[] = [];

  hear(line: Line): void {
    this.heard.push(line);
  }

  get texts(): string[] {
    return this.heard.map(({ text }) => text);
  }
}

/** Two sessions, and a server that the test plays. */
class Room {
  readonly written: string[] = [];
  readonly one = new Ear();
  readonly two = new Ear();
  full = false;
  readonly board = new Switchboard<Ear>(
    (text) => {
      if (this.full) return 'full';
      this.written.push(text);
      return 'sent';
    },
    new Set([this.one, this.two]),
  );

  send(from: Ear, text: string) {
    return this.board.send(from, read(text));
  }

  /** The server says this. */
  say(text: string): void {
    this.board.onLine(read(text));
  }

  /** The server answers the n-th line it was written, from 0. */
  answer(n: number, result: object = {}): void {
    this.say(JSON.stringify({ jsonrpc: '2.0', id: this.at(n).id, result }));
  }

  refuse(n: number): void {
    this.say(JSON.stringify({ jsonrpc: '2.0', id: this.at(n).id, error: { code: -32602, message: 'no' } }));
  }

  at(n: number) {
    return JSON.parse(this.written[n] ?? 'null');
  }

  /** Method, and what it is about, of all that was written. */
  get asked(): string[] {
    return this.written.map((text) => {
      const { method, params } = JSON.parse(text);
      return `${method} ${params?.uri ?? params?.level ?? params?.requestId}`;
    });
  }
}

function read(text: string): Line {
  const line = asLine(JSON.parse(text), text);
  if (!line) throw new Error(text);
  return line;
}

const updated = (uri: string) => notificationText('notifications/resources/updated', { uri });
const log = (level: string) => notificationText('notifications/message', { level, data: 'x' });

describe('a request', () => {
  test('has a number of its own, and its answer the id of who asked, to the letter [session.dedicated http.passthrough]', () => {
    const room = new Room();
    room.send(room.one, '{"jsonrpc":"2.0","method":"a","id":"1", "params":{"n":12345678901234567890}}');
    room.send(room.two, '{"jsonrpc":"2.0","method":"a","id":1.0,"x":1.0}');
    expect(room.written).toEqual([
      '{"jsonrpc":"2.0","method":"a","id":1, "params":{"n":12345678901234567890}}',
      '{"jsonrpc":"2.0","method":"a","id":2,"x":1.0}',
    ]);
    room.say('{"jsonrpc":"2.0","id":2,"result":{"n":1.0}}');
    room.say('{"jsonrpc":"2.0","id":1,"result":{"n":2.0}}');
    expect(room.one.texts).toEqual(['{"jsonrpc":"2.0","id":"1","result":{"n":2.0}}']);
    expect(room.two.texts).toEqual(['{"jsonrpc":"2.0","id":1.0,"result":{"n":1.0}}']);
    expect([room.one, room.two].map(({ heard }) => heard[0]?.message)).toMatchObject([
      { id: '1' },
      { id: 1 },
    ]);
  });

  test('that a server with a full stdin does not take is no request', () => {
    const room = new Room();
    room.full = true;
    expect(room.send(room.one, requestText(1, 'a'))).toBe('full');
    room.full = false;
    room.say('{"jsonrpc":"2.0","id":1,"result":{}}');
    expect(room.one.heard).toEqual([]);
  });

  test('is answered once, and one that nobody asked is dropped', () => {
    const room = new Room();
    room.send(room.one, requestText(7, 'a'));
    for (const id of ['1', '1', '9', 'null'])
      room.say(`{"jsonrpc":"2.0","id":${id},"error":{"code":1,"message":""}}`);
    expect(room.one.heard).toHaveLength(1);
    expect(room.two.heard).toEqual([]);
  });

  test('is cancelled by its own client only, and answered to nobody then [session.dedicated]', () => {
    const room = new Room();
    room.send(room.one, requestText('x', 'a'));
    const cancel = notificationText('notifications/cancelled', { requestId: 'x' });
    expect(room.send(room.two, cancel)).toBe('sent');
    expect(room.written).toHaveLength(1);
    room.send(room.one, cancel);
    expect(room.at(1).params).toEqual({ requestId: 1 });
    room.answer(0);
    expect(room.one.heard).toEqual([]);
  });

  test('of who has left is cancelled, and answered to nobody [session.dedicated]', () => {
    const room = new Room();
    room.send(room.one, requestText(1, 'a'));
    room.board.drop(room.one, false);
    expect(room.asked).toEqual(['a undefined', 'notifications/cancelled 1']);
    room.answer(0);
    expect(room.one.heard).toEqual([]);
  });
});

test('a server that ends with who leaves is told nothing more', () => {
  const room = new Room();
  room.send(room.one, requestText(1, 'resources/subscribe', { uri: 'a:/' }));
  room.send(room.one, requestText(2, 'a'));
  room.board.drop(room.one, true);
  expect(room.written).toHaveLength(2);
});

describe('progress', () => {
  const ask = (token: string, more = '') =>
    `{"jsonrpc":"2.0","id":1,"method":"a","params":{${more}"_meta":{"progressToken":${token}}}}`;
  const progress = (token: number | string) =>
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1.0}}`;

  test('reaches who asked under the token of who asked, and ends with the answer [session.dedicated]', () => {
    const room = new Room();
    room.send(room.one, ask('"same"'));
    room.send(room.two, ask('"same"'));
    expect([room.at(0), room.at(1)].map(({ id, params }) => [id, params._meta.progressToken])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    room.say(progress(2));
    expect(room.one.heard).toEqual([]);
    expect(room.two.texts).toEqual([progress('"same"')]);
    expect(room.two.heard[0]?.message).toMatchObject({ params: { progressToken: 'same' } });
    room.answer(1);
    room.say(progress(2));
    expect(room.two.heard).toHaveLength(2);
  });

  test('of a task is told after its request was answered', () => {
    const room = new Room();
    room.send(room.one, ask('5', '"task":{},'));
    room.answer(0);
    room.say(progress(1));
    expect(room.one.texts.at(-1)).toBe(progress(5));
  });

  test('that nobody asked for reaches nobody', () => {
    const room = new Room();
    room.send(room.one, requestText(1, 'a'));
    room.say(progress(1));
    room.say(progress(3));
    expect(room.one.heard).toEqual([]);
  });
});

describe('subscriptions [session.dedicated]', () => {
  test('are ended at the server by the last who has one, or by who leaves last', async () => {
    const room = new Room();
    for (const ear of [room.one, room.two])
      room.send(ear, requestText(1, 'resources/subscribe', { uri: 'a:/' }));
    room.send(room.one, requestText(2, 'resources/subscribe', { uri: 'b:/' }));
    room.send(room.one, requestText('last', 'resources/unsubscribe', { uri: 'a:/' }));
    await Promise.resolve();
    expect(room.one.texts).toEqual(['{"jsonrpc":"2.0","id":"last","result":{}}']);
    room.send(room.two, requestText(2, 'resources/unsubscribe', { uri: 'a:/' }));
    for (let n = 0; n < 4; n += 1) room.answer(n);
    room.board.drop(room.one, false);
    expect(room.asked.slice(3)).toEqual(['resources/unsubscribe a:/', 'resources/unsubscribe b:/']);
  });

  test('bring updates of a resource, and of what is within it, to who has them', () => {
    const room = new Room();
    room.send(room.one, requestText(1, 'resources/subscribe', { uri: 'a:/b' }));
    room.send(room.two, requestText(1, 'resources/subscribe', { uri: 'a:/c/' }));
    for (const uri of ['a:/b', 'a:/b/x', 'a:/b?x', 'a:/bx', 'a:/c/x', 'a:/']) room.say(updated(uri));
    expect(room.one.texts).toEqual(['a:/b', 'a:/b/x', 'a:/b?x'].map(updated));
    expect(room.two.texts).toEqual(['a:/c/x'].map(updated));
  });

  test('that the server refuses are none, and stay where it refuses their end', () => {
    const room = new Room();
    room.send(room.one, requestText(1, 'resources/subscribe', { uri: 'a:/' }));
    room.refuse(0);
    room.say(updated('a:/'));
    expect(room.one.heard).toHaveLength(1);
    room.send(room.one, requestText(2, 'resources/subscribe', { uri: 'a:/' }));
    room.send(room.one, requestText(3, 'resources/unsubscribe', { uri: 'a:/' }));
    room.refuse(2);
    room.say(updated('a:/'));
    expect(room.one.texts.at(-1)).toBe(updated('a:/'));
  });
});

// As a text it overflows the stack, in a listener where nobody could catch that.
test('a URI or a level that is no text, but a hundred thousand lists in each other, does no harm', () => {
  const room = new Room();
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  for (const method of ['resources/subscribe', 'resources/unsubscribe'])
    room.send(room.one, `{"jsonrpc":"2.0","id":"${method}","method":"${method}","params":{"uri":${deep}}}`);
  const said = [
    'notifications/message","params":{"level"',
    'notifications/resources/updated","params":{"uri"',
  ];
  for (const text of said) room.say(`{"jsonrpc":"2.0","method":"${text}:${deep}}}`);
  room.send(room.two, requestText(1, 'resources/subscribe', { uri: 'a:/' }));
  room.say(updated('a:/'));
  expect(room.two.texts.at(-1)).toBe(updated('a:/'));
});

describe('the log [session.dedicated]', () => {
  const level = (name: string) => requestText(1, 'logging/setLevel', { level: name });

  test('is as verbose as anybody wants it, and less when they have left', () => {
    const room = new Room();
    room.send(room.one, level('info'));
    room.send(room.two, level('error'));
    room.send(room.two, level('debug'));
    room.board.drop(room.two, false);
    const asked = ['info', 'info', 'debug', 'info'].map((name) => `logging/setLevel ${name}`);
    expect(room.asked.filter((text) => text.startsWith('logging'))).toEqual(asked);
  });

  test('reaches each as far as each wants it; all of it who has not said', () => {
    const room = new Room();
    room.send(room.one, level('warning'));
    for (const name of ['debug', 'warning', 'emergency', 'private']) room.say(log(name));
    expect(room.one.texts).toEqual(['warning', 'emergency', 'private'].map(log));
    expect(room.two.texts).toEqual(['debug', 'warning', 'emergency', 'private'].map(log));
  });

  test('stays as it was where the server refuses a level', () => {
    const room = new Room();
    room.send(room.one, level('error'));
    room.send(room.one, level('debug'));
    room.refuse(1);
    room.send(room.two, level('loud'));
    expect(room.asked.at(-1)).toBe('logging/setLevel error');
    room.say(log('debug'));
    expect(room.one.heard).toHaveLength(1);
  });
});

describe('what the server says of itself', () => {
  const changed = notificationText('notifications/tools/list_changed');
  const other = notificationText('notifications/other');

  test('reaches all: lists that changed, and what names no request [session.dedicated]', () => {
    const room = new Room();
    room.send(room.one, requestText(1, 'a'));
    room.say(changed);
    room.send(room.two, requestText(1, 'a'));
    room.say(other);
    expect([room.one.texts, room.two.texts]).toEqual([
      [changed, other],
      [changed, other],
    ]);
  });

  test('is of the only one who waits for an answer, if it names no request', () => {
    const room = new Room();
    room.send(room.two, requestText(1, 'a'));
    room.board.ask('the bridge/asks', {});
    room.say(other);
    expect([room.one.texts, room.two.texts]).toEqual([[], [other]]);
  });

  test('is not for who was not introduced to it', () => {
    const room = new Room();
    room.one.listens = false;
    room.say(changed);
    expect([room.one.texts, room.two.texts]).toEqual([[], [changed]]);
  });

  test('is answered where it asks: a ping, and that there is no client to be asked [session.dedicated]', () => {
    const room = new Room();
    room.say('{"jsonrpc":"2.0","id":1.0,"method":"ping"}');
    room.say('{"jsonrpc":"2.0","id":"x","method":"roots/list"}');
    room.say(notificationText('notifications/cancelled', { requestId: 'x' }));
    expect(room.written[0]).toBe('{"jsonrpc":"2.0","id":1.0,"result":{}}');
    expect(room.at(1)).toMatchObject({ id: 'x', error: { code: -32601 } });
    expect([...room.one.heard, ...room.two.heard]).toEqual([]);
  });
});
