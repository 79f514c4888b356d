// Calls of tools: what was acknowledged was executed, what must run once ran at most once, and for whom.
import type { Call, Exchange, History, Life, Save, ServerState, WireMessage } from './history.js';
import { groupBy, REQUEST_TIMEOUT, streamOf } from './streams.js';

/** So long after a save a call must meet the new code (ms). */
const NOTICE = 500;
/** What is safe is sent once again at most. */
const MOST = { once: 1, safe: 2 };
const TRIES = 2;

type Answer = Extract<WireMessage, { kind: 'answer' }>;

export function judgeCalls(history: History): string[] {
  const { calls, lives, saves } = history;
  const begun = countOf(lives, 'begun');
  const done = countOf(lives, 'done');
  const answers = answersByCall(history);
  const timedOut = new Set(
    history.exchanges.flatMap(({ status, request }) => (status === REQUEST_TIMEOUT ? request?.n : [])),
  );
  const complaints = calls.flatMap((call) => {
    const answer = answers.get(call.n);
    const counts = { begun: begun.get(call.n) ?? 0, done: done.get(call.n) ?? 0 };
    const told = [
      ...judgeCounts(call, answer, counts),
      ...(answer && gaveUp(call, history.exchanges) ? [] : judgeOutcome(call, answer)),
      ...(timedOut.has(call.n) && counts.begun > 0 ? ['executed, though its request timed out'] : []),
      ...(answer?.result ? judgeState(call, answer.result, saves) : []),
    ];
    return told.map(
      (complaint) => `${call.sentAt} ${call.client} call ${call.n} (${call.tool}): ${complaint}`,
    );
  });
  return [...complaints, ...judgeLives(history)];
}

function judgeCounts(
  { safe }: Call,
  answer: Answer | undefined,
  { begun, done }: { begun: number; done: number },
): string[] {
  const most = safe ? MOST.safe : MOST.once;
  if (begun > most) return [`executed ${begun} times, ${most} at most`];
  if (answer?.result && done === 0) return [`acknowledged, and not executed (begun ${begun} times)`];
  if (answer?.error?.includes('Not run:') && begun > 0)
    return [`executed, though its client was told: ${answer.error}`];
  return [];
}

/** What the client makes of it agrees with what the wire has carried. */
function judgeOutcome({ outcome, text = '' }: Call, answer: Answer | undefined): string[] {
  if (outcome === undefined) return ['its client still waits'];
  if (answer?.error !== undefined && !/^(Not run|May have run): /.test(answer.error))
    return [`failed: ${answer.error}`];
  if (outcome === 'result' && !answer?.result) return ['its client has a result that never came'];
  if (outcome === 'error' && answer?.result) return [`its client has an error beside the result: ${text}`];
  return [];
}

/** The official clients come back to a stream twice, and no more; a bridge that is away for longer is not at fault. */
function gaveUp({ client, n, outcome }: Call, exchanges: readonly Exchange[]): boolean {
  if (outcome !== 'error') return false;
  const own = exchanges.filter((each) => each.client === client);
  const first = own.find(({ request }) => request?.n === n)?.events.find(({ id }) => id)?.id;
  const isBack = ({ after }: Exchange) => first && after && streamOf(after) === streamOf(first);
  return own.filter((each) => isBack(each) && each.status === undefined).length >= TRIES;
}

function judgeState(
  call: Call,
  { n, who, level, subscriptions, generation = 0 }: ServerState,
  saves: readonly Save[],
): string[] {
  const { expects, client, sentAt } = call;
  const due = saves.findLast(({ at }) => at + NOTICE <= sentAt)?.generation ?? 0;
  return [
    ...(n === call.n ? [] : [`has the answer of call ${n}`]),
    ...(who === client ? [] : [`the server takes its client for ${who}`]),
    ...(level === expects.level ? [] : [`the server's level is ${level}, not ${expects.level}`]),
    ...(`${subscriptions}` === `${expects.subscriptions}`
      ? []
      : [`the server's subscriptions are ${subscriptions}`]),
    ...(generation >= due ? [] : [`met generation ${generation}, ${due} was due`]),
  ];
}

function judgeLives({ lives, calls }: History): string[] {
  const byNumber = new Map(calls.map((call) => [call.n, call]));
  return lives.flatMap(({ begun, who, life }) =>
    begun.flatMap((n) => {
      const call = byNumber.get(n);
      if (!call) return `server ${life}: executed call ${n}, which nobody made`;
      return call.client === who ? [] : `server ${life}: executed call ${n} of ${call.client} for ${who}`;
    }),
  );
}

function answersByCall({ exchanges }: History): Map<number, Answer> {
  const found = new Map<number, Answer>();
  for (const own of groupBy(exchanges, ({ client }) => client).values()) {
    const numbers = new Map(
      own.flatMap(({ request }) => (request?.n === undefined ? [] : [[request.id, request.n]])),
    );
    for (const { message } of own.flatMap(({ events }) => events)) {
      const n = message?.kind === 'answer' ? numbers.get(message.id) : undefined;
      if (n !== undefined && message?.kind === 'answer') found.set(n, message);
    }
  }
  return found;
}

function countOf(lives: readonly Life[], what: 'begun' | 'done'): Map<number, number> {
  const counts = new Map<number, number>();
  for (const n of lives.flatMap((life) => life[what])) counts.set(n, (counts.get(n) ?? 0) + 1);
  return counts;
}
