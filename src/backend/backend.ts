// What serves a session, as its supervisor and the session see it.
import type { Line } from '../protocol/jsonrpc.js';
import type { Exit } from './starts.js';
import type { BackendState } from './state.js';

/** What serves a session: a process of its own (child.ts), or a seat at one that several share (seat.ts). */
export interface Backend {
  readonly generation: number;
  /** Undefined where there is no process, or none yet. */
  readonly pid: number | undefined;
  readonly state: BackendState['name'];
  /** How it ended, or what is known so far. */
  readonly exit: Exit;
  /** Writes one line to the server. `full`: it does not read its stdin; `gone`: it has ended. */
  send(text: string): 'sent' | 'full' | 'gone';
  /** Its handshake is done: it serves. */
  handshaken(): void;
  /** It answered the handshake with an error: it will not serve. */
  refuse(reason: string): void;
  /** No new calls: it ends when `drained` is called, or after the drain timeout if that is to be heeded. */
  drain(isLimited: boolean): void;
  drained(): void;
  stop(): void;
  /** The current wait is over: the next rung of the ladder. */
  hasten(): void;
  /** SIGKILL to the whole tree, now and synchronously. For the last moment of the bridge. */
  kill(): void;
}

export interface BackendDoors {
  /** A message from the server. */
  onLine(backend: Backend, line: Line): void;
  onState(backend: Backend): void;
  /** The process is gone and nothing more will be heard of it. Called once, after the state tells that it ended. */
  onSilent(backend: Backend): void;
  report(report: BackendReport): void;
}

export type BackendReport =
  | { readonly kind: 'backend.started'; readonly pid: number | undefined; readonly generation: number }
  | { readonly kind: 'backend.ready'; readonly ms: number; readonly pid: number | undefined }
  | { readonly kind: 'backend.stderr'; readonly text: string }
  | { readonly kind: 'backend.noise'; readonly text: string }
  | { readonly kind: 'backend.crashed'; readonly exit: Exit }
  | { readonly kind: 'backend.stopped'; readonly ms: number };

/** On its way out: calls in flight may finish, or it is being ended. */
export function isLeaving({ state }: Pick<Backend, 'state'>): boolean {
  return state === 'draining' || state === 'stopping';
}

export function hasEnded({ state }: Pick<Backend, 'state'>): boolean {
  return state === 'stopped' || state === 'crashed';
}
