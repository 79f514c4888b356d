// The keys of whoever sits at the terminal: r restarts, p pauses and resumes, q quits.
import { readFileSync } from 'node:fs';

/** The part of `process.stdin` that is needed. */
export interface Keyboard {
  readonly isTTY?: boolean | undefined;
  readonly isRaw?: boolean | undefined;
  setRawMode?(isRaw: boolean): unknown;
  on(event: 'data', listener: (bytes: Buffer | string) => void): unknown;
  off(event: 'data', listener: (bytes: Buffer | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface KeyDoors {
  restart(): void;
  /** Pauses, or resumes. */
  pause(): void;
  quit(): void;
  /** What a terminal does by itself where keys are not read one by one: sends this signal to the process. */
  signal(name: 'SIGINT' | 'SIGTSTP' | 'SIGQUIT'): void;
}

const CTRL_C = '\x03';
const CTRL_Z = '\x1a';
const CTRL_BACKSLASH = '\x1c';
const ESCAPE = '\x1b';

/** How often is asked whether a terminal that was given back is ours again (ms): nothing tells of `fg` after `bg`. */
const RETAKE = 500;

/** Listens to the keys, if there is somebody at them; `close` gives the terminal back as it was. */
export function watchKeys(stdin: Keyboard, doors: KeyDoors, isInFront = isForeground): { close(): void } {
  if (!stdin.isTTY || !isInFront()) return { close: () => {} };
  const wasRaw = stdin.isRaw ?? false;
  let isClosed = false;
  const onData = (bytes: Buffer | string) => {
    const text = bytes.toString();
    // Arrows and other keys with long names, which may have a q in them.
    if (!text.startsWith(ESCAPE)) for (const key of text) press(key);
  };

  function press(key: string): void {
    switch (key.toLowerCase()) {
      case 'r':
        return doors.restart();
      case 'p':
        return doors.pause();
      case 'q':
        return doors.quit();
      case CTRL_C:
        return doors.signal('SIGINT');
      case CTRL_BACKSLASH:
        return doors.signal('SIGQUIT');
      case CTRL_Z:
        return suspend();
    }
  }

  function take(): void {
    stdin.setRawMode?.(true);
    stdin.resume();
  }

  function giveBack(): void {
    stdin.setRawMode?.(wasRaw);
    // Who reads in the background is stopped by the system.
    stdin.pause();
  }

  /** The process stops in here, and comes back when it is continued. */
  function suspend(): void {
    giveBack();
    doors.signal('SIGTSTP');
    setImmediate(takeInFront);
  }

  function takeInFront(): void {
    if (isClosed) return;
    if (isInFront()) take();
    else setTimeout(takeInFront, RETAKE).unref();
  }

  stdin.on('data', onData);
  take();
  return {
    close: () => {
      isClosed = true;
      stdin.off('data', onData);
      giveBack();
    },
  };
}

/**
 * Whether the terminal is ours: a process in the background that changes its mode is stopped by the system.
 *
 * From /proc/self/stat (proc(5)): `pid (name) state ppid pgrp session tty tpgid …`; elsewhere it is taken for ours.
 */
function isForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return true;
  }
}
