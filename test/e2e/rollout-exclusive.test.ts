// Servers that can run only once: they own a port, or a lock. The old one stops first, and that is said once.
import { utimesSync } from 'node:fs';
import { expect, it } from 'vitest';
import { connectV1, connectV2 } from '../helpers/client.js';
import { freePort } from '../helpers/free-port.js';
import { afterSave, claimPort, code, save, startProject } from '../helpers/project.js';

const SAID = 'The server can run only once';

it('a server that owns a port is stopped before the next one starts, and that is said once [rollout.exclusive]', async () => {
  const claim = claimPort(await freePort());
  await using project = await startProject(code(1, claim));
  await using client = await connectV1(project.bridge.url);
  const id = client.sessionId;
  expect(await client.call('version')).toBe('1');

  for (const version of [2, 3, 4]) {
    await save(project, code(version, claim));
    expect(await client.call('version')).toBe(String(version));
  }
  expect(client.sessionId).toBe(id);
  const said = project.bridge.lines.filter(({ msg }) => msg.startsWith(SAID));
  expect(said).toHaveLength(1);
  // Found out once: version 2 is started twice, the others once.
  const starts = project.bridge.lines
    .filter(({ msg }) => /^version \d starts$/.test(msg))
    .map(({ msg }) => msg[8]);
  expect(starts).toEqual(['1', '2', '2', '3', '4']);
});

it('a call in flight ends with its process when that must go first, and is told so [rollout.exclusive call.words]', async () => {
  const claim = claimPort(await freePort());
  await using project = await startProject(code(1, claim), [
    '--replace',
    'stop-first',
    '--drain-timeout',
    '500ms',
  ]);
  await using client = await connectV2(project.bridge.url);
  const quick = client.call('wait', { ms: 300, name: 'quick' });
  const slow = client.call('wait', { ms: 60_000, name: 'slow' }).catch((error: Error) => error.message);
  await project.bridge.untilSaid('waiting slow');

  await save(project, code(2, claim));
  expect(await client.call('version')).toBe('2');
  expect(await quick).toBe('waited quick');
  expect(await slow).toContain('May have run: ');
  expect(project.bridge.lines.filter(({ msg }) => msg.startsWith(SAID))).toEqual([]);
});

it('a second session is told that the server can run only once, the first one goes on [rollout.exclusive]', async () => {
  const claim = claimPort(await freePort());
  await using project = await startProject(code(1, claim));
  await using first = await connectV1(project.bridge.url);
  expect(await first.call('version')).toBe('1');
  const second = await connectV2(project.bridge.url).then(
    async (client) => await client.call('version').catch((error: Error) => error.message),
    (error: Error) => error.message,
  );
  expect(await first.call('version')).toBe('1');
  expect(second).toMatch(
    /Not run: this server can run only once \(.*EADDRINUSE.*\)\. Start the bridge with --isolation shared\./,
  );
});

it('code that becomes exclusive with two sessions: one serves, the other is told [rollout.exclusive]', async () => {
  const claim = claimPort(await freePort());
  await using project = await startProject(code(1));
  await using one = await connectV1(project.bridge.url);
  await using two = await connectV2(project.bridge.url);
  await save(project, code(2, claim));
  const ask = () =>
    Promise.all([one, two].map((client) => client.call('version').catch((error: Error) => error.message)));
  const now = (await ask()).sort();
  await project.bridge.untilSaid('Generation 2 serves');
  // Not the old code either, once the rollout is over.
  const later = (await ask()).sort();
  expect([now[0], later[0]]).toEqual(['2', '2']);
  const told =
    /Not run: this server can run only once \(.*EADDRINUSE.*\)\. Start the bridge with --isolation shared\./;
  expect(later[1]).toContain('Not run: this server can run only once');
  expect(now[1]).toMatch(told);
  expect(later[1]).toMatch(told);
});

it('a session that could not take the new code up does not go back to the old after a touch [call.hold]', async () => {
  const claim = claimPort(await freePort());
  await using project = await startProject(code(1));
  await using one = await connectV1(project.bridge.url);
  await using two = await connectV2(project.bridge.url);
  await save(project, code(2, claim));
  await project.bridge.untilSaid('Generation 2 serves');

  utimesSync(project.folder.at('server.mjs'), new Date(), new Date());
  await afterSave();
  const told = await Promise.all(
    [one, two].map((client) => client.call('version').catch((error: Error) => error.message)),
  );
  expect(told).not.toContain('1');
});

it('new code that is broken does not make the old one stop [rollout.proof]', async () => {
  await using project = await startProject(code(1));
  await using client = await connectV1(project.bridge.url);
  const pid = await client.call('pid');
  await save(project, `${code(2)}\nthrow new Error('port of no interest');\n`);
  await expect(client.call('version')).rejects.toThrow('Not run: the new code does not start (exit 1)');
  expect(project.bridge.lines.filter(({ msg }) => msg.startsWith(SAID))).toEqual([]);
  await save(project, code(1));
  expect(await client.call('version')).toBe('1');
  expect(pid).toMatch(/^\d+$/);
});
