// 200 rollouts of the strict server, eight sessions with a call in flight all the time.
import { it } from 'vitest';
import type { Load } from '../helpers/load.js';
import { isAlive, weigh } from '../helpers/processes.js';
import { startProject } from '../helpers/project.js';
import { connectMany, countLost, rollOutUnderLoad, strictCode } from '../helpers/rollouts.js';
import { conclude, growth, none } from './table.js';

const ROLLOUTS = 200;
const SESSIONS = 8;
const LINE_EVERY = 20;
const MEGABYTE = 2 ** 20;

/** Room for a heap that has not been swept yet (MB), and for connections of clients that are just then open. */
const MORE = { memory: 48, files: 16 };

it('200 rollouts under load', async () => {
  const project = await startProject(strictCode(1));
  const { bridge } = project;
  const clients = await connectMany(project, SESSIONS);
  const ids = clients.map(({ sessionId }) => sessionId);
  const size = () => {
    const { memory, files } = weigh(bridge.pid) ?? { memory: 0, files: 0 };
    return { memory: Math.round(memory / MEGABYTE), files };
  };
  const start = size();
  const began = performance.now();
  const tell = (done: number, { calls, failures, stale }: Load) => {
    if (done % LINE_EVERY > 0) return;
    const { memory, files } = size();
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(
      `${done} rollouts, ${seconds} s: ${calls} calls, ${failures.length} failed, ${stale.length} met old code; ${memory} MB, ${files} files`,
    );
  };

  const load = await rollOutUnderLoad(project, clients, ROLLOUTS, tell);
  const lost = await countLost(clients, ids);
  const end = size();
  const early = bridge.lines.filter(({ msg }) => msg.startsWith('expected initialize first'));
  const crashes = bridge.lines.filter(({ msg }) => msg.startsWith('server ended'));
  const behind = bridge.look();
  for (const client of clients) await client.close();
  bridge.signal('SIGINT');
  await bridge.exited;

  conclude('Rollouts of the strict server', [
    { name: 'rollouts', value: ROLLOUTS },
    { name: 'sessions', value: SESSIONS },
    { name: 'calls', value: load.calls },
    none('failed', load.failures.length, load.failures),
    none('old code served', load.stale.length, load.stale),
    none('ids lost', lost),
    none('called too early', early.length),
    none('servers crashed', crashes.length),
    growth('memory', 'MB', start.memory, end.memory, MORE.memory),
    growth('open files', '', start.files, end.files, MORE.files),
    none('processes too many', behind.length - SESSIONS),
    none('processes left', behind.filter(isAlive).length),
  ]);
  await bridge.leavesNothing();
});
