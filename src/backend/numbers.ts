// The requests that a shared backend has: every session counts from 0, so each request gets a number of its own, which is
// its progress token as well, and the answer finds who asked.
import {
  type NotificationLine,
  param,
  progressToken,
  type RequestId,
  type RequestLine,
  type ResponseLine,
} from '../protocol/jsonrpc.js';
import { replaceAt, valueAt } from '../protocol/rewrite.js';

/** A request of somebody `S` that is not answered; without anybody it is the bridge's own. */
export interface Numbered<S> {
  readonly number: number;
  readonly from: S | undefined;
  readonly line: RequestLine;
  /** What the server's answer means, whoever waits for it. */
  readonly onAnswer: (answer: ResponseLine) => void;
}

const MOST_TASKS = 1_000;

const ID = ['id'];
const TOKEN_OF_REQUEST = ['params', '_meta', 'progressToken'];
const TOKEN_OF_PROGRESS = ['params', 'progressToken'];
const ID_OF_CANCELLED = ['params', 'requestId'];

export class Numbers<S> {
  readonly #open = new Map<number, Numbered<S>>();
  /** Requests that started a task: that is told of after they were answered. The newest ones. */
  readonly #tasks = new Map<number, Numbered<S>>();
  #last = 0;

  /** Gives a request a number: the text for the server. */
  add(from: S | undefined, line: RequestLine, onAnswer: Numbered<S>['onAnswer'] = () => {}) {
    this.#last += 1;
    const number = this.#last;
    this.#open.set(number, { number, from, line, onAnswer });
    const text = replaceAt(line.text, ID, String(number));
    const hasToken = progressToken(line.message) !== undefined;
    return { number, text: hasToken ? replaceAt(text, TOKEN_OF_REQUEST, String(number)) : text };
  }

  /** It was not sent after all. */
  forget(number: number): void {
    this.#open.delete(number);
  }

  /** Takes the request that is answered, and gives its answer as who asked knows it. */
  answered(answer: ResponseLine): { request: Numbered<S>; answer: ResponseLine } | undefined {
    const request = this.#open.get(Number(answer.message.id));
    if (!request) return undefined;
    this.#open.delete(request.number);
    if (param(request.line.message, 'task') !== undefined) this.#rememberTask(request);
    const text = replaceAt(answer.text, ID, valueAt(request.line.text, ID) ?? 'null');
    return { request, answer: { ...answer, message: { ...answer.message, id: idOf(request) }, text } };
  }

  /** Progress of the server, as who asked knows it. */
  progressed(line: NotificationLine): { from: S; line: NotificationLine } | undefined {
    const number = Number(param(line.message, 'progressToken'));
    const request = this.#open.get(number) ?? this.#tasks.get(number);
    const token = request && progressToken(request.line.message);
    if (request?.from === undefined || token === undefined) return undefined;
    const text = replaceAt(
      line.text,
      TOKEN_OF_PROGRESS,
      valueAt(request.line.text, TOKEN_OF_REQUEST) ?? 'null',
    );
    const message = { ...line.message, params: { ...line.message.params, progressToken: token } };
    return { from: request.from, line: { kind: 'notification', message, text } };
  }

  /** Somebody takes a request back: the text for the server. Whatever it answers is nobody's. */
  cancelled(from: S, line: NotificationLine): string | undefined {
    const id = param(line.message, 'requestId');
    const request = this.of(from).find((each) => idOf(each) === id);
    if (!request) return undefined;
    this.#open.delete(request.number);
    return replaceAt(line.text, ID_OF_CANCELLED, String(request.number));
  }

  /** What somebody waits for. */
  of(from: S): Numbered<S>[] {
    return [...this.#open.values()].filter((request) => request.from === from);
  }

  /** Who waits for anything. */
  waiting(): Set<S> {
    return new Set([...this.#open.values()].flatMap(({ from }) => from ?? []));
  }

  /** Takes all that somebody waited for. */
  drop(from: S): Numbered<S>[] {
    const dropped = this.of(from);
    for (const { number } of dropped) this.#open.delete(number);
    for (const [number, task] of this.#tasks) if (task.from === from) this.#tasks.delete(number);
    return dropped;
  }

  #rememberTask(request: Numbered<S>): void {
    this.#tasks.set(request.number, request);
    const [oldest] = this.#tasks.keys();
    if (this.#tasks.size > MOST_TASKS && oldest !== undefined) this.#tasks.delete(oldest);
  }
}

function idOf({ line }: Numbered<unknown>): RequestId {
  return line.message.id;
}
