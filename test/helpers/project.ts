// A project that is edited: a copy of the echo server in a folder of its own, and the bridge in front of it.
import { cpSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type BridgeProcess, startBridge } from './bridge.js';
import { makeTempFolder, type TempFolder } from './temp-folder.js';

export const SERVERS = fileURLToPath(new URL('../../fixtures/servers', import.meta.url));
/** What passes between a save and the call that must meet it (ms). */
export const AFTER_SAVE = 50;

export interface Project extends AsyncDisposable {
  readonly folder: TempFolder;
  readonly bridge: BridgeProcess;
}

export interface ProjectPlan {
  /** Further files, by path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly server?: readonly string[];
}

export interface Code {
  readonly tool?: string;
  readonly before?: string;
  readonly after?: string;
}

/** The server's source: a tool that tells which version this is, after so many ms. */
export function code(version: number, { tool = 'version', before = '', after = '' }: Code = {}): string {
  return `import { makeEcho } from './lib/echo.mjs';
import { say, serve } from './lib/stdio.mjs';
import { tool } from './lib/tools.mjs';
${before}
say('version ${version} starts');
${after}
serve(makeEcho({ tools: [${versionTool(version, tool)}] }));
`;
}

/** Code that has this port while it runs, and does not start without it. */
export function claimPort(port: number): Code {
  return {
    before: "import { createServer } from 'node:net';",
    after: `await new Promise((resolve) => createServer().listen(${port}, '127.0.0.1', resolve));`,
  };
}

export function versionTool(version: number, name = 'version'): string {
  const run = `({ ms = 0 }) => new Promise((resolve) => setTimeout(resolve, ms, '${version}'))`;
  return `tool('${name}', 'Which code this is', { 'ms?': 'number' }, ${run})`;
}

/** Resolves when its files are watched. */
export async function startProject(
  source = code(1),
  options: readonly string[] = [],
  { files = {}, server = ['node', 'server.mjs'] }: ProjectPlan = {},
): Promise<Project> {
  const folder = makeTempFolder({
    'server.mjs': source,
    'package.json': '{"name":"project","private":true}\n',
    ...files,
  });
  cpSync(path.join(SERVERS, 'lib'), folder.at('lib'), { recursive: true });
  const bridge = await startBridge({ server, cwd: folder.path, options });
  await bridge.untilLine(({ msg }) => /^watching \d+ files/.test(msg), 'the watch');
  return { folder, bridge, [Symbol.asyncDispose]: () => bridge[Symbol.asyncDispose]() };
}

/** Resolves when a call must meet what was saved. */
export async function save(
  { folder }: Pick<Project, 'folder'>,
  source: string,
  file = 'server.mjs',
): Promise<void> {
  folder.write(file, source);
  await afterSave();
}

/** Resolves when a call must meet what was saved a moment ago. */
export function afterSave(): Promise<void> {
  return pause(AFTER_SAVE);
}

/** The generations that were rolled out, in order. */
export function rollouts({ bridge }: Project): number[] {
  return bridge.lines.flatMap(({ msg }) => Number(/^Generation (\d+) serves/.exec(msg)?.[1]) || []);
}

export function untilRolledOut({ bridge }: Project, generation: number) {
  return bridge.untilSaid(`Generation ${generation} serves`);
}
