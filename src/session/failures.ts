// The words of every error that the bridge answers a call with. Each says whether the call ran, why, and what to do.
import { exclusiveLine, isExclusive } from '../backend/exclusive.js';
import { describeExit, type Exit } from '../backend/starts.js';
import type { CallFailure } from '../errors.js';
import type { Options } from '../options.js';
import { notificationText, param, type RequestId, type RequestLine } from '../protocol/jsonrpc.js';
import { CANCELLED } from '../protocol/mcp.js';

/** Characters of a name or an id in an error. */
const LONGEST_NAME = 200;

/** What a held call waits for, if more is known than that there is no backend: "still building", and why. */
export interface WaitingFor {
  readonly what: string;
  readonly why: string;
  /** What becomes of a call that is tried again; without it: it waits for the new code. */
  readonly next?: string;
}

/** Held for as long as it may be (ms). A call that was in a lost backend before it was held may have run there. */
export function heldTooLong(ms: number, again: boolean, waitingFor: WaitingFor | undefined): CallFailure {
  const seconds = `after ${ms / 1000} s`;
  return {
    verdict: again ? 'May have run' : 'Not run',
    cause: waitingFor
      ? `${waitingFor.what} ${seconds} (${waitingFor.why}).`
      : `no backend was ready ${seconds}.`,
    hint: waitingFor
      ? `Call again; it will ${waitingFor.next ?? 'wait for the new code'}.`
      : 'Call again; it will wait for the server.',
  };
}

/** The answers of its batch, which are one JSON body, are longer together (bytes, about). */
export function batchTooLong(most: number): CallFailure {
  return {
    verdict: 'May have run',
    cause: `the answers of its batch are longer than ${most / 1024 / 1024} MiB together.`,
    hint: 'Check what was done, and call again without a batch.',
  };
}

/** Its backend was lost before it answered. */
export function lostWith(line: RequestLine, exit: Exit): CallFailure {
  return {
    verdict: 'May have run',
    cause: `the server ended (${describeExit(exit)}) during ${nameOf(line)}.`,
    hint: 'It is restarted; check what was done before calling again.',
    detail: exit.tail.join('\n'),
  };
}

/** No backend can be started. */
export function gaveUp(exit: Exit | undefined, isolation: Options['isolation']): CallFailure {
  if (exit && isExclusive(exit)) return runsOnce(exit, isolation);
  return {
    verdict: 'Not run',
    cause: `the server does not start${exit ? ` (${describeExit(exit)})` : ''}.`,
    hint: 'Fix it and call again; a call tries one start.',
    detail: exit?.tail.join('\n'),
  };
}

/** Somebody else has what the server needs for itself: another session's backend, or another program. */
export function runsOnce(exit: Exit, isolation: Options['isolation']): CallFailure {
  return {
    verdict: 'Not run',
    cause: `this server can run only once (${exclusiveLine(exit) ?? describeExit(exit)}).`,
    hint:
      isolation === 'shared'
        ? 'Another program has what it needs: end that, and call again.'
        : 'Start the bridge with --isolation shared.',
  };
}

/** The client has sent another request under this id, which is not answered yet. */
export function idInUse(id: RequestId): CallFailure {
  return {
    verdict: 'Not run',
    cause: `the request id ${cut(JSON.stringify(id))} is in use, and its request has not been answered yet.`,
    hint: 'Call again under another id.',
  };
}

/** So much is held or waits at the server's stdin that no more is taken. */
export const OVERLOADED: CallFailure = {
  verdict: 'Not run',
  cause: 'the server does not take more: too many messages wait for it.',
  hint: 'Call again when it has answered some.',
};

export const ENDED: CallFailure = {
  verdict: 'May have run',
  cause: 'the session was ended before the answer came.',
  hint: 'Send initialize to open a new session.',
};

export const STOPPED: CallFailure = {
  verdict: 'May have run',
  cause: 'the bridge was stopped before the answer came.',
  hint: 'Start it again, and call again.',
};

/** An earlier bridge had the call, and was killed. */
export const BRIDGE_ENDED: CallFailure = {
  verdict: 'May have run',
  cause: 'the bridge ended before the answer came.',
  hint: 'It is running again; check what was done before calling again.',
};

/** What a call waits for when as many servers run as may. */
export function noPlace(most: number): WaitingFor {
  const why = `${most} servers run already, and --max-backends allows no more`;
  return { what: 'still waiting for a place', why, next: 'wait for its turn' };
}

/** A server's request to the client is taken back, as a message for the client: nobody waits for its answer any more. */
export function takenBackText(id: RequestId): string {
  return notificationText(CANCELLED, { requestId: id, reason: 'The server that asked has ended.' });
}

/** The same, for a call that no backend has seen. */
export function notRun(failure: CallFailure): CallFailure {
  return { ...failure, verdict: 'Not run' };
}

/** "export", the tool's name, for a tool call; else the method. */
function nameOf({ message }: RequestLine): string {
  const name = param(message, 'name');
  const called = message.method === 'tools/call' && typeof name === 'string' ? name : message.method;
  return cut(called);
}

function cut(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}
