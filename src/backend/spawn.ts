// The only execa: one child process with three pipes, in a process group of its own.
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { PassThrough, type Readable, type Writable } from 'node:stream';

/** What to run, where and with what. Nothing is inherited from the bridge's own environment. */
export interface SpawnSpec {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Run the command through a shell. */
  readonly shell: boolean;
}

/** A child as the backend sees it. */
export interface Child {
  /** Undefined where the process could not be spawned. */
  readonly pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Called once, with the error where the process could not be spawned. */
  onEnd(listener: (end: ChildEnd) => void): void;
}

export type ChildEnd =
  | { readonly kind: 'exited'; readonly code: number | null; readonly signal: string | null }
  | { readonly kind: 'spawn-failed'; readonly code: string; readonly message: string };

export type Spawn = (spec: SpawnSpec) => Child;

/** Loads execa, which costs more than the rest of the bridge together, so it is not loaded before it is needed. */
export async function loadSpawn(): Promise<Spawn> {
  const { execa } = await import('execa');
  return ({ command: [file, ...args], cwd, env, shell }) => {
    const shortage = findShortage();
    if (shortage) return makeUnspawned(shortage);
    const subprocess = execa(file, args, {
      cwd,
      env,
      shell,
      extendEnv: false,
      stdio: 'pipe',
      // With a buffer a long-lived server dies at its limit; without one an unread pipe is backpressure.
      buffer: false,
      reject: false,
      // A group of its own, so that Ctrl-C reaches only the bridge and a signal reaches the whole tree.
      // Windows has no groups, and a detached process there gets a console window.
      detached: process.platform !== 'win32',
      // The bridge has its own ways to end a tree; execa's would end the leader alone.
      cleanup: false,
      preferLocal: false,
    });
    return {
      pid: subprocess.pid,
      stdin: subprocess.stdin,
      stdout: subprocess.stdout,
      stderr: subprocess.stderr,
      onEnd: (listener) => {
        // Not the promise: it waits for pipes that a grandchild may hold open for ever.
        subprocess.once('exit', (code, signal) => listener({ kind: 'exited', code, signal }));
        void subprocess.then((result) => {
          if (subprocess.pid === undefined) listener(spawnFailure(result));
        });
      },
    };
  };
}

/** Three pipes take two descriptors each, and the start of a process two more for a moment. */
const DESCRIPTORS = 10;

/**
 * Without descriptors left, Node emits an error on a child that nobody has been given yet, which ends the bridge: so it is
 * seen before.
 */
function findShortage(): string | undefined {
  const opened: number[] = [];
  try {
    while (opened.length < DESCRIPTORS) opened.push(openSync(devNull, 'r'));
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

function makeUnspawned(code: string): Child {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
  const message = 'no file descriptors are left';
  const onEnd: Child['onEnd'] = (listener) =>
    setImmediate(() => listener({ kind: 'spawn-failed', code, message }));
  return { pid: undefined, stdin, stdout, stderr, onEnd };
}

function spawnFailure(result: { code?: string | undefined; shortMessage?: string | undefined }): ChildEnd {
  return { kind: 'spawn-failed', code: result.code ?? 'UNKNOWN', message: result.shortMessage ?? '' };
}
