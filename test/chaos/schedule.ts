// When what befalls whom: drawn before the storm begins.
import type { Chance } from './chance.js';

export type Blow = 'kill-backend' | 'kill-bridge' | 'save' | 'drop' | 'renew';

export interface Event {
  /** Since the beginning (ms). */
  readonly at: number;
  readonly blow: Blow;
  /** Decides whom it hits, and how: numbers of its own. */
  readonly part: number;
}

/** From one of a kind to the next (ms). */
const GAPS: Readonly<Record<Blow, readonly [low: number, high: number]>> = {
  'kill-backend': [150, 1_200],
  'kill-bridge': [2_500, 4_500],
  save: [1_500, 4_500],
  drop: [50, 400],
  renew: [1_000, 4_000],
};

export function makeSchedule(ms: number, blows: readonly Blow[], chance: Chance): Event[] {
  const events = blows.flatMap((blow) => times(ms, GAPS[blow], chance).map((at) => ({ at, blow })));
  return events.toSorted((a, b) => a.at - b.at).map((event, part) => ({ ...event, part }));
}

function times(ms: number, [low, high]: readonly [number, number], chance: Chance): number[] {
  const all: number[] = [];
  for (let at = chance.between(low, high); at < ms; at += chance.between(low, high)) all.push(at);
  return all;
}
