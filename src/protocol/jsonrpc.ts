// The words of JSON-RPC: what a message is, told without a schema, and the messages that the bridge writes itself.
import type {
  JSONRPCErrorResponse,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResultResponse,
  ProgressToken,
  RequestId,
} from '@modelcontextprotocol/sdk/types.js';

export type { ProgressToken, RequestId };

/** A message and the text it came as. The text is what is forwarded; the message only tells where to. */
export type Line = RequestLine | NotificationLine | ResponseLine;

export interface RequestLine {
  readonly kind: 'request';
  readonly message: JSONRPCRequest;
  readonly text: string;
}

export interface NotificationLine {
  readonly kind: 'notification';
  readonly message: JSONRPCNotification;
  readonly text: string;
}

export interface ResponseLine {
  readonly kind: 'response';
  readonly message: JSONRPCResultResponse | JSONRPCErrorResponse;
  readonly text: string;
}

/** The line of a text that was a request when it came. Throws where it is none. */
export function requestLineOf(text: string): RequestLine {
  const line = asLine(parseJson(text), text);
  if (line?.kind !== 'request') throw new TypeError('Not a request.');
  return line;
}

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INTERNAL_ERROR = -32603;

/** The value of a JSON text, or undefined where it is not JSON (JSON itself has no undefined). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The value as a message with its text, or undefined where it is no JSON-RPC 2.0 message (batches included). */
export function asLine(value: unknown, text: string): Line | undefined {
  if (!isObject(value) || value.jsonrpc !== '2.0') return undefined;
  const kind = kindOf(value);
  // The shape was checked by hand: a schema library would cost more than the rest of the road.
  return kind && ({ kind, message: value, text } as unknown as Line);
}

function kindOf(value: Record<string, unknown>): Line['kind'] | undefined {
  const { id, method } = value;
  if (typeof method === 'string') {
    if (id === undefined) return 'notification';
    return isRequestId(id) ? 'request' : undefined;
  }
  if (!('result' in value) && !isObject(value.error)) return undefined;
  // An error that answers what could not be read has no id, or null (JSON-RPC 2.0, section 5).
  return isRequestId(id) || !('result' in value) ? 'response' : undefined;
}

/** The error that a response carries; undefined where it is a result: some servers write `"error":null` beside one. */
export function errorOf(message: ResponseLine['message']): JSONRPCErrorResponse['error'] | undefined {
  return 'error' in message && isObject(message.error) ? message.error : undefined;
}

export function isRequestId(value: unknown): value is RequestId {
  return typeof value === 'string' || typeof value === 'number';
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `params[name]` where params is an object, whatever its type. */
export function param(message: { params?: unknown }, name: string): unknown {
  return isObject(message.params) ? message.params[name] : undefined;
}

/** The progress token that a request asks to be kept informed under, if any (`params._meta.progressToken`). */
export function progressToken(message: { params?: unknown }): ProgressToken | undefined {
  const meta = param(message, '_meta');
  const token = isObject(meta) ? meta.progressToken : undefined;
  return isRequestId(token) ? token : undefined;
}

/** Text of an error response; `id` null where the request's id is not known. */
export function errorText(id: RequestId | null, code: number, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } });
}

/** Text of a request. */
export function requestText(id: RequestId, method: string, params?: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params });
}

/** Text of a notification. */
export function notificationText(method: string, params?: object): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params });
}
