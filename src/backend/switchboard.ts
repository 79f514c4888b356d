// What passes between the sessions at one backend and its server: whose answer, whose progress, whose news it is.
import {
  asLine,
  errorOf,
  errorText,
  type Line,
  METHOD_NOT_FOUND,
  type NotificationLine,
  notificationText,
  parseJson,
  type RequestLine,
  type ResponseLine,
  requestText,
} from '../protocol/jsonrpc.js';
import {
  CANCELLED,
  isListChanged,
  LOG_MESSAGE,
  PROGRESS,
  SET_LEVEL,
  SUBSCRIBE,
  UNSUBSCRIBE,
  UPDATED,
} from '../protocol/mcp.js';
import { replaceAt, valueAt } from '../protocol/rewrite.js';
import type { Backend } from './backend.js';
import { Numbers } from './numbers.js';
import { type Undo, Wishes } from './wishes.js';

/** Who listens: a seat. */
export interface Listener {
  /** Whether it is told what the server says to all. */
  readonly listens: boolean;
  hear(line: Line): void;
}

type Sent = ReturnType<Backend['send']>;

export class Switchboard<S extends Listener> {
  readonly #write: Backend['send'];
  readonly #listeners: ReadonlySet<S>;
  readonly #numbers = new Numbers<S>();
  readonly #wishes = new Wishes<S>();

  /** `write` writes a line to the server. */
  constructor(write: Backend['send'], listeners: ReadonlySet<S>) {
    this.#write = write;
    this.#listeners = listeners;
  }

  /** A message of a session for the server. */
  send(from: S, line: Line): Sent {
    switch (line.kind) {
      case 'request':
        return this.#request(from, line);
      case 'notification':
        return line.message.method === CANCELLED ? this.#cancel(from, line) : this.#write(line.text);
      case 'response':
        return 'sent';
    }
  }

  /** Asks on the bridge's own account. */
  ask(method: string, params: object, onAnswer?: (answer: ResponseLine) => void): void {
    const text = requestText(0, method, params);
    const line = asLine(parseJson(text), text);
    if (line?.kind === 'request') this.#write(this.#numbers.add(undefined, line, onAnswer).text);
  }

  /** A session has left. `isLast`: the server follows it, and need not be told what nobody wants any more. */
  drop(from: S, isLast: boolean): void {
    const requests = this.#numbers.drop(from);
    const { uris, level } = this.#wishes.drop(from);
    if (isLast) return;
    for (const { number } of requests) {
      const params = { requestId: number, reason: 'The client has left.' };
      this.#write(notificationText(CANCELLED, params));
    }
    for (const uri of uris) this.ask(UNSUBSCRIBE, { uri });
    if (level !== undefined) this.ask(SET_LEVEL, { level });
  }

  /** A message of the server. */
  onLine(line: Line): void {
    switch (line.kind) {
      case 'response': {
        const answered = this.#numbers.answered(line);
        answered?.request.onAnswer(line);
        return answered?.request.from?.hear(answered.answer);
      }
      case 'request':
        return this.#refuse(line);
      case 'notification':
        return this.#onNotification(line);
    }
  }

  #request(from: S, line: RequestLine): Sent {
    switch (line.message.method) {
      case SET_LEVEL: {
        const undo = this.#wishes.wantLevel(from, line);
        return this.#forward(from, line, undo, withLevel(line.text, this.#wishes.level));
      }
      case SUBSCRIBE:
        return this.#forward(from, line, this.#wishes.watch(from, line));
      case UNSUBSCRIBE: {
        const undo = this.#wishes.unwatch(from, line);
        // Others watch it still: the server is not to hear of it.
        return this.#wishes.isWatched(line) ? answerEmpty(from, line) : this.#forward(from, line, undo);
      }
      default:
        return this.#forward(from, line);
    }
  }

  #forward(from: S, line: RequestLine, undo: Undo = () => {}, text = line.text): Sent {
    const { number, text: numbered } = this.#numbers.add(from, { ...line, text }, ({ message }) => {
      if (errorOf(message)) undo();
    });
    const sent = this.#write(numbered);
    if (sent === 'sent') return sent;
    this.#numbers.forget(number);
    undo();
    return sent;
  }

  #cancel(from: S, line: NotificationLine): Sent {
    const text = this.#numbers.cancelled(from, line);
    return text === undefined ? 'sent' : this.#write(text);
  }

  /** The bridge told the server that its client can do nothing: which of them could be asked? */
  #refuse({ message, text }: RequestLine): void {
    const id = valueAt(text, ['id']) ?? 'null';
    const words = `No client can be asked ${message.method}: several share this server (--isolation shared).`;
    const refusal = replaceAt(errorText(null, METHOD_NOT_FOUND, words), ['id'], id);
    this.#write(message.method === 'ping' ? emptyAnswer(id) : refusal);
  }

  #onNotification(line: NotificationLine): void {
    const { method } = line.message;
    if (method === PROGRESS) {
      const progressed = this.#numbers.progressed(line);
      return progressed?.from.hear(progressed.line);
    }
    // It takes back what nobody was asked.
    if (method === CANCELLED) return;
    for (const each of this.#audience(line))
      if (each.listens && this.#wishes.isFor(each, line)) each.hear(line);
  }

  /** What names no request is of the only session that has one, unless it goes to whoever asked for such news. */
  #audience({ message: { method } }: NotificationLine): Iterable<S> {
    const isNews = method === UPDATED || method === LOG_MESSAGE || isListChanged(method);
    const waiting = this.#numbers.waiting();
    return !isNews && waiting.size === 1 ? waiting : [...this.#listeners];
  }
}

/** The log level that a request asks for, in favour of who wants more than that. */
function withLevel(text: string, level: string | undefined): string {
  return level === undefined ? text : replaceAt(text, ['params', 'level'], JSON.stringify(level));
}

function emptyAnswer(id: string): string {
  return `{"jsonrpc":"2.0","id":${id},"result":{}}`;
}

/** Answers in the place of the server; never before the sender is done with sending. */
function answerEmpty(from: Listener, { text }: RequestLine): Sent {
  const answer = emptyAnswer(valueAt(text, ['id']) ?? 'null');
  const line = asLine(parseJson(answer), answer);
  if (line) queueMicrotask(() => from.hear(line));
  return 'sent';
}
