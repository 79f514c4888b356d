// The words of every error that the bridge answers a call with: whether it ran, why, what to do.
import { describe, expect, test } from 'vitest';
import type { Exit } from '../../src/backend/starts.js';
import { type CallFailure, failureText } from '../../src/errors.js';
import { asLine, type RequestLine, requestText } from '../../src/protocol/jsonrpc.js';
import {
  ENDED,
  gaveUp,
  heldTooLong,
  idInUse,
  lostWith,
  notRun,
  OVERLOADED,
  STOPPED,
} from '../../src/session/failures.js';

const EXIT: Exit = { code: 1, signal: null, whileStarting: false, tail: ['first', 'last'] };

function line(method: string, params?: object): RequestLine {
  const text = requestText(1, method, params);
  const read = asLine(JSON.parse(text), text);
  if (read?.kind !== 'request') throw new Error(text);
  return read;
}

const wordsOf = (failure: CallFailure) => JSON.parse(failureText(1, failure)).error.message as string;

const ALL: Record<string, CallFailure> = {
  'held too long': heldTooLong(55_000, false, undefined),
  'held too long after it was lost': heldTooLong(1_500, true, undefined),
  'held too long by a build': heldTooLong(55_000, false, {
    what: 'still building',
    why: 'cargo build, src/a.rs changed',
  }),
  lost: lostWith(line('tools/call', { name: 'export' }), EXIT),
  'given up': gaveUp(EXIT, 'session'),
  'runs only once': gaveUp({ ...EXIT, tail: ['address in use'] }, 'session'),
  'runs only once, shared': gaveUp({ ...EXIT, tail: ['address in use'] }, 'shared'),
  'given up before any exit': gaveUp(undefined, 'session'),
  'id in use': idInUse('x'),
  overloaded: OVERLOADED,
  ended: ENDED,
  stopped: STOPPED,
  'not run': notRun(STOPPED),
};

describe('every failure', () => {
  test.each(Object.entries(ALL))(
    'begins with its verdict and is made of whole sentences [call.words]: %s',
    (_, failure) => {
      const [words = '', ...detail] = wordsOf(failure).split('\n');
      expect(words).toMatch(/^(Not run|May have run): [a-z].*\. [A-Z].*\.$/);
      expect(words).not.toMatch(/undefined|null|NaN|\[object/);
      expect(detail).toEqual(failure.detail ? failure.detail.split('\n') : []);
    },
  );

  test('is a JSON-RPC error with the id of its request and the code of an internal error [call.words]', () => {
    expect(JSON.parse(failureText('x', OVERLOADED))).toEqual({
      jsonrpc: '2.0',
      id: 'x',
      error: { code: -32603, message: expect.stringMatching(/^Not run: /) },
    });
  });
});

describe('the words', () => {
  test('name the tool of a tool call, else the method [call.words]', () => {
    expect(wordsOf(lostWith(line('tools/call', { name: 'export' }), EXIT))).toContain(' during export. ');
    expect(wordsOf(lostWith(line('prompts/get', { name: 'export' }), EXIT))).toContain(
      ' during prompts/get. ',
    );
    expect(wordsOf(lostWith(line('tools/call', { name: 7 }), EXIT))).toContain(' during tools/call. ');
    expect(wordsOf(lostWith(line('vendor/method'), EXIT))).toContain(' during vendor/method. ');
  });

  test.each([
    [{ ...EXIT, code: 0 }, '(exit 0)'],
    [{ ...EXIT, code: null, signal: 'SIGKILL' }, '(SIGKILL)'],
    [{ ...EXIT, reason: 'it closed its stdout' }, '(it closed its stdout)'],
  ])('say how the server ended, or why the bridge ended it [call.words]: %o', (exit, words) => {
    expect(wordsOf(lostWith(line('ping'), exit))).toContain(words);
    expect(wordsOf(gaveUp(exit, 'session'))).toContain(words);
  });

  test('say how long a call was held, in seconds [call.words]', () => {
    expect(wordsOf(heldTooLong(55_000, false, undefined))).toContain('after 55 s.');
    expect(wordsOf(heldTooLong(1_500, true, undefined))).toMatch(/^May have run: .* after 1\.5 s\./);
  });

  test('say what a call was held for, if that is known [call.words]', () => {
    expect(wordsOf(heldTooLong(55_000, false, undefined))).toBe(
      'Not run: no backend was ready after 55 s. Call again; it will wait for the server.',
    );
    expect(
      wordsOf(heldTooLong(55_000, false, { what: 'still building', why: 'make, src/a.c changed' })),
    ).toBe(
      'Not run: still building after 55 s (make, src/a.c changed). Call again; it will wait for the new code.',
    );
  });

  test('name the option that gives all sessions one server, where it is not given [rollout.exclusive call.words]', () => {
    const exit = { ...EXIT, whileStarting: true, tail: ['address 3000 in use'] };
    const told = 'Not run: this server can run only once (address 3000 in use).';
    expect(wordsOf(gaveUp(exit, 'session'))).toBe(`${told} Start the bridge with --isolation shared.`);
    expect(wordsOf(gaveUp(exit, 'shared'))).not.toContain('--isolation');
  });

  test('end with what the server said last, if it said anything [call.words]', () => {
    expect(wordsOf(gaveUp(EXIT, 'session'))).toMatch(/\nfirst\nlast$/);
    expect(wordsOf(gaveUp({ ...EXIT, tail: [] }, 'session'))).not.toContain('\n');
  });
});
