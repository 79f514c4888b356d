// A server under a debugger: it owns the debugger's port, and may stand still for as long as somebody looks at it.
import { expect, it } from 'vitest';
import { connectV1, connectV2 } from '../helpers/client.js';
import { freePort } from '../helpers/free-port.js';
import { code, type Project, save, startProject, untilRolledOut } from '../helpers/project.js';

/** Limits that each start and each call here exceeds. */
const LIMITS = ['--start-timeout', '300ms', '--drain-timeout', '300ms'];
const SLOW_START = { after: 'await new Promise((resolve) => setTimeout(resolve, 1_000));' };

async function startDebugged(port: number, source: string, options: readonly string[] = []) {
  const server = ['node', `--inspect=127.0.0.1:${port}`, 'server.mjs'];
  return await startProject(source, options, { server });
}

function countSaid({ bridge }: Project, part: string): number {
  return bridge.lines.filter(({ msg }) => msg.includes(part)).length;
}

it('node --inspect: the old one stops first, and neither a start nor a call is hurried [cli.debug]', async () => {
  const port = await freePort();
  await using project = await startDebugged(port, code(1, SLOW_START), LIMITS);
  expect(countSaid(project, 'Under a debugger: the old one stops before the new one starts')).toBe(1);
  await using client = await connectV1(project.bridge.url);
  expect(await client.call('version')).toBe('1');
  const slow = client.call('wait', { ms: 1_000, name: 'tea' });
  await project.bridge.untilSaid('waiting tea');

  await save(project, code(2, SLOW_START));
  expect(await client.call('version')).toBe('2');
  expect(await slow).toBe('waited tea');
  await untilRolledOut(project, 2);
  expect(countSaid(project, `Debugger listening on ws://127.0.0.1:${port}/`)).toBe(2);
  expect(countSaid(project, 'Starting inspector')).toBe(0);
  expect(countSaid(project, 'run only once')).toBe(0);
});

it('node --inspect and two sessions: the second runs without the debugger, and its server says so [cli.debug]', async () => {
  const port = await freePort();
  await using project = await startDebugged(port, code(1));
  await using first = await connectV1(project.bridge.url);
  expect(await first.call('version')).toBe('1');
  await using second = await connectV2(project.bridge.url);
  expect(await second.call('version')).toBe('1');
  const { session } = await project.bridge.untilSaid(`Starting inspector on 127.0.0.1:${port} failed`);
  expect(session).toBe('client-v2');

  await save(project, code(2));
  expect(await first.call('version')).toBe('2');
  expect(await second.call('version')).toBe('2');

  // What is wrong with the code is said, not that there is no port for the debugger.
  await save(project, `${code(3)}const broken = {\n`);
  for (const client of [second, first]) {
    await expect(client.call('version')).rejects.toThrow('SyntaxError: Unexpected end of input');
  }
  await save(project, code(4));
  expect(await second.call('version')).toBe('4');
  expect(await first.call('version')).toBe('4');
});
