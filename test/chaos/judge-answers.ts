// Each request has exactly one answer; at most one where its connection died before an event id had left.
import type { Exchange, History } from './history.js';
import { describe } from './judge-exchanges.js';
import { groupBy, isBlind } from './streams.js';

export function judgeAnswers({ exchanges }: History): string[] {
  return [...groupBy(exchanges, ({ client }) => client).values()].flatMap(judgeClient);
}

function judgeClient(exchanges: readonly Exchange[]): string[] {
  const answers = answersOf(exchanges);
  const asked = new Set(exchanges.map(({ request }) => request?.id));
  const complaints = exchanges.flatMap((exchange) => {
    if (!exchange.request) return [];
    const found = answers.get(exchange.request.id) ?? [];
    if (found.length > 1)
      return `${describe(exchange)}: answered ${found.length} times (${found.join(', ')})`;
    if (found.length === 0 && !isBlind(exchange))
      return `${describe(exchange)}: no answer (${describeEnd(exchange)})`;
    return [];
  });
  const strays = [...answers.keys()].filter((id) => !asked.has(id));
  return [
    ...complaints,
    ...strays.map((id) => `${exchanges[0]?.client}: an answer to ${id}, which was not asked`),
  ];
}

/** Where each request was answered: one event that is shown again to a client that asks for it is one answer. */
function answersOf(exchanges: readonly Exchange[]): Map<number | string, string[]> {
  const answers = new Map<number | string, string[]>();
  for (const [i, { events }] of exchanges.entries()) {
    for (const { id, message } of events) {
      if (message?.kind !== 'answer') continue;
      const where = id ?? `body ${i}`;
      const known = answers.get(message.id) ?? [];
      if (!known.includes(where)) answers.set(message.id, [...known, where]);
    }
  }
  return answers;
}

function describeEnd({ status, end, events }: Exchange): string {
  return [status ?? 'no status', end, `last event ${events.at(-1)?.id ?? 'none'}`].join(', ');
}
