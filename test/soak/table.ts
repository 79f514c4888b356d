// The end of a part of the soak: its figures, one a line, and what is wrong with them.
import { expect } from 'vitest';

export interface Figure {
  readonly name: string;
  readonly value: string | number;
  /** Why it is wrong; undefined where it is as it should be. */
  readonly wrong?: string | undefined;
}

/** A count of what must not happen. */
export function none(name: string, value: number, examples: readonly string[] = []): Figure {
  const wrong = `expected none${examples.length > 0 ? `: ${examples.slice(0, 5).join('; ')}` : ''}`;
  return { name, value, wrong: value === 0 ? undefined : wrong };
}

/** What was at the start and at the end, and how much more the end may be. */
export function growth(name: string, unit: string, start = 0, end = 0, most = 0): Figure {
  const wrong = end - start > most ? `grew by more than ${most}` : undefined;
  return { name, value: `${start} → ${end}${unit && ` ${unit}`}`, wrong };
}

/** Prints the figures; fails if any of them is wrong. */
export function conclude(title: string, figures: readonly Figure[]): void {
  const rows = figures.map(
    ({ name, value, wrong }) => `  ${name.padEnd(24)}${value}${wrong ? `   ✗ ${wrong}` : ''}`,
  );
  console.log(`\n${title}\n${rows.join('\n')}\n`);
  expect(figures.filter(({ wrong }) => wrong)).toEqual([]);
}
