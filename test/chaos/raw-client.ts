// A client of our own that does what the specification asks of one: comes back to each stream with the last id it has seen.
import { setTimeout as sleep } from 'node:timers/promises';
import { readBlocks } from './blocks.js';
import type { Chance } from './chance.js';
import type { Wire } from './wire.js';

const POST_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
/** Without a `retry:` it comes back after so long (ms). */
const RETRY = 1_000;
/** What an impatient one waits at most, whatever it was told (ms). */
const IMPATIENCE = 300;
/** So long it goes on asking for an answer (ms). */
const PATIENCE = 90_000;

export interface RawPlan {
  readonly url: string;
  readonly name: string;
  readonly revision: string;
  readonly wire: Wire;
  readonly chance: Chance;
  readonly whenUp: () => Promise<void>;
}

interface Answer {
  readonly id?: number | string;
  readonly result?: {
    readonly [key: string]: unknown;
    readonly content?: readonly { readonly text: string }[];
  };
  readonly error?: { readonly code: number; readonly message: string };
}

interface Seen {
  /** The last event id of a stream. */
  last: string | undefined;
}

export class RawChaosClient {
  readonly #plan: RawPlan;
  readonly #end = new AbortController();
  readonly #isImpatient: boolean;
  #revision: string | undefined;
  #retry = RETRY;
  #lastId = 0;

  constructor(plan: RawPlan) {
    this.#plan = plan;
    this.#isImpatient = plan.chance.isLikely(0.5);
  }

  async open(): Promise<void> {
    const { name, revision } = this.#plan;
    const clientInfo = { name, version: '1' };
    await this.request('initialize', { protocolVersion: revision, capabilities: {}, clientInfo });
    this.#revision = revision;
    const reply = await this.#post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    if (reply.status !== 202) throw new Error(`notifications/initialized: ${reply.status}`);
    void this.#listen();
  }

  /** A request, and the result that it has in the end. */
  async request(method: string, params: object = {}): Promise<NonNullable<Answer['result']>> {
    this.#lastId += 1;
    const id = this.#lastId;
    const reply = await this.#post({ jsonrpc: '2.0', id, method, params });
    const answer = await this.#answer(reply);
    if (answer.error) throw new Error(answer.error.message);
    return answer.result ?? {};
  }

  /** Leaves without a word. */
  close(): void {
    this.#end.abort();
  }

  async #answer(reply: Response): Promise<Answer> {
    if (reply.status !== 200) throw new Error(`${reply.status}: ${await reply.text()}`);
    if (!reply.headers.get('content-type')?.startsWith('text/event-stream'))
      return (await reply.json()) as Answer;
    const seen: Seen = { last: undefined };
    const deadline = performance.now() + PATIENCE;
    for (let stream: Response | undefined = reply; ; ) {
      const answer = stream && (await this.#read(stream, seen));
      if (answer) return answer;
      if (seen.last === undefined) throw new Error('The connection was cut before an event id had come.');
      if (performance.now() > deadline) throw new Error(`No answer on the stream of ${seen.last}.`);
      await this.#pause();
      stream = await this.#get(seen.last).catch(() => undefined);
      if (stream?.status === 405) throw new Error(`Nothing is left of the stream of ${seen.last}.`);
    }
  }

  /** Reads a stream to its end, however that comes; gives the answer that was in it. */
  async #read(stream: Response, seen: Seen): Promise<Answer | undefined> {
    let answer: Answer | undefined;
    try {
      for await (const { id, data, retry } of readBlocks(stream.body)) {
        seen.last = id ?? seen.last;
        this.#retry = retry ?? this.#retry;
        const message = data ? JSON.parse(data) : {};
        if ('result' in message || 'error' in message) answer = message;
      }
    } catch {
      // Cut: what came before counts.
    }
    return answer;
  }

  async #listen(): Promise<void> {
    const seen: Seen = { last: undefined };
    while (!this.#end.signal.aborted) {
      const stream = await this.#get(seen.last).catch(() => undefined);
      if (stream?.status === 200) await this.#read(stream, seen);
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    const { chance, whenUp } = this.#plan;
    await sleep(this.#isImpatient ? chance.between(0, IMPATIENCE) : this.#retry);
    await whenUp();
  }

  #post(message: object): Promise<Response> {
    const body = JSON.stringify(message);
    return this.#plan.wire.fetch(this.#plan.url, {
      method: 'POST',
      body,
      headers: this.#headers(POST_HEADERS),
    });
  }

  #get(lastEventId: string | undefined): Promise<Response> {
    const last = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    const headers = this.#headers({ Accept: 'text/event-stream', ...last });
    return this.#plan.wire.fetch(this.#plan.url, { headers, signal: this.#end.signal });
  }

  #headers(own: Readonly<Record<string, string>>): Record<string, string> {
    const { session } = this.#plan.wire;
    return {
      ...own,
      ...(session !== undefined && { 'Mcp-Session-Id': session }),
      ...(this.#revision !== undefined && { 'MCP-Protocol-Version': this.#revision }),
    };
  }
}
