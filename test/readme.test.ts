// The README is made of what is: its table of options is the table of options.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { optionsTable } from '../src/options.js';

test('the README has the table of options as it is in the code', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const between = readme.split(/<!-- options:.*-->\n/)[1]?.split('<!-- /options -->')[0];
  expect(between?.trim()).toBe(optionsTable().trim());
});
