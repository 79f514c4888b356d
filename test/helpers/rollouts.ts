// Rollout after rollout under load: saves the strict server again as soon as every client has met the last save.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CLIENTS, type TestClient } from './client.js';
import { type Load, startLoad } from './load.js';
import { type Project, SERVERS, untilRolledOut, versionTool } from './project.js';
import { until } from './until.js';

/** The source of the server that refuses calls before `initialized`, and ends where one comes before `initialize`. */
export function strictCode(version: number): string {
  return readFileSync(path.join(SERVERS, 'strict.mjs'), 'utf8').replace(
    'tools: [',
    `tools: [${versionTool(version)}, `,
  );
}

/** So many clients, of either SDK in turn. */
export async function connectMany({ bridge }: Project, count: number): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  for (let n = 0; n < count; n += 1) {
    const [, connect] = CLIENTS[n % CLIENTS.length] ?? [];
    if (connect) clients.push(await connect(bridge.url));
  }
  return clients;
}

/** Saves so many versions of the strict server, from 2 on, with one call of each client in flight all the time. */
export async function rollOutUnderLoad(
  project: Project,
  clients: readonly TestClient[],
  count: number,
  onRollout: (done: number, load: Load) => void = () => {},
): Promise<Load> {
  const load = startLoad(clients);
  try {
    await until(() => load.newest === 1, 'a call of each client');
    for (let version = 2; version <= count + 1; version += 1) {
      project.folder.write('server.mjs', strictCode(version));
      load.saved(version);
      await until(() => load.newest === version, `version ${version} in every session`);
      await untilRolledOut(project, version);
      onRollout(version - 1, load);
    }
  } finally {
    await load.stop();
  }
  return load;
}

/** The sessions that do not answer under their id any more, or have got another. */
export async function countLost(
  clients: readonly TestClient[],
  ids: readonly (string | undefined)[],
): Promise<number> {
  const kept = await Promise.all(
    clients.map((client, n) =>
      client.call('version').then(
        () => client.sessionId === ids[n],
        () => false,
      ),
    ),
  );
  return kept.filter((isKept) => !isKept).length;
}
