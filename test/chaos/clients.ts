// Clients of either SDK and the raw one, with one face, each with a session of its own.
import { connectV1, connectV2, type TestClient } from '../helpers/client.js';
import type { Chance } from './chance.js';
import type { Exchange } from './history.js';
import { RawChaosClient } from './raw-client.js';
import { Wire } from './wire.js';

export type Kind = 'sdk1' | 'sdk2' | 'raw' | 'raw-2025-06-18';

/** Requests that are no calls of a tool: answered by the bridge itself, at times. */
export const QUESTIONS = ['ping', 'tools/list', 'resources/list', 'resources/read'] as const;
export type Question = (typeof QUESTIONS)[number];

export interface ChaosClient {
  readonly name: string;
  readonly kind: Kind;
  readonly wire: Wire;
  /** What it has asked its server to keep in mind. */
  readonly keeps: { readonly level: string; readonly subscriptions: readonly string[] };
  /** The text that the tool answers with. */
  call(tool: string, args: Record<string, unknown>, progress: boolean): Promise<string>;
  ask(question: Question): Promise<unknown>;
  /** Leaves without a word. */
  close(): Promise<void>;
}

export interface ClientsPlan {
  readonly url: string;
  readonly name: string;
  readonly kind: Kind;
  readonly level: string;
  readonly chance: Chance;
  readonly exchanges: Exchange[];
  readonly whenUp: () => Promise<void>;
}

/** Longer than the bridge holds a call. */
const PATIENCE = 90_000;
const URI = 'chaos://one';

type Conversation = Pick<ChaosClient, 'call' | 'ask' | 'close'> & {
  setLevel(level: string): Promise<unknown>;
  subscribe(uri: string): Promise<unknown>;
};

/** Opens a session and tells its server what to keep in mind. Whether it succeeds or not, `onWire` has had its network. */
export async function openClient(plan: ClientsPlan, onWire: (wire: Wire) => void): Promise<ChaosClient> {
  const { name, kind, level } = plan;
  const wire = new Wire(name, plan.exchanges);
  onWire(wire);
  try {
    const talk = kind === 'sdk1' || kind === 'sdk2' ? await openSdk(plan, wire) : await openRaw(plan, wire);
    await talk.setLevel(level);
    await talk.subscribe(URI);
    return { name, kind, wire, keeps: { level, subscriptions: [URI] }, ...talk };
  } catch (error) {
    wire.retire();
    throw error;
  }
}

async function openSdk({ kind, url, name }: ClientsPlan, wire: Wire): Promise<Conversation> {
  const connect = kind === 'sdk1' ? connectV1 : connectV2;
  const client: TestClient = await connect(url, { name, fetch: wire.fetch as typeof fetch });
  const questions: Readonly<Record<Question, () => Promise<unknown>>> = {
    ping: () => client.ping(),
    'tools/list': () => client.listTools(),
    'resources/list': () => client.listResources(),
    'resources/read': () => client.readResource({ uri: URI }),
  };
  return {
    call: (tool, args, progress) =>
      client.call(tool, args, { timeout: PATIENCE, ...(progress && { onprogress: () => {} }) }),
    ask: (question) => questions[question](),
    setLevel: (level) => client.setLoggingLevel(level as Parameters<typeof client.setLoggingLevel>[0]),
    subscribe: (uri) => client.subscribeResource({ uri }),
    close: () => client.close(),
  };
}

async function openRaw(plan: ClientsPlan, wire: Wire): Promise<Conversation> {
  const revision = plan.kind === 'raw' ? '2025-11-25' : '2025-06-18';
  const client = new RawChaosClient({ ...plan, revision, wire });
  await client.open();
  let lastToken = 0;
  return {
    call: async (name, args, progress) => {
      lastToken += 1;
      const meta = progress && { _meta: { progressToken: lastToken } };
      const result = await client.request('tools/call', { name, arguments: args, ...meta });
      return result.content?.[0]?.text ?? '';
    },
    ask: (question) => client.request(question, question === 'resources/read' ? { uri: URI } : {}),
    setLevel: (level) => client.request('logging/setLevel', { level }),
    subscribe: (uri) => client.request('resources/subscribe', { uri }),
    close: async () => client.close(),
  };
}
