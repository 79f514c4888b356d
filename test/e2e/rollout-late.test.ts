// A server that waits in silence for what the old one holds: nothing but the time tells, and then the old one stops first.
import { expect, it } from 'vitest';
import { connectV2 } from '../helpers/client.js';
import { code, save, startProject } from '../helpers/project.js';

/** Waits for a lock of its own project, and holds it to its end. */
const WAIT_FOR_LOCK = `
import { openSync, unlinkSync } from 'node:fs';
const take = () => {
  try {
    return openSync('lock', 'wx') > 0;
  } catch {
    return false;
  }
};
while (!take()) await new Promise((resolve) => setTimeout(resolve, 20));
process.on('exit', () => unlinkSync('lock'));
`;

it('a server that waits in silence for what the old one holds makes that one stop first, from then on [rollout.exclusive]', async () => {
  const versions = (version: number) => code(version, { after: WAIT_FOR_LOCK });
  await using project = await startProject(versions(1));
  await using client = await connectV2(project.bridge.url);
  const id = client.sessionId;
  expect(await client.call('version')).toBe('1');

  const began = performance.now();
  await save(project, versions(2));
  expect(await client.call('version')).toBe('2');
  expect(performance.now() - began).toBeGreaterThan(5_000);
  const secondAt = performance.now();
  await save(project, versions(3));
  expect(await client.call('version')).toBe('3');
  expect(performance.now() - secondAt).toBeLessThan(5_000);

  expect(client.sessionId).toBe(id);
  const said = project.bridge.lines
    .map(({ msg }) => msg)
    .filter((msg) => msg.includes('--replace stop-first'));
  expect(said).toEqual([
    'The new server is not ready after 5.0 s and may wait for what the old one holds: from now on the old one stops before the new one starts (--replace stop-first)',
  ]);
}, 20_000);
