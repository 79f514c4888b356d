// The judge of the chaos test finds what it is there to find, and nothing in a history where all is right.
import { describe, expect, it } from 'vitest';
import { makeChance, seedOf } from './chance.js';
import type { Call, Exchange, History, Life, Outage, WireEvent, WireMessage } from './history.js';
import { judge } from './ledger.js';
import { makeSchedule } from './schedule.js';

const CLIENT = 'ada';
const LIFE = '100-aaaa';
const KEPT = { level: 'info', subscriptions: ['chaos://one'] };
const STATE = { who: CLIENT, ...KEPT, generation: 1, life: LIFE };

type Draft<T> = { -readonly [K in keyof T]: T[K] };

function answer(id: number, n: number, state: object = {}): WireMessage {
  return { kind: 'answer', id, result: { n, ...STATE, ...state } };
}

function failure(id: number, error: string): WireMessage {
  return { kind: 'answer', id, error };
}

function told(seq: number, life = LIFE): WireMessage {
  return { kind: 'told', life, seq };
}

function event(id: string | undefined, message?: WireMessage): WireEvent {
  return { id, message, digest: message && JSON.stringify(message) };
}

function post(id: number, n: number, events: WireEvent[], more: Partial<Exchange> = {}): Exchange {
  return {
    ...{ client: CLIENT, method: 'POST', sentAt: 1_000 * id, request: { id, method: 'tools/call', n } },
    ...{ status: 200, session: 's', events, end: 'whole', endedAt: 1_000 * id + 100 },
    ...more,
  };
}

function get(
  after: string | undefined,
  sentAt: number,
  events: WireEvent[],
  more: Partial<Exchange> = {},
): Exchange {
  return {
    ...{ client: CLIENT, method: 'GET', sentAt, after, status: 200, session: 's' },
    ...{ events, end: 'left', endedAt: sentAt + 500 },
    ...more,
  };
}

function call(n: number, more: Partial<Call> = {}): Call {
  return {
    ...{ n, client: CLIENT, tool: 'record', safe: false, sentAt: 1_000 * n, expects: KEPT },
    ...{ endedAt: 1_000 * n + 100, outcome: 'result' },
    ...more,
  };
}

/** Call 1 is answered by a body, 2 by a stream that is cut and resumed, 3 is slow; the standalone stream is resumed too. */
function makeHistory() {
  return {
    exchanges: [
      post(1, 1, [event(undefined, answer(1, 1))]),
      post(2, 2, [event('p2.0'), event('p2.1', told(1))], { end: 'cut' }),
      get('p2.1', 2_500, [event('p2.1'), event('p2.2', answer(2, 2))], { end: 'whole' }),
      post(3, 3, [event('p3.0'), event('p3.1', told(3)), event('p3.2', answer(3, 3))]),
      get(undefined, 900, [event('g.0'), event('g.1', told(2))], { end: 'cut', endedAt: 2_900 }),
      get('g.1', 3_000, [event('g.1'), event('g.2', told(4))]),
    ] as Draft<Exchange>[],
    calls: [call(1), call(2), call(3, { tool: 'slow' })] as Draft<Call>[],
    lives: [
      {
        ...{
          life: LIFE,
          pid: 100,
          startedAt: 0,
          generation: 1,
          who: CLIENT,
          begun: [1, 2, 3],
          done: [1, 2, 3],
        },
        told: [1, 2, 3, 4].map((seq) => ({ seq, n: seq < 3 ? 2 : 3, at: seq < 3 ? 2_050 : 3_050 })),
      },
    ] as Draft<Life>[],
    outages: [] as Outage[],
    saves: [{ generation: 1, at: 0 }],
  } satisfies History;
}

type Made = ReturnType<typeof makeHistory>;

/** What is complained of once something in it is otherwise. */
function judgeAfter(change: (history: Made) => void): string[] {
  const history = makeHistory();
  change(history);
  return judge(history);
}

function at<T>(list: readonly T[], index: number): T {
  return list[index] ?? expect.unreachable();
}

/** The call is answered with this error, and so its client knows. */
function fail({ exchanges, calls }: Made, error: string): void {
  at(exchanges, 0).events.splice(0, 1, event(undefined, failure(1, error)));
  Object.assign(at(calls, 0), { outcome: 'error', text: error });
}

describe('the ledger', () => {
  it('has no complaint where all is right', () => {
    expect(judge(makeHistory())).toEqual([]);
  });

  it.each<[string, (history: Made) => void, string]>([
    ['a call that ran twice', ({ lives }) => at(lives, 0).begun.push(1), 'executed 2 times'],
    [
      'an acknowledged call that never ran',
      ({ lives }) => Object.assign(at(lives, 0), { begun: [2, 3], done: [2, 3] }),
      'acknowledged, and not executed',
    ],
    [
      'an acknowledged call that ran half',
      ({ lives }) => Object.assign(at(lives, 0), { done: [2, 3] }),
      'acknowledged, and not executed (begun 1 times)',
    ],
    ['a call that ran, refused as not run', (all) => fail(all, 'Not run: no backend.'), 'executed, though'],
    ['an error that is not the bridge’s', (all) => fail(all, 'Unknown tool: record'), 'failed: Unknown tool'],
    [
      'a call that ran, though its request timed out',
      ({ exchanges, calls }) => {
        Object.assign(at(exchanges, 0), { status: 408, events: [] });
        Object.assign(at(calls, 0), { outcome: 'error', text: '408' });
      },
      'executed, though its request timed out',
    ],
    [
      'a call that ran for nobody',
      ({ lives }) => at(lives, 0).begun.push(9),
      'executed call 9, which nobody made',
    ],
    [
      'a call that ran for another client',
      ({ lives }) => Object.assign(at(lives, 0), { who: 'bob', told: [] }),
      'of ada for bob',
    ],
    [
      'an answer to another call',
      ({ exchanges }) => at(exchanges, 0).events.splice(0, 1, event(undefined, answer(1, 7))),
      'has the answer of call 7',
    ],
    [
      'a server that has forgotten its client',
      ({ exchanges }) =>
        at(exchanges, 0).events.splice(0, 1, event(undefined, answer(1, 1, { who: 'mcp-bridge' }))),
      'takes its client for mcp-bridge',
    ],
    [
      'a server that has forgotten the level',
      ({ exchanges }) =>
        at(exchanges, 0).events.splice(0, 1, event(undefined, answer(1, 1, { level: undefined }))),
      'level is undefined, not info',
    ],
    [
      'a server that has forgotten a subscription',
      ({ exchanges }) =>
        at(exchanges, 0).events.splice(0, 1, event(undefined, answer(1, 1, { subscriptions: [] }))),
      "server's subscriptions are",
    ],
    ['old code', ({ saves }) => saves.push({ generation: 2, at: 1_500 }), 'met generation 1, 2 was due'],
    [
      'a call without an answer',
      ({ exchanges, calls }) => {
        at(exchanges, 2).events.splice(1);
        Object.assign(at(calls, 1), { outcome: 'error', text: 'timeout' });
      },
      'no answer (200, cut, last event p2.1)',
    ],
    [
      'two answers',
      ({ exchanges }) => at(exchanges, 5).events.push(event('g.3', answer(1, 1))),
      'answered 2 times (body 0, g.3)',
    ],
    [
      'an answer to nothing',
      ({ exchanges }) => at(exchanges, 5).events.push(event('g.3', answer(8, 1))),
      'an answer to 8, which was not asked',
    ],
    [
      'a client that still waits',
      ({ calls }) => Object.assign(at(calls, 0), { outcome: undefined }),
      'its client still waits',
    ],
    [
      'a client that fails beside a result',
      ({ calls }) => Object.assign(at(calls, 0), { outcome: 'error', text: 'timeout' }),
      'an error beside the result: timeout',
    ],
    [
      'a lost session',
      ({ exchanges }) => Object.assign(at(exchanges, 5), { status: 404, events: [] }),
      'answered 404',
    ],
    [
      'another session',
      ({ exchanges }) => Object.assign(at(exchanges, 5), { session: 't' }),
      'another session id: t',
    ],
    [
      'a connection that broke by itself',
      ({ exchanges }) => Object.assign(at(exchanges, 4), { end: 'lost' }),
      'lost while the bridge was up',
    ],
    [
      'a hanging exchange',
      ({ exchanges }) => Object.assign(at(exchanges, 4), { end: undefined }),
      'never ended',
    ],
    [
      'a stream that cannot be resumed before its answer',
      ({ exchanges }) =>
        exchanges.splice(
          2,
          0,
          get('p2.1', 2_400, [], { status: 405 }),
          get('p9.1', 2_400, [], { status: 405 }),
        ),
      'GET after p9.1: answered 405',
    ],
    [
      'a stream that is taken',
      ({ exchanges }) => exchanges.push(get('g.2', 4_000, [], { status: 409 })),
      'answered 409',
    ],
    [
      'a gap in a stream that was resumed',
      ({ exchanges }) => at(exchanges, 2).events.splice(1, 1, event('p2.3', answer(2, 2))),
      'p2.3 after p2.1: events are missing',
    ],
    [
      'a gap within a connection',
      ({ exchanges }) => at(exchanges, 3).events.splice(2, 1, event('p3.3', answer(3, 3))),
      'p3.3 after p3.1: events are missing',
    ],
    [
      'a gap at the beginning',
      ({ exchanges }) => at(exchanges, 3).events.splice(0, 2, event('p3.1')),
      'p3.1 after p3.0: events are missing',
    ],
    [
      'an event that is shown again',
      ({ exchanges }) => at(exchanges, 5).events.splice(1, 0, event('g.1', told(2))),
      'g.1 after g.1: shown twice',
    ],
    [
      'an event of another stream',
      ({ exchanges }) => at(exchanges, 5).events.push(event('p3.3', told(5))),
      'p3.3 in the stream of g.2',
    ],
    [
      'an event id that is used twice',
      ({ exchanges }) =>
        exchanges.push(get('g.0', 5_000, [event('g.0'), event('g.1', { kind: 'other', method: 'x' })])),
      'two events are called g.1',
    ],
    [
      'a stream with two owners',
      ({ exchanges }) =>
        exchanges.push(
          { ...post(4, 4, [event('p3.0'), event('p3.1', told(3))]), request: undefined },
          post(5, 5, [
            event('p3.0'),
            event('p3.1', told(3)),
            event('p3.2', answer(3, 3)),
            event('p3.3', answer(5, 5)),
          ]),
        ),
      'on p3, which was opened for',
    ],
    [
      'something that is told twice',
      ({ exchanges }) => at(exchanges, 5).events.push(event('g.3', told(4))),
      'told twice what 100-aaaa 4 said, in g.2 and g.3',
    ],
    [
      'something that is told to another',
      ({ exchanges, lives }) => {
        lives.push({ ...at(lives, 0), life: '200-b', who: 'bob', begun: [], done: [], told: [] });
        at(exchanges, 5).events.push(event('g.3', told(1, '200-b')));
      },
      'told what 200-b 1 said to bob',
    ],
    [
      'an order that is turned round',
      ({ exchanges }) => {
        at(exchanges, 4).events.splice(1, 1, event('g.1', told(4)));
        at(exchanges, 5).events.splice(1, 1, event('g.2', told(2)));
      },
      'g.2 (100-aaaa 2) is out of order',
    ],
    [
      'something told that never came',
      ({ exchanges }) => at(exchanges, 5).events.splice(1, 1),
      '4 of 4 that 100-aaaa told (call 3 first) have never come',
    ],
    [
      'something told long before the bridge was killed that never came',
      ({ exchanges, outages }) => {
        at(exchanges, 5).events.splice(1, 1);
        outages.push({ killedAt: 4_500, backAt: 4_900 });
      },
      'have never come',
    ],
    [
      'something told before what has come, though the bridge was killed',
      ({ exchanges, outages }) => {
        at(exchanges, 4).events.splice(1, 1, event('g.1', told(4)));
        at(exchanges, 5).events.splice(1, 1);
        outages.push({ killedAt: 3_100, backAt: 3_600 });
      },
      '2 of 4 that',
    ],
  ])('finds %s', (_, change, complaint) => {
    expect(judgeAfter(change)).toContainEqual(expect.stringContaining(complaint));
  });

  it.each<[string, (history: Made) => void]>([
    [
      'a call that had no answer, nor an event id, when its connection was cut',
      ({ exchanges, calls }) => {
        Object.assign(at(exchanges, 0), { status: undefined, end: 'cut', events: [] });
        Object.assign(at(calls, 0), { outcome: 'error', text: 'fetch failed' });
      },
    ],
    [
      'a call that was lost with the bridge',
      ({ exchanges, calls, outages }) => {
        Object.assign(at(exchanges, 0), { status: undefined, end: 'lost', events: [] });
        Object.assign(at(calls, 0), { outcome: 'error', text: 'fetch failed' });
        outages.push({ killedAt: 1_100, backAt: 1_600 });
      },
    ],
    ['a call that may have run, and did', (all) => fail(all, 'May have run: the server ended.')],
    [
      'a call that was not run, and told so',
      (all) => {
        fail(all, 'Not run: no backend.');
        Object.assign(at(all.lives, 0), { begun: [2, 3], done: [2, 3] });
      },
    ],
    [
      'a safe call that ran again',
      ({ calls, lives }) => {
        Object.assign(at(calls, 0), { safe: true });
        at(lives, 0).begun.push(1);
      },
    ],
    [
      'an answer that is shown again to who asks again',
      ({ exchanges }) => exchanges.push(get('p2.1', 2_700, at(exchanges, 2).events)),
    ],
    [
      'a finished stream that is refused',
      ({ exchanges }) => exchanges.push(get('p2.2', 2_900, [], { status: 405 })),
    ],
    [
      'what was told in the moment before the bridge was killed',
      ({ exchanges, outages }) => {
        at(exchanges, 5).events.splice(1, 1);
        outages.push({ killedAt: 3_200, backAt: 3_700 });
      },
    ],
    [
      'what was told on a connection that was cut before an event id had come',
      ({ exchanges, calls }) => {
        at(exchanges, 5).events.splice(1, 1);
        exchanges.push(post(4, 4, [], { sentAt: 3_000, end: 'cut' }));
        calls.push(call(4, { outcome: 'error' }));
      },
    ],
    [
      'a client that has given up on a bridge that was away for long, before its answer',
      ({ exchanges, calls, outages }) => {
        const away = [get('p2.1', 2_200, [], { end: 'lost' }), get('p2.1', 2_400, [], { end: 'lost' })];
        for (const each of away) delete each.status;
        exchanges.splice(2, 0, ...away);
        Object.assign(at(calls, 1), { outcome: 'error', text: 'timeout' });
        outages.push({ killedAt: 2_200, backAt: 2_450 });
      },
    ],
    [
      'a request that timed out and was not run',
      ({ exchanges, calls, lives }) => {
        Object.assign(at(exchanges, 0), { status: 408, events: [] });
        Object.assign(at(calls, 0), { outcome: 'error', text: '408' });
        Object.assign(at(lives, 0), { begun: [2, 3], done: [2, 3] });
      },
    ],
    ['old code that was called just after the save', ({ saves }) => saves.push({ generation: 2, at: 2_900 })],
  ])('excuses %s', (_, change) => {
    expect(judgeAfter(change)).toEqual([]);
  });
});

describe('a schedule', () => {
  it('is the same for the same seed, and another one for another', () => {
    const draw = (seed: number) =>
      makeSchedule(20_000, ['kill-backend', 'save', 'kill-bridge'], makeChance(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(seedOf(7, 1)).not.toBe(seedOf(7, 2));
    expect(new Set(draw(7).map(({ blow }) => blow)).size).toBe(3);
    expect(draw(7).every(({ at: time }) => time > 0 && time < 20_000)).toBe(true);
  });
});
