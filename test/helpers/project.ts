// A folder with a server that is edited, and a bridge that watches it.
import { cpSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BridgeProcess, startBridge } from './bridge.js';
import { makeTempFolder, type TempFolder } from './temp-folder.js';

const SERVERS = fileURLToPath(new URL('../../fixtures/servers', import.meta.url));

export interface Project extends AsyncDisposable {
  readonly folder: TempFolder;
  readonly bridge: BridgeProcess;
}

/** An echo server that tells its version. `claim`: what the server does before it serves. */
export function code(version: number, claim: string): string {
  return `
import { createServer } from 'node:net';
import { makeEcho } from './lib/echo.mjs';
import { say, serve } from './lib/stdio.mjs';
import { tool } from './lib/tools.mjs';
say('version ${version} starts');
${claim}
serve(makeEcho({ tools: [tool('version', 'Which code this is', {}, () => '${version}')] }));
`;
}

export function claimPort(port: number): string {
  return `await new Promise((resolve) => createServer().listen(${port}, '127.0.0.1', resolve));`;
}

export async function startProject(source: string, options: readonly string[] = []): Promise<Project> {
  const folder = makeTempFolder({
    'server.mjs': source,
    'package.json': '{"name":"project","private":true}\n',
  });
  cpSync(path.join(SERVERS, 'lib'), folder.at('lib'), { recursive: true });
  const bridge = await startBridge({ server: ['node', 'server.mjs'], cwd: folder.path, options });
  await bridge.untilLine(({ msg }) => /^watching \d+ files/.test(msg), 'the watch');
  return { folder, bridge, [Symbol.asyncDispose]: () => bridge[Symbol.asyncDispose]() };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
