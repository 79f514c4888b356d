// The judge: what a run has left behind, held against what is promised. Pure; each complaint is one line.

import type { History } from './history.js';
import { judgeAnswers } from './judge-answers.js';
import { judgeCalls } from './judge-calls.js';
import { judgeEvents } from './judge-events.js';
import { judgeExchanges } from './judge-exchanges.js';

/** What is wrong, one line each; nothing where all promises were kept. */
export function judge(history: History): string[] {
  return [judgeExchanges, judgeAnswers, judgeCalls, judgeEvents].flatMap((judgePart) => judgePart(history));
}

/** How many of what there was, for a person. */
export function count({ calls, exchanges, lives, outages, saves }: History): Record<string, number> {
  const refused = (word: string) =>
    calls.filter(({ text, outcome }) => outcome === 'error' && text?.includes(word)).length;
  const ended = (how: string) => exchanges.filter(({ end }) => end === how).length;
  return {
    calls: calls.length,
    acknowledged: calls.filter(({ outcome }) => outcome === 'result').length,
    'not run': refused('Not run:'),
    'may have run': refused('May have run:'),
    executed: lives.reduce((sum, { done }) => sum + done.length, 0),
    told: lives.reduce((sum, { told }) => sum + told.length, 0),
    exchanges: exchanges.length,
    resumed: exchanges.filter(({ after, status }) => after !== undefined && status === 200).length,
    cut: ended('cut'),
    lost: ended('lost'),
    servers: lives.length,
    'bridge kills': outages.length,
    saves: saves.length,
  };
}
