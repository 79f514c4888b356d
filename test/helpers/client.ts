// The official SDK's client of either major, with one face.
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
  type VersionNegotiationMode,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { until } from './until.js';

export interface ClientPlan {
  readonly name?: string;
  /** Goes on with a session that is open already. */
  readonly sessionId?: string;
  readonly fetch?: typeof fetch;
  /** How long it waits for the answer to `initialize` (ms). */
  readonly timeout?: number;
}

export interface V2Plan extends ClientPlan {
  readonly negotiation?: VersionNegotiationMode;
  readonly versions?: string[];
}

interface CallOptions {
  readonly onprogress?: (progress: { progress: number; total?: number | undefined }) => void;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
}

/** A notification of the server. */
interface Heard {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

type Shared =
  | 'ping'
  | 'listResources'
  | 'listResourceTemplates'
  | 'readResource'
  | 'listPrompts'
  | 'getPrompt'
  | 'complete'
  | 'setLoggingLevel'
  | 'subscribeResource'
  | 'unsubscribeResource'
  | 'getServerVersion'
  | 'getServerCapabilities'
  | 'close';

/** Disposed, it leaves as clients do: without a word, its session stays. */
export interface TestClient extends Pick<ClientV1, Shared>, AsyncDisposable {
  readonly sessionId: string | undefined;
  readonly revision: string | undefined;
  listTools(): Promise<{ tools: { name: string }[] }>;
  /** What the server has told, in order. */
  readonly heard: readonly Heard[];
  /** What the client said that was wrong. */
  readonly errors: readonly Error[];
  untilHeard(isIt: (heard: Heard) => boolean, what: string): Promise<Heard>;
  /** The text that a tool answers with. */
  call(tool: string, args?: Record<string, unknown>, options?: CallOptions): Promise<string>;
  /** Ends the session, with DELETE. */
  terminate(): Promise<void>;
}

export type Connect = (url: string, plan?: ClientPlan) => Promise<TestClient>;

/** What a client answers when the server asks. */
export const ROOTS = { roots: [{ uri: 'file:///projects/project', name: 'project' }] };
export const SAMPLE = {
  model: 'a-model',
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'Hello.' },
};
export const ELICITED = { action: 'accept' as const, content: { name: 'Ada' } };

const CAPABILITIES = { roots: { listChanged: true }, sampling: {}, elicitation: {} };

/** A client of SDK 1. */
export async function connectV1(url: string, plan: ClientPlan = {}): Promise<TestClient> {
  const client = new ClientV1(
    { name: plan.name ?? 'client-v1', version: '1' },
    { capabilities: CAPABILITIES },
  );
  client.setRequestHandler(ListRootsRequestSchema, () => ROOTS);
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLE);
  client.setRequestHandler(ElicitRequestSchema, () => ELICITED);
  const listened = listen(client);
  const transport = new TransportV1(new URL(url), transportOptions(plan));
  // Its own transport lacks the exactness of optional members that its own interface asks for.
  await client.connect(transport as Transport, requestOptions(plan));
  return extend(client, faceOf(client, transport, listened), {
    call: async (name: string, args = {}, options: CallOptions = {}) =>
      textOf(await client.callTool({ name, arguments: args }, undefined, options)),
  });
}

/** A client of SDK 2. */
export async function connectV2(url: string, plan: V2Plan = {}): Promise<TestClient> {
  const client = new ClientV2(
    { name: plan.name ?? 'client-v2', version: '2' },
    {
      capabilities: CAPABILITIES,
      ...(plan.negotiation && { versionNegotiation: { mode: plan.negotiation } }),
      ...(plan.versions && { supportedProtocolVersions: plan.versions }),
    },
  );
  client.setRequestHandler('roots/list', () => ROOTS);
  client.setRequestHandler('sampling/createMessage', () => SAMPLE);
  client.setRequestHandler('elicitation/create', () => ELICITED);
  const listened = listen(client);
  const transport = new TransportV2(new URL(url), transportOptions(plan));
  await client.connect(transport, requestOptions(plan));
  return extend(client, faceOf(client, transport, listened), {
    call: async (name: string, args = {}, options: CallOptions = {}) =>
      textOf(await client.callTool({ name, arguments: args }, options)),
  });
}

/** Each client, by the name that stands in a test's title. */
export const CLIENTS: readonly (readonly [string, Connect])[] = [
  ['SDK 1', connectV1],
  ['SDK 2', connectV2],
];

interface Speaking {
  fallbackNotificationHandler?: (notification: Heard) => Promise<void>;
  onerror?: ((error: Error) => void) | undefined;
}

function listen(client: Speaking): { readonly heard: Heard[]; readonly errors: Error[] } {
  const [heard, errors]: [Heard[], Error[]] = [[], []];
  client.fallbackNotificationHandler = async (notification) => {
    heard.push(notification);
  };
  client.onerror = (error) => errors.push(error);
  return { heard, errors };
}

function transportOptions({ sessionId, fetch }: ClientPlan) {
  return { ...(sessionId !== undefined && { sessionId }), ...(fetch && { fetch }) };
}

function requestOptions({ timeout }: ClientPlan) {
  return timeout === undefined ? {} : { timeout };
}

interface Ending {
  readonly sessionId: string | undefined;
  readonly protocolVersion: string | undefined;
  terminateSession(): Promise<void>;
}

function faceOf(
  client: { close(): Promise<void> },
  transport: Ending,
  { heard, errors }: ReturnType<typeof listen>,
) {
  return {
    get sessionId() {
      return transport.sessionId;
    },
    get revision() {
      return transport.protocolVersion;
    },
    heard,
    errors,
    untilHeard: (isIt: (heard: Heard) => boolean, what: string) =>
      until(() => {
        const found = heard.find(isIt);
        if (found) return found;
        throw new Error(JSON.stringify(heard));
      }, what),
    terminate: () => transport.terminateSession(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** The client with further members; getters stay getters. */
function extend<C extends object, F extends object, M extends object>(
  client: C,
  face: F,
  more: M,
): C & F & M {
  const members = Object.getOwnPropertyDescriptors({ ...more });
  return Object.defineProperties(client, { ...Object.getOwnPropertyDescriptors(face), ...members }) as C &
    F &
    M;
}

/** The text of a tool's result; its first content is all that the fixtures give. */
function textOf(result: object): string {
  const { content } = result as { content?: { text?: string }[] };
  return content?.[0]?.text ?? '';
}
