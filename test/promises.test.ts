// Promises and tests belong together: what is built is proven, and what is proven was promised.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { PROMISES, type Promised } from './promises.js';

const HERE = import.meta.dirname;
const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const CITATION = /\[((?:cli|http|session|call|watch|rollout|supervise)\.[^\]]*)\]/g;

const rows = new Map<string, Promised>(Object.entries(PROMISES));
const cited = citations();

it.each([...rows].filter(([, { built }]) => built !== 'no'))(
  '%s is built, so a test proves it',
  (id, row) => {
    if (row.provenBy === undefined) return expect(cited.get(id) ?? []).not.toEqual([]);
    const { scripts } = JSON.parse(readFileSync(path.join(HERE, '../package.json'), 'utf8'));
    expect(Object.keys(scripts)).toContain(row.provenBy);
    expect(scripts.test).toContain(`npm run ${row.provenBy}`);
  },
);

it('no test cites a promise that was never given', () => {
  const unknown = [...cited].filter(([id]) => !rows.has(id));
  expect(Object.fromEntries(unknown)).toEqual({});
});

it('no test cites a promise that is not built: it is, or the test proves something else', () => {
  const early = [...cited].filter(([id]) => rows.get(id)?.built === 'no');
  expect(Object.fromEntries(early)).toEqual({});
});

/** Each id that stands in brackets in a title, with the files that cite it. */
function citations(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of testFiles()) {
    for (const [title] of readFileSync(path.join(HERE, file), 'utf8').matchAll(STRING)) {
      const ids = [...title.matchAll(CITATION)].flatMap(([, list = '']) => list.split(' '));
      for (const id of ids) found.set(id, [...new Set([...(found.get(id) ?? []), file])]);
    }
  }
  return found;
}

function testFiles(): string[] {
  const all = readdirSync(HERE, { recursive: true, encoding: 'utf8' });
  return all.filter((file) => file.endsWith('.test.ts') && !file.startsWith('conformance'));
}
