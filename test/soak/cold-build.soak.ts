// A first build of 40 s, and clients that wait 10 s for `initialize`: they connect, and the tools appear by themselves.
import { it } from 'vitest';
import { CLIENTS, type Connect } from '../helpers/client.js';
import { startProject } from '../helpers/project.js';
import { conclude, type Figure, none } from './table.js';

const BUILD_TAKES = 40_000;
const PATIENCE = 10_000;
const TOOLS_CHANGED = 'notifications/tools/list_changed';

it('a first build of 40 s', async () => {
  const build = `setTimeout(() => {}, ${BUILD_TAKES});\n`;
  const options = ['--watch', 'server.mjs', '--build', 'node build.mjs'];
  await using project = await startProject(undefined, options, { files: { 'build.mjs': build } });
  const rows = await Promise.all(CLIENTS.map(([name, connect]) => meet(name, connect, project.bridge.url)));
  conclude('A first build of 40 s', rows.flat());
});

async function meet(name: string, connect: Connect, url: string): Promise<Figure[]> {
  const began = performance.now();
  const passed = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  await using client = await connect(url, { timeout: PATIENCE });
  const connected = passed();
  const { tools: before } = await client.listTools();
  console.log(`${name} is connected after ${connected}, with ${before.length} tools`);
  const call = client.call('version').then(
    (text) => (text === '1' ? [] : [text]),
    (error: Error) => [error.message],
  );
  const failures = await call;
  await client.untilHeard(({ method }) => method === TOOLS_CHANGED, 'the tools');
  const appeared = passed();
  const { tools } = await client.listTools();
  return [
    { name: `${name}: connected`, value: connected },
    none(`${name}: tools before`, before.length),
    { name: `${name}: tools appeared`, value: appeared },
    { name: `${name}: tools`, value: tools.length, wrong: tools.length > 0 ? undefined : 'expected some' },
    none(`${name}: calls failed`, failures.length, failures),
  ];
}
