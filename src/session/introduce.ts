// A client is introduced to a backend that it has not met: what it told others is told again, in the order that servers expect.
import type { Backend } from '../backend/backend.js';
import { errorOf, type ResponseLine } from '../protocol/jsonrpc.js';
import { replaceAt } from '../protocol/rewrite.js';
import type { SessionRecord } from '../store/store.js';
import type { Questions } from './questions.js';

/**
 * Introduces the client to a new backend: `initialize` with the revision agreed on → its result → `initialized` → log
 * level → subscriptions. Strict servers refuse any other order. Resolves with what was wrong, or undefined; a log level
 * or subscription that the new server refuses is no reason not to serve.
 * `record` is asked for late: the client may say `initialized` meanwhile. `onMet`: it has answered `initialize`.
 */
export async function introduce(
  backend: Backend,
  questions: Questions,
  record: () => SessionRecord,
  onMet: (answer: ResponseLine) => void,
): Promise<string | undefined> {
  const answer = await questions.ask(backend, pinned(record()));
  if (answer) onMet(answer);
  return whatIsWrong(answer) ?? (await catchUp(backend, questions, record));
}

/** Why a backend with this answer to `initialize` does not serve; undefined if it does. */
export function whatIsWrong(answer: ResponseLine | undefined): string | undefined {
  if (!answer) return 'it ended';
  const error = errorOf(answer.message);
  return error && `it refused initialize: ${error.message}`;
}

/** What follows `initialize` and its result. */
export async function catchUp(
  backend: Backend,
  questions: Questions,
  record: () => SessionRecord,
): Promise<undefined> {
  const { initialized } = record();
  if (initialized !== undefined) backend.send(initialized);
  for (const text of lasting(record())) await questions.ask(backend, text);
  // The client said it meanwhile, when this backend could not be told yet.
  const late = record().initialized;
  if (initialized === undefined && late !== undefined) backend.send(late);
  return undefined;
}

/** The client's own `initialize`, with the revision that was agreed on: a newer server must not choose another. */
function pinned({ initialize, revision }: SessionRecord): string {
  return revision === undefined
    ? initialize
    : replaceAt(initialize, ['params', 'protocolVersion'], JSON.stringify(revision));
}

function lasting({ setLevel, subscriptions }: SessionRecord): string[] {
  return [...(setLevel === undefined ? [] : [setLevel]), ...subscriptions.values()];
}
