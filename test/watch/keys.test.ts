// Keys on a terminal, and the terminal as it was afterwards.
import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { watchKeys } from '../../src/watch/keys.js';
import { until } from '../helpers/until.js';

function makeTerminal({ isTTY = true, isFront = true } = {}) {
  const events = new EventEmitter();
  const done: string[] = [];
  const stdin = {
    isTTY,
    isRaw: false,
    setRawMode: (isRaw: boolean) => done.push(isRaw ? 'raw' : 'cooked'),
    on: (event: 'data', listener: (bytes: Buffer | string) => void) => events.on(event, listener),
    off: (event: 'data', listener: (bytes: Buffer | string) => void) => events.off(event, listener),
    resume: () => done.push('reading'),
    pause: () => done.push('not reading'),
  };
  const doors = {
    restart: () => done.push('restart'),
    pause: () => done.push('pause'),
    quit: () => done.push('quit'),
    signal: (name: string) => done.push(name),
  };
  const place = { isFront };
  const keys = watchKeys(stdin, doors, () => place.isFront);
  const opened = done.splice(0);
  const press = (text: string) => {
    events.emit('data', Buffer.from(text));
    return done.splice(0);
  };
  return { keys, opened, press, done, place, listeners: () => events.listenerCount('data') };
}

describe('on a terminal', () => {
  test.each([
    ['r', ['restart']],
    ['R', ['restart']],
    ['p', ['pause']],
    ['q', ['quit']],
    ['x\r\n ', []],
    ['rp', ['restart', 'pause']],
    ['\x1b[A', []],
    ['\x1bOq', []],
    ['\x03', ['SIGINT']],
    ['\x1c', ['SIGQUIT']],
  ])('%j means %j', (text, expected) => {
    expect(makeTerminal().press(text)).toEqual(expected);
  });

  test('keys are read one by one, and at the end the terminal is as it was', () => {
    const { keys, opened, done, listeners } = makeTerminal();
    expect(opened).toEqual(['raw', 'reading']);
    keys.close();
    expect(done).toEqual(['cooked', 'not reading']);
    expect(listeners()).toBe(0);
  });

  test('Ctrl-Z gives the terminal back for as long as the process stands still', async () => {
    const { press, done } = makeTerminal();
    expect(press('\x1a')).toEqual(['cooked', 'not reading', 'SIGTSTP']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual(['raw', 'reading']);
  });

  test('Ctrl-Z and bg leave it to the shell until fg', async () => {
    const { press, done, place } = makeTerminal();
    press('\x1a');
    place.isFront = false;
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([]);
    place.isFront = true;
    await until(() => done.length > 0, 'the keys to be read again');
    expect(done).toEqual(['raw', 'reading']);
  });

  test('what ends in the background leaves the terminal alone from then on', async () => {
    const { keys, press, done, place } = makeTerminal();
    press('\x1a');
    keys.close();
    done.splice(0);
    place.isFront = true;
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([]);
  });
});

describe('nothing is read', () => {
  test.each([
    ['where stdin is no terminal', { isTTY: false }],
    ['in the background, where the system would stop us for it', { isFront: false }],
  ])('%s', (_, terminal) => {
    const { keys, opened, listeners, done } = makeTerminal(terminal);
    keys.close();
    expect([...opened, ...done]).toEqual([]);
    expect(listeners()).toBe(0);
  });
});
