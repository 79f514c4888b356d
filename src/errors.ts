// Every error in one table: its HTTP status, its JSON-RPC code, its exit code, and what to do about it.
import {
  errorText,
  INTERNAL_ERROR,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  PARSE_ERROR,
  type RequestId,
} from './protocol/jsonrpc.js';

/** The codes that SDK servers give these refusals; clients know them. */
const REFUSED = -32000;
const SESSION_NOT_FOUND = -32001;

/** What a request is refused with before any session sees it. */
const REFUSALS = {
  'host-refused': { status: 403, code: REFUSED, hint: 'Allow it with --allow-host.' },
  'origin-refused': { status: 403, code: REFUSED, hint: 'Allow it with --allow-origin.' },
  'token-missing': {
    status: 401,
    code: REFUSED,
    hint: 'Send the header "Authorization: Bearer <token>" with the token of --token.',
  },
  'path-unknown': {
    status: 404,
    code: REFUSED,
    hint: 'The MCP endpoint is the URL that the bridge printed at its start.',
  },
  'method-refused': { status: 405, code: REFUSED, hint: 'Use POST, GET or DELETE.' },
  'not-acceptable': { status: 406, code: REFUSED, hint: 'Accept application/json and text/event-stream.' },
  'content-type': { status: 415, code: REFUSED, hint: 'Send application/json.' },
  'body-too-large': { status: 413, code: REFUSED, hint: 'Raise the limit with --max-body.' },
  'initialize-too-large': { status: 413, code: REFUSED, hint: 'Send less in clientInfo and capabilities.' },
  'not-json': { status: 400, code: PARSE_ERROR, hint: 'Send one JSON-RPC message as UTF-8.' },
  'not-jsonrpc': { status: 400, code: INVALID_REQUEST, hint: 'Send one JSON-RPC 2.0 message.' },
  'batch-refused': { status: 400, code: INVALID_REQUEST, hint: 'Send each message in a POST of its own.' },
  'revision-unknown': { status: 400, code: REFUSED, hint: 'Send the revision that initialize agreed on.' },
  'session-missing': {
    status: 400,
    code: REFUSED,
    hint: 'Send initialize first, then the Mcp-Session-Id it was answered with.',
  },
  'session-malformed': { status: 400, code: REFUSED, hint: 'Send the Mcp-Session-Id as initialize gave it.' },
  // A notification or a response: its sender is not told, it could do nothing about it.
  'session-unheard': { status: 404, code: SESSION_NOT_FOUND, hint: 'Send a request first.' },
  'session-foreign': {
    status: 404,
    code: SESSION_NOT_FOUND,
    hint: 'Check the URL of this client; send initialize to open a session here.',
  },
  'too-much-unread': { status: 429, code: REFUSED, hint: 'Read the streams that are open, or close them.' },
  'sessions-full': { status: 429, code: REFUSED, hint: 'End some of them, or come back later.' },
  'session-unknown': { status: 404, code: SESSION_NOT_FOUND, hint: 'Send initialize to open a new session.' },
  'era-unsupported': { status: 404, code: METHOD_NOT_FOUND, hint: 'Fall back to initialize.' },
  'stream-taken': { status: 409, code: REFUSED, hint: 'Close the other stream of this session first.' },
  'stream-finished': { status: 405, code: REFUSED, hint: 'There is nothing left to resume.' },
  stopping: { status: 503, code: REFUSED, hint: 'Start it again, and call again.' },
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** Why a request is refused; `id` where the message that is refused was a request that could be read. */
export interface Refusal {
  readonly ok: false;
  readonly code: RefusalCode;
  readonly message: string;
  readonly id: RequestId | null;
}

/** A refusal: the code, a sentence that says what was expected and what came, and the request it answers. */
export function refusal(code: RefusalCode, message: string, id: RequestId | null = null): Refusal {
  return { ok: false, code, message, id };
}

/** HTTP status and JSON-RPC body of a refusal. */
export function refusalReply(refused: Refusal): { status: number; body: string } {
  const { status, code, hint } = REFUSALS[refused.code];
  return { status, body: errorText(refused.id, code, `${refused.message} ${hint}`) };
}

/** Whether a call that gets an error ran: it never reached a backend, or nobody can know. */
export type Verdict = 'Not run' | 'May have run';

/** Why a call gets an error instead of its result. */
export interface CallFailure {
  readonly verdict: Verdict;
  /** What happened, one sentence with its full stop. */
  readonly cause: string;
  /** What to do, one sentence with its full stop. */
  readonly hint: string;
  /** What the server said last, if that explains it: text of one or more lines. */
  readonly detail?: string | undefined;
}

/** The JSON-RPC error that a call is answered with. All of it is in `message`: that is what models are shown. */
export function failureText(id: RequestId, failure: CallFailure): string {
  const { verdict, cause, hint, detail } = failure;
  return errorText(id, INTERNAL_ERROR, `${verdict}: ${cause} ${hint}${detail ? `\n${detail}` : ''}`);
}

/** Why the bridge cannot run. Shown as one line, without a stack: it is no fault of the bridge. */
export class BridgeError extends Error {
  override readonly name = 'BridgeError';
  readonly exitCode: number;

  /** `message` says what happened and what to do; exit codes: 1 could not run, 2 wrong usage. */
  constructor(message: string, exitCode: 1 | 2) {
    super(message);
    this.exitCode = exitCode;
  }
}
