// A client's network: a `fetch` that writes down all that passes, and whose connections can be cut.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Block, makeBlockReader } from './blocks.js';
import type { Chance } from './chance.js';
import type { Exchange, ServerState, WireEvent, WireMessage, WireRequest } from './history.js';

const EVENTS = 'text/event-stream';
/** What came before a cut is read by the client before it learns of the cut (ms). */
const BEFORE_CUT = 30;

interface Open {
  readonly exchange: Exchange;
  readonly scissors: AbortController;
  /** Its client has it no longer, whether it is over or not. */
  forget(): void;
}

export class Wire {
  /** After so many ms the connection of this call is cut; by number. */
  readonly cuts = new Map<number, number>();
  session: string | undefined;
  readonly #client: string;
  readonly #exchanges: Exchange[];
  readonly #open = new Set<Open>();
  #isRetired = false;

  /** `exchanges`: where they are written down. */
  constructor(client: string, exchanges: Exchange[]) {
    this.#client = client;
    this.#exchanges = exchanges;
  }

  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    if (this.#isRetired) throw new TypeError('This client is gone.');
    const exchange = this.#begin(init);
    const open = this.#openFor(exchange, init.signal);
    try {
      const response = await fetch(input, { ...init, signal: open.scissors.signal });
      exchange.status = response.status;
      exchange.session = response.headers.get('mcp-session-id') ?? undefined;
      this.session ??= exchange.session;
      const isStream = response.headers.get('content-type')?.startsWith(EVENTS) && response.body;
      return isStream ? await this.#stream(response, open) : await this.#body(response, open);
    } catch (error) {
      this.#end(open, endOf(open));
      throw error;
    }
  };

  /** Cuts one of the connections that are open and have an event id already, if there is one. */
  cutOne(chance: Chance): string | undefined {
    const known = [...this.#open].filter(({ exchange }) => exchange.events.some(({ id }) => id));
    const posts = known.filter(({ exchange }) => exchange.method === 'POST');
    const [first, ...more] = posts.length > 0 && chance.isLikely(0.8) ? posts : known;
    if (!first) return undefined;
    const { exchange, scissors } = chance.pick([first, ...more]);
    scissors.abort();
    return `${exchange.method} ${exchange.request?.n ?? exchange.events.at(-1)?.id}`;
  }

  /** Nothing passes any more. */
  retire(): void {
    this.#isRetired = true;
    for (const open of [...this.#open]) {
      this.#end(open, 'left');
      open.scissors.abort();
    }
  }

  #openFor(exchange: Exchange, signal: RequestInit['signal']): Open {
    const scissors = new AbortController();
    const leave = () => {
      this.#end(open, 'left');
      scissors.abort();
    };
    const open = { exchange, scissors, forget: () => signal?.removeEventListener('abort', leave) };
    this.#open.add(open);
    if (signal?.aborted) leave();
    signal?.addEventListener('abort', leave, { once: true });
    this.#planCut(open);
    return open;
  }

  #begin({ method = 'GET', headers, body }: RequestInit): Exchange {
    const message = typeof body === 'string' ? JSON.parse(body) : undefined;
    const exchange: Exchange = {
      client: this.#client,
      method,
      sentAt: Date.now(),
      request: message && requestOf(message),
      after: new Headers(headers).get('last-event-id') ?? undefined,
      events: [],
    };
    this.#exchanges.push(exchange);
    return exchange;
  }

  #planCut({ exchange, scissors }: Open): void {
    const n = exchange.request?.n;
    const ms = n === undefined ? undefined : this.cuts.get(n);
    if (ms !== undefined) void sleep(ms, undefined, { ref: false }).then(() => scissors.abort());
  }

  async #body(response: Response, open: Open): Promise<Response> {
    const text = await response.text();
    // A refusal answers no request.
    if (response.ok && response.headers.get('content-type')?.startsWith('application/json'))
      open.exchange.events.push(eventOf({ data: text }));
    this.#end(open, 'whole');
    return new Response(text || null, { status: response.status, headers: response.headers });
  }

  /** Given to the client when something has come: a stream that dies before is as dead as one that never began. */
  async #stream(response: Response, open: Open): Promise<Response> {
    const reader = (response.body ?? expectBody()).getReader();
    const read = makeBlockReader();
    const next = async () => {
      const { value } = await reader.read();
      if (value)
        for (const block of read(value))
          if (block.data !== undefined) open.exchange.events.push(eventOf(block));
      return value;
    };
    const first = await next();
    let pending: Uint8Array | undefined = first;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const bytes = pending ?? (await next());
            pending = undefined;
            if (bytes) return controller.enqueue(bytes);
            this.#end(open, 'whole');
            controller.close();
          } catch (error) {
            this.#end(open, endOf(open));
            await sleep(BEFORE_CUT);
            controller.error(error);
          }
        },
        cancel: async (reason) => {
          this.#end(open, 'left');
          await reader.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { status: response.status, headers: response.headers });
  }

  #end(open: Open, end: NonNullable<Exchange['end']>): void {
    this.#open.delete(open);
    open.forget();
    open.exchange.end ??= end;
    open.exchange.endedAt ??= Date.now();
  }
}

function expectBody(): never {
  throw new TypeError('A stream without a body.');
}

/** What has ended a connection that we have not seen to its end. */
function endOf({ scissors }: Open): 'cut' | 'lost' {
  return scissors.signal.aborted ? 'cut' : 'lost';
}

function requestOf(message: {
  id?: number | string;
  method?: string;
  params?: { arguments?: { n?: number } };
}): WireRequest | undefined {
  const { id, method, params } = message;
  return id === undefined || method === undefined ? undefined : { id, method, n: params?.arguments?.n };
}

function eventOf({ id, data = '' }: Block): WireEvent {
  if (data === '') return { id };
  const digest = createHash('sha1').update(data).digest('base64');
  return { id, message: messageOf(JSON.parse(data)), digest };
}

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly data?: unknown; readonly message?: unknown };
  readonly result?: { readonly content?: readonly { readonly text?: string }[] };
  readonly error?: { readonly code: number; readonly message: string };
}

function messageOf({ id, method, params, result, error }: Message): WireMessage {
  if (method === undefined)
    return {
      kind: 'answer',
      id: id ?? 'null',
      result: stateOf(result),
      ...(error && { error: error.message }),
    };
  const [, life, seq] = /^(\S+) (\d+)$/.exec(String(params?.data ?? params?.message)) ?? [];
  return life && seq && method.startsWith('notifications/')
    ? { kind: 'told', life, seq: Number(seq) }
    : { kind: 'other', method };
}

/** What a tool of the server says of itself; nothing where the answer is of something else. */
function stateOf(result: Message['result']): ServerState | undefined {
  const text = result?.content?.[0]?.text;
  if (!text?.startsWith('{')) return undefined;
  const { padding: _, ...state } = JSON.parse(text);
  return state;
}
