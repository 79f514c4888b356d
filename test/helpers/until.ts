// Waits for a state, not for a time: asks again and again until it is there, with a deadline.
import { inspect } from 'node:util';

// Taken before a test puts fake timers in their place.
const { setTimeout } = globalThis;
const now = performance.now.bind(performance);

/** When it gives up, and how often it asks (ms). */
const WAIT = { most: 15_000, every: 5 };

/**
 * Waits until `condition` gives something that is not false, null or undefined, and gives that back.
 *
 * What it gives until then, or throws, is what the error shows when the time is over.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  wait: Partial<typeof WAIT> = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { most, every } = { ...WAIT, ...wait };
  const deadline = now() + most;
  for (;;) {
    const { value, seen } = await look(condition);
    if (isThere(value)) return value;
    if (now() > deadline) throw new Error(`Waited ${most / 1000} s for ${what}; last seen: ${seen}`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

async function look<T>(condition: () => T | Promise<T>): Promise<{ value?: T; seen: string }> {
  try {
    const value = await condition();
    return { value, seen: inspect(value) };
  } catch (error) {
    return { seen: error instanceof Error ? error.message : inspect(error) };
  }
}

function isThere<T>(value: T | undefined): value is Exclude<T, false | null | undefined> {
  return value !== undefined && value !== null && value !== false;
}
