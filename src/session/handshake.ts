// What the client has told its server, kept so that it can be told to the next backend, in the order it was told.
import type { Backend } from '../backend/backend.js';
import {
  errorOf,
  isObject,
  type NotificationLine,
  param,
  parseJson,
  type RequestId,
  type RequestLine,
  type ResponseLine,
} from '../protocol/jsonrpc.js';
import { DEFAULT_REVISION } from '../protocol/mcp.js';
import { valueAt } from '../protocol/rewrite.js';
import type { SessionRecord, Store } from '../store/store.js';
import type { HeldRequest } from './hold.js';
import { catchUp, introduce, whatIsWrong } from './introduce.js';
import { Questions } from './questions.js';
import { afterInitialized, afterRequest } from './record.js';
import { resultOf } from './snapshot.js';

export class Handshake {
  readonly #store: Store;
  readonly #onMet: (answer: ResponseLine) => void;
  readonly #questions = new Questions();
  #record: SessionRecord;
  /** The client's `initialize`, until it is answered. */
  #opening: HeldRequest | undefined;
  /** It is on record: from now on every change of it is. */
  #isKept = false;
  /** Its id, if the bridge answered it: the first backend may still answer it too. */
  #early: RequestId | undefined;

  /** `record`: what is known of the session so far. `onMet`: a new backend has answered the repeated `initialize`. */
  constructor(store: Store, record: SessionRecord, onMet: (answer: ResponseLine) => void) {
    this.#store = store;
    this.#record = record;
    this.#onMet = onMet;
  }

  /** The revision agreed on, once it is. */
  get revision(): string | undefined {
    return this.#record.revision;
  }

  /** What the client says in its `initialize` while no revision is agreed on. */
  get arrival(): string | undefined {
    const { initialize, revision } = this.#record;
    return revision === undefined ? (valueAt(initialize, ['params']) ?? '') : undefined;
  }

  /** The client's `initialize` while nobody has answered it. */
  get opening(): HeldRequest | undefined {
    return this.#opening;
  }

  open(opening: HeldRequest): void {
    this.#opening = opening;
  }

  /** The bridge answers the client's `initialize` itself. */
  takeOpening(): HeldRequest | undefined {
    const opening = this.#opening;
    this.#opening = undefined;
    return opening;
  }

  /** The bridge has answered the client's `initialize` with this result. */
  openedEarly(opening: HeldRequest, result: string): void {
    const value = parseJson(result);
    const agreed = isObject(value) ? value.protocolVersion : undefined;
    const requested = requestedRevision(opening.line);
    this.#early = opening.line.message.id;
    this.#record = { ...this.#record, revision: typeof agreed === 'string' ? agreed : requested };
  }

  /** The server has answered the client's `initialize`: the revision agreed on, or undefined if it refused. */
  opened(backend: Backend, request: RequestLine, { message }: ResponseLine): string | undefined {
    this.#opening = undefined;
    if (errorOf(message)) return undefined;
    const result = 'result' in message ? message.result : undefined;
    const agreed = isObject(result) ? result.protocolVersion : undefined;
    const revision = typeof agreed === 'string' ? agreed : requestedRevision(request);
    this.#record = { ...this.#record, revision };
    // A client in a hurry said it before it had the answer.
    if (this.#record.initialized !== undefined) backend.send(this.#record.initialized);
    return revision;
  }

  /** Keeps the record. `usedAt`: when the client last used the session (ms since 1970). */
  save(usedAt: number): void {
    this.#record = { ...this.#record, usedAt };
    this.#isKept = true;
    this.#store.save(this.#record);
  }

  /** When it was last used, as it stands on record (ms since 1970). */
  get keptUse(): number {
    return this.#record.usedAt;
  }

  /** The client has said `notifications/initialized`. */
  initialized(line: NotificationLine): void {
    this.#remember(afterInitialized(this.#record, line));
  }

  /** The client was shown lists; what tells them from others, by method. */
  shown(lists: ReadonlyMap<string, string>): void {
    this.#remember({ ...this.#record, shown: new Map(lists) });
  }

  /** The server has accepted a request of the client. */
  accepted(request: RequestLine): void {
    this.#remember(afterRequest(this.#record, request));
  }

  /** Whether this answers what the bridge asked. */
  answer(line: ResponseLine): boolean {
    return this.#questions.answer(line);
  }

  /** Nothing more will come from this backend. */
  drop(backend: Backend): void {
    this.#questions.drop(backend);
  }

  /** Introduces the client to a backend that it has not met; tells the backend when it serves, or that it does not. */
  async repeat(backend: Backend): Promise<void> {
    settle(backend, await introduce(backend, this.#questions, () => this.#record, this.#onMet));
  }

  /**
   * The server answers the client's `initialize` after the bridge did: what is left of the handshake follows. Whether the
   * line is that answer.
   */
  answerLate(backend: Backend, line: ResponseLine): boolean {
    if (backend.state !== 'starting' || line.message.id !== this.#early) return false;
    const problem = whatIsWrong(line);
    if (problem !== undefined) settle(backend, problem);
    else void catchUp(backend, this.#questions, () => this.#record).then(() => settle(backend, undefined));
    return true;
  }

  /** Asks a backend on the bridge's own account: the raw result, or undefined if there is none. */
  async ask(backend: Backend, text: string): Promise<string | undefined> {
    const answer = await this.#questions.ask(backend, text);
    return answer && resultOf(answer);
  }

  #remember(record: SessionRecord): void {
    if (record === this.#record) return;
    this.#record = record;
    if (this.#isKept) this.#store.save(record);
  }
}

function settle(backend: Backend, problem: string | undefined): void {
  if (problem === undefined) backend.handshaken();
  else backend.refuse(problem);
}

/** The revision that an `initialize` asks for, or the one that a client without one is taken to speak. */
export function requestedRevision({ message }: RequestLine): string {
  const requested = param(message, 'protocolVersion');
  return typeof requested === 'string' ? requested : DEFAULT_REVISION;
}
