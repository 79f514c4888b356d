// A server without a process: the pipes of a child, with the test at their other end.
import { PassThrough } from 'node:stream';
import type { Child, ChildEnd, Spawn } from '../../src/backend/spawn.js';
import { isObject, parseJson, type RequestId } from '../../src/protocol/jsonrpc.js';

// Taken before a test puts fake timers in their place.
const { setTimeout, clearTimeout, setImmediate } = globalThis;

/** What has not come by then does not come (ms). */
const DEADLINE = 5_000;

/** A request or notification as it reached the server. */
export interface Received {
  readonly method: string;
  /** Of no meaning in a notification. */
  readonly id: RequestId;
  readonly params: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** One child. It ends with exit code 0 when its stdin ends, unless `isStubborn`. */
export class FakeChild implements Child {
  /** There is no process that a signal could reach. */
  readonly pid = undefined;
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  /** Every line it received, in order. */
  readonly lines: string[] = [];
  isStubborn = false;
  /** What it does with a request or notification, besides keeping it. */
  onReceived: (received: Received) => void = () => {};
  readonly #waiting = new Waiting();
  readonly #taken = new Set<number>();
  readonly #endListeners: ((end: ChildEnd) => void)[] = [];
  #rest = '';
  #outgoing = '';
  #end: ChildEnd | undefined;

  constructor() {
    this.stdin.on('data', (chunk: Buffer) => this.#read(chunk));
    this.stdin.on('end', () => {
      if (!this.isStubborn) this.end(0);
    });
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** The methods of the requests and notifications it received, in order; `response` for the client's answers. */
  get methods(): string[] {
    return this.lines.map((text) => readLine(text)?.method ?? 'response');
  }

  onEnd(listener: (end: ChildEnd) => void): void {
    this.#endListeners.push(listener);
  }

  /** The next request or notification of this method that was not taken before; waits until it is there. */
  received(method: string): Promise<Received> {
    return this.#waiting.until(
      () => this.#take(method),
      () => `Expected ${method}; received was:\n${this.lines.join('\n')}`,
    );
  }

  /** Writes one line to its stdout. It arrives in a later turn of the event loop, as from a real process. */
  reply(text: string): void {
    if (this.#outgoing === '') setImmediate(this.#write);
    this.#outgoing += `${text}\n`;
  }

  /** Answers a request; the id is written as JSON.stringify writes it. */
  answer({ id }: Pick<Received, 'id'>, result: object = {}): void {
    this.reply(JSON.stringify({ jsonrpc: '2.0', id, result }));
  }

  /** Writes one line to its stderr. */
  complain(line: string): void {
    this.stderr.write(`${line}\n`);
  }

  /** The process ends. What it wrote before still arrives, but may be later than the news of its end, as with real ones. */
  end(code: number | null, signal: string | null = null): void {
    this.#finish({ kind: 'exited', code, signal });
  }

  /** There never was a process. */
  failToSpawn(code: string): void {
    this.#finish({ kind: 'spawn-failed', code, message: '' });
  }

  /** It does not read its stdin any more, and more waits there than the bridge lets wait. */
  stopReading(): void {
    Object.defineProperty(this.stdin, 'writableLength', { value: Number.MAX_SAFE_INTEGER });
  }

  #finish(end: ChildEnd): void {
    if (this.#end) return;
    this.#end = end;
    for (const listener of this.#endListeners) listener(end);
    this.#write();
    this.stdout.end();
    this.stderr.end();
  }

  readonly #write = (): void => {
    const lines = this.#outgoing;
    this.#outgoing = '';
    if (lines !== '' && this.stdout.writable) this.stdout.write(lines);
  };

  #read(chunk: Buffer): void {
    if (this.#end) return;
    const lines = (this.#rest + chunk.toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const text of lines) {
      this.lines.push(text);
      const line = readLine(text);
      if (line) this.onReceived(line);
    }
    this.#waiting.look();
  }

  #take(method: string): Received | undefined {
    for (const [i, text] of this.lines.entries()) {
      const line = this.#taken.has(i) ? undefined : readLine(text);
      if (line?.method !== method) continue;
      this.#taken.add(i);
      return line;
    }
    return undefined;
  }
}

/** A spawn that starts nothing, and the children it gave, oldest first. */
export class FakeChildren {
  readonly all: FakeChild[] = [];
  readonly spawn: Spawn;
  readonly #waiting = new Waiting();

  /** `play` sets up the n-th child (from 0) before anything reaches it. */
  constructor(play: (child: FakeChild, nth: number) => void) {
    this.spawn = () => {
      const child = new FakeChild();
      play(child, this.all.length);
      this.all.push(child);
      this.#waiting.look();
      return child;
    };
  }

  /** The newest child. */
  get last(): FakeChild {
    const last = this.all.at(-1);
    if (!last) throw new Error('No child was spawned.');
    return last;
  }

  /** The n-th child, from 0; waits until it is there. */
  nth(n: number): Promise<FakeChild> {
    return this.#waiting.until(
      () => this.all[n],
      () => `Expected child ${n}; ${this.all.length} were spawned.`,
    );
  }
}

/** What a scripted server answers: a result, an error, or nothing. */
export type Answer =
  | { readonly result: object }
  | { readonly error: { readonly code: number; readonly message: string } }
  | undefined;

export type Script = Readonly<Record<string, (received: Received, child: FakeChild) => Answer>>;

/** Leaves a request unanswered. */
export const silent = (): Answer => undefined;

/**
 * An MCP server: answers `initialize`, `ping`, log levels, subscriptions, lists, reads, and calls of the tool `echo`;
 * calls of any other tool wait for the test to answer them. `script` replaces or adds methods.
 */
export function mcpServer(script: Script = {}): (child: FakeChild) => void {
  const methods: Script = { ...SERVER, ...script };
  return (child) => {
    child.onReceived = (received) => {
      const answer = methods[received.method]?.(received, child);
      if (answer) child.reply(JSON.stringify({ jsonrpc: '2.0', id: received.id, ...answer }));
    };
  };
}

const empty = (): Answer => ({ result: {} });

const SERVER: Script = {
  initialize: ({ params: { protocolVersion } }) => ({
    result: {
      protocolVersion,
      capabilities: { tools: {}, resources: { subscribe: true }, logging: {} },
      serverInfo: { name: 'fake', version: '1' },
    },
  }),
  ping: empty,
  'logging/setLevel': empty,
  'resources/subscribe': empty,
  'resources/unsubscribe': empty,
  'tools/list': () => ({ result: { tools: [] } }),
  'prompts/list': () => ({ result: { prompts: [] } }),
  'resources/list': () => ({ result: { resources: [] } }),
  'resources/read': ({ params: { uri } }) => ({ result: { contents: [{ uri, text: 'read' }] } }),
  'tools/call': ({ params }) => {
    if (params.name !== 'echo') return undefined;
    const { text } = isObject(params.arguments) ? params.arguments : {};
    return { result: { content: [{ type: 'text', text }] } };
  },
};

/** Waits that end with what happens, or with a word on what did happen. */
class Waiting {
  readonly #looks = new Set<() => void>();

  /** Something happened. */
  look(): void {
    for (const look of [...this.#looks]) look();
  }

  until<T>(find: () => T | undefined, tell: () => string): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        this.#looks.delete(look);
      };
      const look = () => {
        const found = find();
        if (found === undefined) return;
        stop();
        resolve(found);
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(tell()));
      }, DEADLINE);
      this.#looks.add(look);
      look();
    });
  }
}

function readLine(text: string): Received | undefined {
  const value = parseJson(text);
  if (!isObject(value) || typeof value.method !== 'string') return undefined;
  const { method, params } = value;
  return { method, id: value.id as RequestId, params: isObject(params) ? params : {}, text };
}
