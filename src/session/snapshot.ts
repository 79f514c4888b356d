// What the server has said of itself: its answer to `initialize`, and its lists. Kept to answer a client while no backend
// can, and to see what a new generation changed.
import { createHash } from 'node:crypto';
import {
  errorOf,
  isObject,
  param,
  parseJson,
  type RequestId,
  type RequestLine,
  type ResponseLine,
} from '../protocol/jsonrpc.js';
import { replaceAt, valueAt } from '../protocol/rewrite.js';

/** The list requests: the member of the result that holds the items, and what tells the client that they changed. */
export const LISTS: Readonly<Record<string, { readonly items: string; readonly changed: string }>> = {
  'tools/list': { items: 'tools', changed: 'notifications/tools/list_changed' },
  'prompts/list': { items: 'prompts', changed: 'notifications/prompts/list_changed' },
  'resources/list': { items: 'resources', changed: 'notifications/resources/list_changed' },
  'resources/templates/list': { items: 'resourceTemplates', changed: 'notifications/resources/list_changed' },
};

/** Whether a request asks what a snapshot knows. A request for a further page does not: cursors belong to a backend. */
export function isQuick({ message }: RequestLine): boolean {
  if (message.method === 'ping') return true;
  return LISTS[message.method] !== undefined && param(message, 'cursor') === undefined;
}

/** The raw result of a response, as JSON text. */
export function resultOf(line: ResponseLine): string | undefined {
  return errorOf(line.message) ? undefined : valueAt(line.text, ['result']);
}

/** A response with this result, as JSON text. */
export function resultText(id: RequestId, result: string): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
}

const CHANGING = ['tools', 'prompts', 'resources'];

/**
 * The answer to `initialize` with `listChanged: true` for the lists that the server has: the bridge tells when they change,
 * even if the server never would, and clients listen only if that was declared.
 */
export function withListChanged(text: string): string {
  return CHANGING.reduce((changed, kind) => {
    const path = ['result', 'capabilities', kind];
    const capability = valueAt(changed, path);
    const value = capability === undefined ? undefined : parseJson(capability);
    if (!isObject(value) || capability === undefined) return changed;
    if ('listChanged' in value) return replaceAt(changed, [...path, 'listChanged'], 'true');
    const first = Object.keys(value).length === 0 ? '{"listChanged":true' : '{"listChanged":true,';
    return replaceAt(changed, path, capability.replace('{', first));
  }, text);
}

/** Result texts by method. */
export type Snapshot = ReadonlyMap<string, string>;

/** Clients that differ in what they can do may be told different things; so many kinds of them are remembered. */
const MOST_KINDS = 32;

/** Where snapshots are kept; see Store. */
export interface Notes {
  note(name: string): string | undefined;
  keepNote(name: string, text: string | undefined): void;
}

interface Slot {
  readonly name: string;
  readonly results: Map<string, string>;
}

/** What fresh backends of the last working generation said, by kind of client. Of one server, for all its sessions. */
export class Snapshots {
  readonly #notes: Notes;
  /** The one that was learnt last is the last one. */
  readonly #byKind = new Map<string, Slot>();

  constructor(notes: Notes) {
    this.#notes = notes;
    for (let n = 0; n < MOST_KINDS; n += 1) this.#recall(`snapshot ${n}`);
  }

  /** The same revision asked for and the same capabilities: the same answers. */
  static kindOf({ text }: RequestLine): string {
    const said = ['protocolVersion', 'capabilities'].map((name) => valueAt(text, ['params', name]));
    return createHash('sha256').update(said.join(' ')).digest('base64url');
  }

  of(kind: string): Snapshot | undefined {
    return this.#byKind.get(kind)?.results;
  }

  /** The server answered `method` so. */
  learn(kind: string, method: string, result: string): void {
    const slot = this.#byKind.get(kind) ?? this.#newSlot();
    this.#byKind.delete(kind);
    this.#byKind.set(kind, slot);
    if (slot.results.get(method) === result) return;
    slot.results.set(method, result);
    this.#notes.keepNote(slot.name, JSON.stringify([kind, [...slot.results]]));
  }

  /** A name that is free, or that of the kind that was learnt least lately, which is forgotten. */
  #newSlot(): Slot {
    const [oldest] = this.#byKind;
    if (this.#byKind.size < MOST_KINDS || !oldest)
      return { name: `snapshot ${this.#byKind.size}`, results: new Map() };
    const [kind, { name }] = oldest;
    this.#byKind.delete(kind);
    return { name, results: new Map() };
  }

  #recall(name: string): void {
    const kept = parseJson(this.#notes.note(name) ?? '');
    if (!Array.isArray(kept)) return;
    const [kind, results] = kept as [string, [string, string][]];
    this.#byKind.set(kind, { name, results: new Map(results) });
  }
}

/** The answer to `initialize` while there is none: the server is still being built, its tools appear by themselves. */
export function provisional({ message }: RequestLine, serverName: string): string {
  const changing = { listChanged: true };
  return JSON.stringify({
    protocolVersion: param(message, 'protocolVersion'),
    capabilities: { tools: changing, prompts: changing, resources: changing },
    serverInfo: { name: serverName, version: '0.0.0' },
    instructions:
      'This server is still being built. Its tools, prompts and resources appear by themselves when it is ready; a call made before waits for it.',
  });
}

/** The result of a quick request where no backend can be asked and nothing is known: there is nothing yet. */
export function emptyResult(method: string): string {
  const list = LISTS[method];
  return JSON.stringify(list ? { [list.items]: [] } : {});
}

/** One page of a list: its items, and the cursor of the next page where there is one. */
export interface Page {
  readonly items: readonly unknown[];
  readonly next: unknown;
}

/** The first pages of a list, one after the other: all of them where there is no next one. */
export interface Shown extends Page {
  readonly pages: number;
}

/** What the client knows of a list after one more page of it; a page that does not continue the others is no news. */
export function afterPage(shown: Shown | undefined, request: RequestLine, result: string): Shown | undefined {
  const cursor = param(request.message, 'cursor');
  const page = pageOf(request.message.method, result);
  if (cursor === undefined) return { ...page, pages: 1 };
  if (shown?.next !== cursor) return shown;
  return { ...page, items: [...shown.items, ...page.items], pages: shown.pages + 1 };
}

/** The items and the next cursor of a list result. */
export function pageOf(method: string, result: string): Page {
  const value = parseJson(result);
  const items = isObject(value) ? value[LISTS[method]?.items ?? ''] : undefined;
  return { items: Array.isArray(items) ? items : [], next: isObject(value) ? value.nextCursor : undefined };
}

/** What tells the pages that a client was shown from others: a digest, and if there are more pages how many these are. */
export function markOf({ items, next, pages }: Shown): string {
  return next === undefined ? digestOf(items) : `${digestOf(items)} ${pages}`;
}

/** How many pages a mark is of; undefined: of all. */
export function pagesIn(mark: string): number | undefined {
  const [, pages] = mark.split(' ');
  return pages === undefined ? undefined : Number(pages);
}

/** What tells a list from others; the order of items and of members does not matter. */
export function digestOf(items: readonly unknown[]): string {
  return createHash('sha256').update(canonical(items)).digest('base64url');
}

function canonical(items: readonly unknown[]): string {
  try {
    return JSON.stringify(items.map((item) => JSON.stringify(item, sortMembers)).toSorted());
  } catch {
    // Nested deeper than the stack: such a list is taken to be like any other of its length.
    return `${items.length} items`;
  }
}

function sortMembers(_: string, value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
