// A call of two minutes that survives three rollouts, for a client of either SDK.
import { it } from 'vitest';
import { CLIENTS } from '../helpers/client.js';
import { findProcess, isAlive } from '../helpers/processes.js';
import { code, save, startProject, untilRolledOut } from '../helpers/project.js';
import { until } from '../helpers/until.js';
import { conclude, none } from './table.js';

const LASTS = 120_000;
const VERSIONS = [2, 3, 4];

it('a call of two minutes over three rollouts', async () => {
  await using project = await startProject();
  const { bridge } = project;
  const clients = await Promise.all(CLIENTS.map(([, connect]) => connect(bridge.url)));
  const old = await Promise.all(clients.map(async (client) => findProcess(Number(await client.call('pid')))));
  const began = performance.now();
  const calls = clients.map((client, n) =>
    client.call('wait', { ms: LASTS, name: `long-${n}` }, { timeout: 2 * LASTS }).then(
      (text) => (text === `waited long-${n}` ? [] : [text]),
      (error: Error) => [error.message],
    ),
  );
  for (const n of clients.keys()) await bridge.untilSaid(`waiting long-${n}`);

  const stale: string[] = [];
  for (const version of VERSIONS) {
    await save(project, code(version));
    for (const client of clients) {
      const met = await client.call('version');
      if (met !== String(version)) stale.push(`met ${met}, ${version} was due`);
    }
    await untilRolledOut(project, version);
    console.log(
      `generation ${version} serves; the calls are ${Math.round((performance.now() - began) / 1000)} s old`,
    );
  }
  const ended = old.filter((each) => each === undefined || !isAlive(each));
  const failures = (await Promise.all(calls)).flat();
  const seconds = Math.round((performance.now() - began) / 1000);
  const left = () => old.filter((each) => each !== undefined && isAlive(each));
  await until(() => left().length === 0, 'the end of the old servers').catch(() => {});

  conclude('A call of two minutes', [
    { name: 'rollouts', value: VERSIONS.length },
    { name: 'calls', value: clients.length },
    { name: 'answered after', value: `${seconds} s` },
    none('failed', failures.length, failures),
    none('old code served', stale.length, stale),
    none('old servers ended early', ended.length),
    none('old servers left', left().length),
  ]);
});
