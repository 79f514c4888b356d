// Who waits for which answer, in both directions.
//
// Client → server: ids pass as they are; a session's client never uses one twice. Server → client: every process counts
// from 0 again, so each request gets an id that no other life of the session has used, and its answer finds the
// process that asked.
import type { Backend } from '../backend/backend.js';
import {
  type NotificationLine,
  type ProgressToken,
  param,
  progressToken,
  type RequestId,
  type RequestLine,
  type ResponseLine,
} from '../protocol/jsonrpc.js';
import { replaceAt, valueAt } from '../protocol/rewrite.js';
import type { Stream } from './stream.js';

/** A request of the client that a backend has. */
export interface Sent {
  readonly line: RequestLine;
  readonly stream: Stream;
  readonly backend: Backend;
  /** It was sent to a backend before, which was lost. */
  readonly again: boolean;
}

/** A request of a backend that the client has. */
export interface Asked {
  /** The id the client knows it by. */
  readonly id: number;
  readonly backend: Backend;
  /** The backend's own id and progress token, as JSON text. */
  readonly ownId: string;
  readonly ownToken: string | undefined;
  readonly stream: Stream;
}

const MOST_TASKS = 1_000;
/** Requests of backends that the client has not answered. */
const MOST_ASKED = 1_000;
/** Of all requests that a backend has. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

const ID = ['id'];
const TOKEN_OF_REQUEST = ['params', '_meta', 'progressToken'];
const TOKEN_OF_PROGRESS = ['params', 'progressToken'];
const ID_OF_CANCELLED = ['params', 'requestId'];

export class InFlight {
  readonly #sent = new Map<RequestId, Sent>();
  readonly #byToken = new Map<ProgressToken, Sent>();
  readonly #asked = new Map<RequestId, Asked>();
  /** Progress tokens of tasks whose requests were answered, the newest ones. */
  readonly #taskTokens = new Set<ProgressToken>();
  #lastAsked: number;
  #characters = 0;

  /** `firstAsk`: the id of the first request of a backend; the later ones count on. */
  constructor(firstAsk: number) {
    this.#lastAsked = firstAsk - 1;
  }

  /** Requests that a backend has. */
  get size(): number {
    return this.#sent.size;
  }

  has(id: RequestId): boolean {
    return this.#sent.has(id);
  }

  /** Oldest first. */
  sent(): Iterable<Sent> {
    return this.#sent.values();
  }

  find(id: RequestId): Sent | undefined {
    return this.#sent.get(id);
  }

  hasAnyOf(backend: Backend): boolean {
    for (const sent of this.#sent.values()) if (sent.backend === backend) return true;
    return false;
  }

  /** Whether no more is taken: so much is kept until it is answered. */
  get isFull(): boolean {
    return this.#characters > MOST_CHARACTERS;
  }

  /** Whether the client has been asked so much that it has not answered that no more is asked. */
  get hasAskedTooMuch(): boolean {
    return this.#asked.size >= MOST_ASKED;
  }

  add(sent: Sent): void {
    this.#sent.set(sent.line.message.id, sent);
    this.#characters += sent.line.text.length;
    const token = progressToken(sent.line.message);
    if (token !== undefined) this.#byToken.set(token, sent);
  }

  /** Takes the request that `backend` answers; undefined if it is not waited for (any more). */
  take(id: RequestId, backend?: Backend): Sent | undefined {
    const sent = this.#sent.get(id);
    if (!sent || (backend && sent.backend !== backend)) return undefined;
    this.#sent.delete(id);
    this.#characters -= sent.line.text.length;
    if (this.#byToken.size > 0) this.#forgetToken(sent);
    return sent;
  }

  /** Takes all that a backend will not answer any more, oldest first. */
  takeAll(backend: Backend): Sent[] {
    const lost = [...this.#sent.values()].filter((sent) => sent.backend === backend);
    for (const { line } of lost) this.take(line.message.id);
    return lost;
  }

  /** The request that a progress notification of a backend is about. */
  ofProgress(line: NotificationLine): Sent | undefined {
    return this.#byToken.get(param(line.message, 'progressToken') as ProgressToken);
  }

  /** Whether a progress notification is about a task, which goes on after its request was answered. */
  isOfTask(line: NotificationLine): boolean {
    return this.#taskTokens.has(param(line.message, 'progressToken') as ProgressToken);
  }

  /** A request of a backend for the client: the text to send, under an id of the session's own. */
  ask(backend: Backend, line: RequestLine, stream: Stream): string {
    this.#lastAsked += 1;
    const id = this.#lastAsked;
    const ownId = valueAt(line.text, ID) ?? 'null';
    const hasToken = progressToken(line.message) !== undefined;
    const ownToken = hasToken ? valueAt(line.text, TOKEN_OF_REQUEST) : undefined;
    this.#asked.set(id, { id, backend, ownId, ownToken, stream });
    const text = replaceAt(line.text, ID, String(id));
    return hasToken ? replaceAt(text, TOKEN_OF_REQUEST, String(id)) : text;
  }

  /** The client's answer: the backend that waits for it, and the text for it. Undefined if none does. */
  answered(line: ResponseLine): { backend: Backend; text: string } | undefined {
    const asked = this.#takeAsked(line.message.id);
    return asked && { backend: asked.backend, text: replaceAt(line.text, ID, asked.ownId) };
  }

  /** Progress of the client on what a backend asked it. */
  progressed(line: NotificationLine): { backend: Backend; text: string } | undefined {
    const asked = this.#asked.get(param(line.message, 'progressToken') as ProgressToken);
    if (!asked?.ownToken) return undefined;
    return { backend: asked.backend, text: replaceAt(line.text, TOKEN_OF_PROGRESS, asked.ownToken) };
  }

  /** A backend takes back what it asked: the text for the client, on the stream that carried the request. */
  withdrawn(backend: Backend, line: NotificationLine): { stream: Stream; text: string } | undefined {
    const ownId = valueAt(line.text, ID_OF_CANCELLED);
    for (const asked of this.#asked.values()) {
      if (asked.backend !== backend || asked.ownId !== ownId) continue;
      this.#asked.delete(asked.id);
      return { stream: asked.stream, text: replaceAt(line.text, ID_OF_CANCELLED, String(asked.id)) };
    }
    return undefined;
  }

  /** Takes all that a lost backend asked, or all that any backend did. */
  takeAllAsked(backend?: Backend): Asked[] {
    const lost = [...this.#asked.values()].filter((asked) => !backend || asked.backend === backend);
    for (const { id } of lost) this.#asked.delete(id);
    return lost;
  }

  #takeAsked(id: RequestId | undefined): Asked | undefined {
    if (id === undefined) return undefined;
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  #rememberTask(token: ProgressToken): void {
    this.#taskTokens.add(token);
    const [oldest] = this.#taskTokens;
    if (this.#taskTokens.size > MOST_TASKS && oldest !== undefined) this.#taskTokens.delete(oldest);
  }

  #forgetToken(sent: Sent): void {
    const token = progressToken(sent.line.message);
    if (token === undefined || this.#byToken.get(token) !== sent) return;
    this.#byToken.delete(token);
    if (param(sent.line.message, 'task') !== undefined) this.#rememberTask(token);
  }
}
