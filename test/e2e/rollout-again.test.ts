// A save while the one before it is still on its way: the last code wins, whatever stage the first had come to.
import { expect, it } from 'vitest';
import { connectV1, connectV2, type TestClient } from '../helpers/client.js';
import { startLoad } from '../helpers/load.js';
import { code, type Project, startProject } from '../helpers/project.js';
import { makeTempFolder, type TempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

interface Stage {
  readonly options?: readonly string[];
  /** The first of the two saves. */
  readonly first?: (gate: TempFolder) => string;
  /** Resolves when the first save has come to this stage. */
  readonly reached: (project: Project) => Promise<unknown>;
  /** What happens while the second save settles. */
  readonly meanwhile?: (project: Project, gate: TempFolder) => Promise<unknown>;
}

/** Never ready: only the end of the process gets it out of this. */
const STUCK = 'await new Promise((resolve) => setTimeout(resolve, 600_000));';

/** The first process that comes is ready; the others never are. */
function onlyFirst(gate: TempFolder): string {
  return `await import('node:fs').then(({ mkdirSync }) => mkdirSync('${gate.at('taken')}')).catch(() => new Promise((resolve) => setTimeout(resolve, 600_000)));`;
}

function onlyAfterGo(gate: TempFolder): string {
  return `const { existsSync } = await import('node:fs');
while (!existsSync('${gate.at('go')}')) await new Promise((resolve) => setTimeout(resolve, 5));`;
}

/** Builds at once, but version 2 does not end by itself. */
const BUILD = `import { readFileSync } from 'node:fs';
const [, version] = /version (\\d+) starts/.exec(readFileSync('server.mjs', 'utf8')) ?? [];
console.log(\`building \${version}\`);
if (version === '2') setTimeout(() => {}, 600_000);
`;

function untilProven({ bridge }: Project): Promise<unknown> {
  return until(() => {
    const begun = bridge.lines.findIndex(({ msg }) => msg === 'version 2 starts');
    return begun >= 0 && bridge.lines.slice(begun).some(({ msg }) => msg.startsWith('server ready'));
  }, 'the first session with the new code');
}

const STAGES: Readonly<Record<string, Stage>> = {
  settles: {
    options: ['--delay', '1s'],
    reached: ({ bridge }) =>
      until(async () => (await bridge.health()).jobs.pending > 0, 'a call that is held'),
  },
  builds: {
    options: ['--watch', 'server.mjs', '--build', 'node build.mjs'],
    reached: ({ bridge }) => bridge.untilSaid('building 2'),
  },
  'is rolled out, and nobody has it': {
    first: () => code(2, { after: STUCK }),
    reached: ({ bridge }) => bridge.untilSaid('version 2 starts'),
  },
  'is rolled out, and one session has it': {
    first: (gate) => code(2, { after: onlyFirst(gate) }),
    reached: untilProven,
  },
  'is rolled out, and is ready too late': {
    options: ['--delay', '1s'],
    first: (gate) => code(2, { after: onlyAfterGo(gate) }),
    reached: ({ bridge }) => bridge.untilSaid('version 2 starts'),
    meanwhile: async (project, gate) => {
      await until(async () => (await project.bridge.health()).jobs.pending === 3, 'calls that are held');
      gate.write('go', '');
      await untilProven(project);
    },
  },
};

it.each(Object.entries(STAGES))(
  'a save while the one before %s: no call fails, none meets old code, the last one wins [watch.settle call.hold rollout.proof]',
  async (_, { options = [], first = () => code(2), reached, meanwhile }) => {
    const gate = makeTempFolder();
    await using project = await startProject(code(1), options, { files: { 'build.mjs': BUILD } });
    const clients: TestClient[] = [];
    for (const connect of [connectV1, connectV2, connectV1]) {
      clients.push(await connect(project.bridge.url));
    }
    const ids = clients.map(({ sessionId }) => sessionId);
    const load = startLoad(clients);
    const write = (version: number, source: string) => {
      project.folder.write('server.mjs', source);
      load.saved(version);
    };
    await until(() => load.calls > clients.length, 'calls');

    write(2, first(gate));
    await reached(project);
    write(3, code(3));
    await meanwhile?.(project, gate);
    await until(() => load.newest === 3, 'the last code');
    await load.stop();

    expect(load.failures).toEqual([]);
    expect(load.stale).toEqual([]);
    expect(await Promise.all(clients.map((client) => client.call('version')))).toEqual(['3', '3', '3']);
    expect(clients.map(({ sessionId }) => sessionId)).toEqual(ids);
    await until(() => project.bridge.look().length === clients.length, 'one process for each session');
  },
);
