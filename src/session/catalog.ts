// What this client has been shown of the server's lists, so that it can be shown it again without a backend, and told when
// a new backend has others.
import {
  isObject,
  param,
  parseJson,
  type RequestLine,
  type ResponseLine,
  requestText,
} from '../protocol/jsonrpc.js';
import { INITIALIZE } from '../protocol/mcp.js';
import {
  afterPage,
  emptyResult,
  LISTS,
  markOf,
  pageOf,
  pagesIn,
  resultOf,
  type Shown,
  Snapshots,
} from './snapshot.js';

/** Asks a backend on the bridge's own account: the raw result, or undefined if there is none. */
export type Ask = (requestText: string) => Promise<string | undefined>;

/** Of a list that is kept and compared: that of a broken server could go on for ever. */
const MOST_PAGES = 100;

export class Catalog {
  readonly #snapshots: Snapshots;
  readonly #kind: string;
  readonly #shown = new Map<string, Shown>();
  readonly #own = new Map<string, string>();
  /** What tells the lists that the client was last shown from others, by method. */
  readonly #marks: Map<string, string>;
  readonly #onShown: (marks: ReadonlyMap<string, string>) => void;

  /** `initialize` tells what kind of client it is; `marks` what it was shown before. `onShown` is told when that changes. */
  constructor(
    snapshots: Snapshots,
    initialize: RequestLine,
    marks: ReadonlyMap<string, string>,
    onShown: (marks: ReadonlyMap<string, string>) => void,
  ) {
    this.#snapshots = snapshots;
    this.#kind = Snapshots.kindOf(initialize);
    this.#marks = new Map(marks);
    this.#onShown = onShown;
  }

  /** The server answered; `isFresh`: it has not run a call yet, so that is what it would tell any such client. */
  seen(request: RequestLine, answer: ResponseLine, isFresh: boolean): void {
    const { method } = request.message;
    if (!LISTS[method] && method !== INITIALIZE) return;
    const result = resultOf(answer);
    if (result === undefined) return;
    this.note(request, result);
    if (isFresh && isWhole(request, result)) this.#snapshots.learn(this.#kind, method, result);
  }

  /**
   * A new backend answered the client's `initialize`, in which `revision`, the one agreed on, was asked for. A client that
   * asks for another one may agree on another one with it: this is what such clients are told only as long as they were
   * told that revision before.
   */
  met(revision: string | undefined, answer: ResponseLine): void {
    const result = resultOf(answer);
    const before = this.#snapshots.of(this.#kind)?.get(INITIALIZE);
    if (result === undefined || revisionIn(result) !== revision) return;
    if (before === undefined || revisionIn(before) === revision)
      this.#snapshots.learn(this.#kind, INITIALIZE, result);
  }

  /** The client was shown this result. */
  note(request: RequestLine, result: string): void {
    const { method } = request.message;
    if (!LISTS[method]) return;
    const shown = afterPage(this.#shown.get(method), request, result);
    if (!shown) return;
    this.#shown.set(method, shown);
    if (isWhole(request, result)) this.#own.set(method, result);
    if (shown.pages > MOST_PAGES) return;
    const mark = markOf(shown);
    if (this.#marks.get(method) === mark) return;
    this.#marks.set(method, mark);
    this.#onShown(this.#marks);
  }

  /** What is known without a backend: this client's own last list, else what a fresh backend said. */
  known(method: string): string | undefined {
    if (method === 'ping') return emptyResult(method);
    return this.#own.get(method) ?? this.#snapshots.of(this.#kind)?.get(method);
  }

  /** Whether the server says of this tool that calling it again changes nothing more (2025-11-25, tool annotations). */
  isSafeTool(name: unknown): boolean {
    const items =
      this.#shown.get('tools/list')?.items ?? pageOf('tools/list', this.known('tools/list') ?? '').items;
    const tool = items.find((item) => isObject(item) && item.name === name);
    const hints = isObject(tool) && isObject(tool.annotations) ? tool.annotations : {};
    return hints.readOnlyHint === true || hints.idempotentHint === true;
  }

  /** Asks for every list that the client has been shown, as far as it was, and tells which notifications are due. */
  async compare(ask: Ask): Promise<ReadonlySet<string>> {
    const due = new Set<string>();
    for (const [method, mark] of [...this.#marks]) {
      const shown = await fetchPages(method, pagesIn(mark) ?? MOST_PAGES, ask);
      if (shown && markOf(shown) !== mark) due.add(LISTS[method]?.changed ?? '');
    }
    return due;
  }
}

/** The revision in the result of `initialize`. */
function revisionIn(result: string): unknown {
  const value = parseJson(result);
  return isObject(value) ? value.protocolVersion : undefined;
}

/** The first page is the last one. */
function isWhole({ message }: RequestLine, result: string): boolean {
  return param(message, 'cursor') === undefined && pageOf(message.method, result).next === undefined;
}

/** The first pages of a list, `most` of them at most. */
async function fetchPages(method: string, most: number, ask: Ask): Promise<Shown | undefined> {
  const items: unknown[] = [];
  for (let pages = 1, cursor: unknown; ; pages += 1) {
    const result = await ask(requestText('', method, cursor === undefined ? undefined : { cursor }));
    if (result === undefined) return undefined;
    const page = pageOf(method, result);
    // Not as arguments of one `push`: there may be more than a call can have.
    for (const item of page.items) items.push(item);
    cursor = page.next;
    if (cursor === undefined || pages >= most) return { items, next: cursor, pages };
  }
}
