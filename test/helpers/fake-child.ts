// A child process that is none: pipes in memory, and an end when the test says so.
import { PassThrough } from 'node:stream';
import type { Child, ChildEnd, Spawn, SpawnSpec } from '../../src/backend/spawn.js';

export class FakeChild implements Child {
  readonly spec: SpawnSpec;
  /** No process: nothing can be signalled, and its group is empty. */
  readonly pid = undefined;
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly #listeners: ((end: ChildEnd) => void)[] = [];
  #received = '';

  constructor(spec: SpawnSpec) {
    this.spec = spec;
    this.stdin.setEncoding('utf8').on('data', (text: string) => {
      this.#received += text;
    });
  }

  /** The lines that it was sent so far. */
  get received(): string[] {
    return this.#received.split('\n').slice(0, -1);
  }

  onEnd(listener: (end: ChildEnd) => void): void {
    this.#listeners.push(listener);
  }

  exit(code: number | null, signal: string | null = null): void {
    this.#end({ kind: 'exited', code, signal });
  }

  failToSpawn(code: string): void {
    this.#end({ kind: 'spawn-failed', code, message: `spawn ${code}` });
  }

  #end(end: ChildEnd): void {
    for (const listener of this.#listeners) listener(end);
    for (const pipe of [this.stdout, this.stderr]) pipe.end();
  }
}

/** Spawns fakes, and keeps them in the order of their start. */
export function makeFakeSpawn(): { readonly spawn: Spawn; readonly children: readonly FakeChild[] } {
  const children: FakeChild[] = [];
  const spawn: Spawn = (spec) => {
    const child = new FakeChild(spec);
    children.push(child);
    return child;
  };
  return { spawn, children };
}
