// What the sessions at one backend want to hear of it: the resources they watch, and how much of its log.
import { type NotificationLine, param, type RequestLine } from '../protocol/jsonrpc.js';
import { LOG_LEVELS, LOG_MESSAGE, UPDATED } from '../protocol/mcp.js';

/** Takes a wish back that the server has refused. */
export type Undo = () => void;

/** What the server is to be told when somebody is gone. */
export interface Left {
  /** Resources that nobody watches any more. */
  readonly uris: readonly string[];
  /** The log level that the others want, if it is another one. */
  readonly level: string | undefined;
}

/** The wishes of each `S`. */
export class Wishes<S> {
  readonly #levels = new Map<S, string>();
  readonly #watched = new Map<S, Set<string>>();

  /** The most verbose level that anybody wants. */
  get level(): string | undefined {
    const wanted = new Set(this.#levels.values());
    return LOG_LEVELS.find((level) => wanted.has(level));
  }

  /** A level that nobody knows is no wish; the server says what it says to it. */
  wantLevel(who: S, { message }: RequestLine): Undo {
    const level = param(message, 'level');
    const before = this.#levels.get(who);
    if (typeof level === 'string' && LOG_LEVELS.includes(level)) this.#levels.set(who, level);
    return () => {
      if (before === undefined) this.#levels.delete(who);
      else this.#levels.set(who, before);
    };
  }

  watch(who: S, request: RequestLine): Undo {
    const uri = uriOf(request);
    const own = this.#watched.get(who) ?? new Set();
    const isNew = !own.has(uri);
    this.#watched.set(who, own.add(uri));
    return () => {
      if (isNew) own.delete(uri);
    };
  }

  unwatch(who: S, request: RequestLine): Undo {
    const uri = uriOf(request);
    const own = this.#watched.get(who);
    const had = own?.delete(uri);
    return () => {
      if (had) own?.add(uri);
    };
  }

  isWatched(request: RequestLine): boolean {
    return this.#isWatched(uriOf(request));
  }

  /** Whether a notification is for this one. */
  isFor(who: S, { message }: NotificationLine): boolean {
    if (message.method === LOG_MESSAGE) return isLoudEnough(textOf(message, 'level'), this.#levels.get(who));
    if (message.method !== UPDATED) return true;
    const uri = textOf(message, 'uri');
    return [...(this.#watched.get(who) ?? [])].some((watched) => isPart(uri, watched));
  }

  /** Somebody is gone, and all wishes with them. */
  drop(who: S): Left {
    const [before, own] = [this.level, this.#watched.get(who) ?? []];
    this.#levels.delete(who);
    this.#watched.delete(who);
    const level = this.level;
    return {
      uris: [...own].filter((uri) => !this.#isWatched(uri)),
      level: level === before ? undefined : level,
    };
  }

  #isWatched(uri: string): boolean {
    return [...this.#watched.values()].some((uris) => uris.has(uri));
  }
}

function uriOf({ message }: RequestLine): string {
  return textOf(message, 'uri');
}

/** A parameter that is to be a text; what is none is taken for an empty one. */
function textOf(message: { params?: unknown }, name: string): string {
  const value = param(message, name);
  return typeof value === 'string' ? value : '';
}

/** Who has not asked for a level hears all that the server says. */
function isLoudEnough(level: string, wanted: string | undefined): boolean {
  const at = LOG_LEVELS.indexOf(level);
  return at === -1 || wanted === undefined || at >= LOG_LEVELS.indexOf(wanted);
}

/** The resource that is watched, or one within it (2025-11-25, resources/updated). */
function isPart(uri: string, watched: string): boolean {
  if (uri === watched) return true;
  return uri.startsWith(watched) && (watched.endsWith('/') || /^[/?#]/.test(uri.slice(watched.length)));
}
