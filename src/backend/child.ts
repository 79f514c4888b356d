// A backend that is a child process, for one life. Reads the table of state.ts and carries its effects out.

import type { Options } from '../options.js';
import { type Backend, type BackendDoors, hasEnded } from './backend.js';
import { withMark } from './marks.js';
import { Pipes } from './pipes.js';
import type { ChildEnd, Spawn, SpawnSpec } from './spawn.js';
import type { Exit } from './starts.js';
import { type BackendEffect, type BackendInput, type BackendState, backendStep, STARTING } from './state.js';
import { type ChildGuard, Tree } from './tree.js';

export interface BackendPlan {
  readonly spec: SpawnSpec;
  readonly spawn: Spawn;
  /** Its generation. */
  readonly number: number;
  /** In ms; a start or a drain without one waits for ever: a debugger may stand still. */
  readonly timeouts: Pick<Options, 'killTimeout'> & {
    readonly startTimeout: number | undefined;
    readonly drainTimeout: number | undefined;
  };
  /** Ends it if the bridge cannot. */
  readonly guard?: ChildGuard | undefined;
}

/** Time for a server to end by itself when its stdin has ended (ms). */
const STDIN_END_GRACE = 1_000;
/** Time for what was written before the exit to arrive, and for SIGKILL to be seen (ms). */
const PIPE_GRACE = 250;
const KILL_GRACE = 2_000;
const POLL = { first: 5, longest: 100 };

export class ChildBackend implements Backend {
  readonly generation: number;
  /** Undefined where the process could not be spawned. */
  readonly pid: number | undefined;
  readonly #plan: BackendPlan;
  readonly #doors: BackendDoors;
  readonly #tree: Tree;
  readonly #pipes: Pipes;
  readonly #startedAt = performance.now();
  #state: BackendState = STARTING;
  #timer: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #end: ChildEnd | undefined;
  #reason: string | undefined;
  #whileStarting = true;
  #silent = false;
  #drainLimited = true;

  /** Starts the process at once; what it does is told through `doors`, and nothing of that before this returns. */
  constructor(plan: BackendPlan, doors: BackendDoors) {
    this.#plan = plan;
    this.#doors = doors;
    this.generation = plan.number;
    const { spec, guard } = plan;
    const mark = guard?.newMark();
    guard?.arm();
    const child = plan.spawn(withMark(spec, mark));
    this.pid = child.pid;
    this.#tree = new Tree({ pid: child.pid, command: spec.command, mark, guard });
    this.#pipes = new Pipes(child, {
      onLine: (line) => doors.onLine(this, line),
      onNoise: (text) => doors.report({ kind: 'backend.noise', text }),
      onStderr: (text) => doors.report({ kind: 'backend.stderr', text }),
      onOutput: () => {
        if (this.state === 'starting') this.#arm('start');
      },
      onClosed: (reason) => this.#onClosed(reason),
      onTooLong: (reason) => this.#fail(reason),
    });
    child.onEnd((end) => this.#onEnd(end));
    this.#arm('start');
    doors.report({ kind: 'backend.started', pid: this.pid, generation: this.generation });
  }

  get state(): BackendState['name'] {
    return this.#state.name;
  }

  get exit(): Exit {
    const { code, signal } = this.#end?.kind === 'exited' ? this.#end : { code: null, signal: null };
    return {
      code,
      signal,
      reason: this.#reason,
      whileStarting: this.#whileStarting,
      ...(this.#end?.kind === 'spawn-failed' && this.#end.code === 'ETXTBSY' && { isBusy: true }),
      tail: this.#pipes.tail,
    };
  }

  send(text: string): 'sent' | 'full' | 'gone' {
    return this.#end ? 'gone' : this.#pipes.send(text);
  }

  handshaken(): void {
    this.#input('handshaken');
  }

  refuse(reason: string): void {
    this.#reason ??= reason;
    this.#input('refused');
  }

  drain(isLimited: boolean): void {
    this.#drainLimited = isLimited;
    this.#input('drain');
  }

  drained(): void {
    this.#input('drained');
  }

  /** stdin end → (1 s) → SIGTERM → (kill timeout) → SIGKILL, to the whole tree. */
  stop(): void {
    this.#input('stop');
  }

  hasten(): void {
    this.#input('deadline');
  }

  kill(): void {
    if (!hasEnded(this)) this.#tree.signal('SIGKILL');
  }

  #input(input: BackendInput): void {
    const before = this.#state;
    const { state, effects } = backendStep(before, input);
    this.#state = state;
    if (state.name === 'ready') this.#whileStarting = false;
    for (const effect of effects) this.#carryOut(effect);
    if (state.name !== before.name) this.#changed();
  }

  #changed(): void {
    const ms = performance.now() - this.#startedAt;
    if (this.state === 'ready') this.#doors.report({ kind: 'backend.ready', ms, pid: this.pid });
    this.#doors.onState(this);
    // What it wrote before it ended still arrives.
    if (hasEnded(this)) this.#pipes.whenRead(PIPE_GRACE, () => this.#silence());
  }

  #carryOut(effect: BackendEffect): void {
    switch (effect.kind) {
      case 'arm':
        return this.#arm(effect.timer);
      case 'disarm':
        return clearTimeout(this.#timer);
      case 'end-stdin':
        return this.#endStdin();
      case 'signal':
        return this.#tree.signal(effect.signal);
    }
  }

  #arm(timer: 'start' | 'drain' | 'stdin-end' | 'sigterm' | 'sigkill'): void {
    const { startTimeout, drainTimeout, killTimeout } = this.#plan.timeouts;
    const waits = {
      start: startTimeout,
      drain: this.#drainLimited ? drainTimeout : undefined,
      'stdin-end': STDIN_END_GRACE,
      sigterm: killTimeout,
      sigkill: KILL_GRACE,
    };
    clearTimeout(this.#timer);
    const wait = waits[timer];
    if (wait !== undefined) this.#timer = setTimeout(() => this.#deadline(timer), wait);
  }

  #deadline(timer: string): void {
    if (timer === 'start')
      this.#reason ??= `no handshake, and no output for ${(this.#plan.timeouts.startTimeout ?? 0) / 1000} s`;
    this.#input('deadline');
  }

  #endStdin(): void {
    this.#tree.look();
    this.#pipes.endStdin();
    this.#watchTree(POLL.first);
  }

  /** Nothing tells when a group is empty, so it is asked: often at first, then less. */
  #watchTree(wait: number): void {
    this.#poll = setTimeout(() => {
      if (this.state !== 'stopping') return;
      if (this.#tree.isGone()) this.#input('emptied');
      else this.#watchTree(Math.min(wait * 2, POLL.longest));
    }, wait);
  }

  /** A server that lives on without its pipes can answer nobody; one that is ending is given the time to. */
  #onClosed(reason: string): void {
    if (!this.#end && this.state !== 'stopping') setTimeout(() => this.#fail(reason), PIPE_GRACE).unref();
  }

  #fail(reason: string): void {
    if (this.#end || hasEnded(this) || this.state === 'stopping') return;
    this.#reason ??= reason;
    this.kill();
  }

  #onEnd(end: ChildEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#tree.leaderEnded();
    if (end.kind === 'spawn-failed')
      this.#reason = `${this.#plan.spec.command[0]} could not be started: ${end.code}`;
    this.#input(end.kind === 'exited' ? 'exited' : 'spawn-failed');
  }

  #silence(): void {
    if (this.#silent || !hasEnded(this)) return;
    this.#silent = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#poll);
    this.#pipes.destroy();
    this.#tree.forget();
    const ms = performance.now() - this.#startedAt;
    const crashed = this.state === 'crashed';
    this.#doors.report(
      crashed ? { kind: 'backend.crashed', exit: this.exit } : { kind: 'backend.stopped', ms },
    );
    this.#doors.onSilent(this);
  }
}
