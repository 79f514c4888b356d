// What the client has told its server, kept so that it can be told to the next backend, in the order it was told.
import type { Backend } from '../backend/backend.js';
import {
  isObject,
  type NotificationLine,
  param,
  parseJson,
  type RequestId,
  type RequestLine,
  type ResponseLine,
} from '../protocol/jsonrpc.js';
import { DEFAULT_REVISION, SET_LEVEL, SUBSCRIBE, UNSUBSCRIBE } from '../protocol/mcp.js';
import { replaceAt } from '../protocol/rewrite.js';
import type { SessionRecord, Store } from '../store/store.js';
import type { HeldRequest } from './hold.js';
import { resultOf } from './snapshot.js';

/** Subscriptions that are repeated to the next backend: a record is written with each change of it. */
const MOST_SUBSCRIPTIONS = 1_000;

export class Handshake {
  readonly #store: Store;
  readonly #questions = new Questions();
  #record: SessionRecord;
  /** The client's `initialize`, until it is answered. */
  #opening: HeldRequest | undefined;
  /** It is on record: from now on every change of it is. */
  #isKept = false;
  /** Its id, if the bridge answered it: the first backend may still answer it too. */
  #early: RequestId | undefined;

  /** `record`: what is known of the session so far. */
  constructor(store: Store, record: SessionRecord) {
    this.#store = store;
    this.#record = record;
  }

  /** The revision agreed on, once it is. */
  get revision(): string | undefined {
    return this.#record.revision;
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
    if ('error' in message) return undefined;
    const agreed = isObject(message.result) ? message.result.protocolVersion : undefined;
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
  initialized({ text }: NotificationLine): void {
    this.#remember({ ...this.#record, initialized: text });
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
    settle(backend, await repeatHandshake(backend, this.#questions, () => this.#record));
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

/** The record after the server accepted a request, or the same record if that changes nothing that lasts. */
function afterRequest(record: SessionRecord, { message, text }: RequestLine): SessionRecord {
  switch (message.method) {
    case SET_LEVEL:
      return { ...record, setLevel: text };
    case SUBSCRIBE:
      return { ...record, subscriptions: newest(record.subscriptions, uriOf(message), text) };
    case UNSUBSCRIBE:
      return { ...record, subscriptions: withoutKey(record.subscriptions, uriOf(message)) };
    default:
      return record;
  }
}

/** Questions of the bridge's own to a backend, under ids that no client uses. */
class Questions {
  readonly #open = new Map<
    string,
    { backend: Backend; resolve: (answer: ResponseLine | undefined) => void }
  >();
  #count = 0;

  /** Sends a request under an id of ours. Resolves with the answer, or undefined when the backend is gone. */
  ask(backend: Backend, requestText: string): Promise<ResponseLine | undefined> {
    this.#count += 1;
    const id = `mcp-bridge:${this.#count}`;
    return new Promise((resolve) => {
      this.#open.set(id, { backend, resolve });
      if (backend.send(replaceAt(requestText, ['id'], JSON.stringify(id))) !== 'sent')
        this.#settle(id, undefined);
    });
  }

  /** Whether the line answers one of ours. */
  answer(line: ResponseLine): boolean {
    const { id } = line.message;
    return typeof id === 'string' && this.#settle(id, line);
  }

  /** Nothing more will come from this backend. */
  drop(backend: Backend): void {
    for (const [id, question] of this.#open) if (question.backend === backend) this.#settle(id, undefined);
  }

  #settle(id: string, answer: ResponseLine | undefined): boolean {
    const question = this.#open.get(id);
    this.#open.delete(id);
    question?.resolve(answer);
    return question !== undefined;
  }
}

/**
 * Introduces the client to a new backend: `initialize` with the revision agreed on → its result → `initialized` → log
 * level → subscriptions. Strict servers refuse any other order. Resolves with what was wrong, or undefined; a log level
 * or subscription that the new server refuses is no reason not to serve.
 * `record` is asked for late: the client may say `initialized` meanwhile.
 */
async function repeatHandshake(
  backend: Backend,
  questions: Questions,
  record: () => SessionRecord,
): Promise<string | undefined> {
  const answer = await questions.ask(backend, pinned(record()));
  return whatIsWrong(answer) ?? (await catchUp(backend, questions, record));
}

function whatIsWrong(answer: ResponseLine | undefined): string | undefined {
  if (!answer) return 'it ended';
  return 'error' in answer.message ? `it refused initialize: ${answer.message.error.message}` : undefined;
}

async function catchUp(
  backend: Backend,
  questions: Questions,
  record: () => SessionRecord,
): Promise<undefined> {
  const { initialized } = record();
  if (initialized !== undefined) backend.send(initialized);
  for (const text of lasting(record())) await questions.ask(backend, text);
  // The client said it meanwhile, when this backend could not be told yet.
  const late = record().initialized;
  if (initialized === undefined && late !== undefined) backend.send(late);
  return undefined;
}

/** The client's own `initialize`, with the revision that was agreed on: a newer server must not choose another. */
function pinned({ initialize, revision }: SessionRecord): string {
  return revision === undefined
    ? initialize
    : replaceAt(initialize, ['params', 'protocolVersion'], JSON.stringify(revision));
}

function lasting({ setLevel, subscriptions }: SessionRecord): string[] {
  return [...(setLevel === undefined ? [] : [setLevel]), ...subscriptions.values()];
}

function uriOf(message: { params?: unknown }): string {
  return String(param(message, 'uri'));
}

/** With one more at the end; of too many, without the oldest. */
function newest(map: ReadonlyMap<string, string>, key: string, text: string): ReadonlyMap<string, string> {
  const copy = new Map(map);
  copy.delete(key);
  copy.set(key, text);
  const [oldest] = copy.keys();
  if (copy.size > MOST_SUBSCRIPTIONS && oldest !== undefined) copy.delete(oldest);
  return copy;
}

function withoutKey<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
