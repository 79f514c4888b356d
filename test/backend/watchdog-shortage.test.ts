// A watchdog that cannot be started, and numbers that are no group's: nothing real is spawned or signalled here.
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { beforeEach, expect, test, vi } from 'vitest';
import { Watchdog } from '../../src/backend/watchdog.js';

const { spawn } = vi.hoisted(() => ({ spawn: vi.fn() }));
vi.mock('node:child_process', () => ({ spawn }));

const onPosix = test.skipIf(process.platform === 'win32');

/** As Node gives it: without pipes where there are no descriptors left. */
class FakeShell extends EventEmitter {
  readonly stdin: PassThrough | undefined;

  constructor(hasPipes: boolean) {
    super();
    this.stdin = hasPipes ? new PassThrough() : undefined;
  }

  unref() {}

  get read(): string {
    return String(this.stdin?.read() ?? '');
  }
}

beforeEach(() => {
  spawn.mockReset();
});

onPosix('without descriptors it is tried again with the next change', () => {
  const shortage = new FakeShell(false);
  const shell = new FakeShell(true);
  spawn.mockReturnValueOnce(shortage).mockReturnValueOnce(shell);
  const watchdog = new Watchdog('_NOBODY=');
  watchdog.set([12]);
  shortage.emit('error', new Error('EMFILE'));
  watchdog.set([12, 13]);
  expect(shell.read.split('\n')).toContain('12 13');
});

onPosix('a spawn that throws is no fault of who is to be guarded', () => {
  spawn.mockImplementation(() => {
    throw new Error('EAGAIN');
  });
  const watchdog = new Watchdog('_NOBODY=');
  watchdog.set([12]);
  watchdog.set([12, 13]);
  watchdog.close();
  expect(spawn).toHaveBeenCalledTimes(2);
});

onPosix('one that has lost its reader is replaced, and what is written to it is harmless', () => {
  const [first, second] = [new FakeShell(true), new FakeShell(true)];
  spawn.mockReturnValueOnce(first).mockReturnValueOnce(second);
  const watchdog = new Watchdog('_NOBODY=');
  watchdog.set([12]);
  first.stdin?.emit('error', new Error('EPIPE'));
  first.emit('exit', null, 'SIGKILL');
  watchdog.set([13]);
  // Late news of the first one does not concern the second.
  first.stdin?.emit('error', new Error('EPIPE'));
  watchdog.set([14]);
  expect(second.read.trimEnd().split('\n').slice(-2)).toEqual(['13', '14']);
  expect(spawn).toHaveBeenCalledTimes(2);
});

onPosix('all processes, or its own group, are never on its list', () => {
  const shell = new FakeShell(true);
  spawn.mockReturnValue(shell);
  const watchdog = new Watchdog('_NOBODY=');
  watchdog.set([0, 1, -5]);
  expect(spawn).not.toHaveBeenCalled();
  watchdog.set([1, 12, 0]);
  expect(shell.read.trim().split(/\s+/)).toEqual(['12']);
});

onPosix('closed, it is not started again', () => {
  spawn.mockReturnValue(new FakeShell(true));
  const watchdog = new Watchdog('_NOBODY=');
  watchdog.close();
  watchdog.set([12]);
  expect(spawn).not.toHaveBeenCalled();
});
