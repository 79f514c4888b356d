// The headline: `mcp-bridge -- cargo run`, a line more in main.rs, and the tool is there; the same in Python and TypeScript.
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type BridgeProcess, startBridge } from '../helpers/bridge.js';
import { CLIENTS, type Connect, connectV1, connectV2, type TestClient } from '../helpers/client.js';
import { save } from '../helpers/project.js';
import { makeTempFolder, type TempFolder } from '../helpers/temp-folder.js';

const TSX = fileURLToPath(new URL('../../node_modules/.bin/tsx', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../../fixtures', import.meta.url));
const MARK = 'A new tool goes above this line.';
/** A compiler on a busy machine. */
const COMPILED = 120_000;
const TIMES = { timeout: 60_000 };

const runs = (program: string) => spawnSync(program, ['--version']).status === 0;
const CARGO = runs('cargo') ? '' : ' (skipped: there is no cargo on this machine)';
const PYTHON = runs('python3') ? '' : ' (skipped: there is no python3 on this machine)';

interface Project extends AsyncDisposable {
  readonly folder: TempFolder;
  readonly bridge: BridgeProcess;
}

async function startProject(
  language: string,
  server: readonly string[],
  options: readonly string[] = [],
): Promise<Project> {
  const folder = makeTempFolder();
  const filter = (file: string) => path.basename(file) !== 'target';
  cpSync(path.join(FIXTURES, language), folder.path, { recursive: true, filter });
  const bridge = await startBridge({ server, cwd: folder.path, options });
  await bridge.untilLine(({ msg }) => /^watching \d+ files/.test(msg), 'the watch');
  return { folder, bridge, [Symbol.asyncDispose]: () => bridge[Symbol.asyncDispose]() };
}

/** Puts a line above the mark; gives what was there before. */
async function insert({ folder }: Project, file: string, line: string): Promise<string> {
  const before = folder.read(file);
  const [marked] = /^.*A new tool goes above this line\.$/m.exec(before) ?? [];
  expect(marked, MARK).toBeDefined();
  await save({ folder }, before.replace(marked ?? '', `${line}\n${marked}`), file);
  return before;
}

async function toolsOf(client: TestClient): Promise<string[]> {
  return (await client.listTools()).tools.map(({ name }) => name);
}

async function wordsOf(call: Promise<string>): Promise<string> {
  return await call.then(
    (text) => `the call ran: ${text}`,
    (error: Error) => error.message,
  );
}

function lineOf(text: string, part: string): number {
  return text.split('\n').findIndex((line) => line.includes(part)) + 1;
}

async function firstAnswer(client: TestClient): Promise<void> {
  expect(await client.call('greet', { name: 'Ada' }, TIMES)).toBe('Hello, Ada!');
}

const SHOUT = '    Tool { name: "shout", run: |name| format!("{}!", name.to_uppercase()) },';
const WRONG = '    Tool { name: "wrong", run: |name| name.len() },';
const MAIN = 'src/main.rs';

async function addBreakAndFix(connect: Connect): Promise<void> {
  await using project = await startProject('cargo', ['cargo', 'run']);
  await using client = await connect(project.bridge.url);
  const id = client.sessionId;
  await firstAnswer(client);
  expect(await toolsOf(client)).toEqual(['greet']);
  const isNews = ({ method }: { method: string }) => method === 'notifications/tools/list_changed';
  const news = () => client.heard.filter(isNews).length;
  const before = news();

  await insert(project, MAIN, SHOUT);
  expect(await client.call('shout', { name: 'Ada' }, TIMES)).toBe('ADA!');
  await client.untilHeard((heard) => isNews(heard) && news() > before, 'the news of the tool');
  expect(await toolsOf(client)).toEqual(['greet', 'shout']);

  const good = await insert(project, MAIN, WRONG);
  const words = await wordsOf(client.call('shout', { name: 'Ada' }, TIMES));
  expect(words).toMatch(/Not run: cargo build.* failed \(exit 101\)\. Fix it and call again\./);
  expect(words).toContain('error[E0308]: mismatched types');
  expect(words).toContain(`src/main.rs:${lineOf(project.folder.read(MAIN), 'wrong')}:`);
  expect(words).not.toContain('\u001b');
  expect(words).not.toContain('Compiling');
  expect(await toolsOf(client)).toEqual(['greet', 'shout']);

  await save(project, good, MAIN);
  expect(await client.call('shout', { name: 'Bob' }, TIMES)).toBe('BOB!');
  expect(client.sessionId).toBe(id);
  // Cargo is not among what runs: nobody waits for its lock.
  const names = project.bridge.look().map(({ pid }) => pid);
  expect(names).toHaveLength(1);
}

describe(`cargo run${CARGO}`, () => {
  it.skipIf(CARGO).each(CLIENTS)(
    'a tool more, a type error, the fix, in one session of %s [call.words session.changed watch.infer]',
    (_, connect) => addBreakAndFix(connect),
    COMPILED,
  );

  it.skipIf(CARGO)(
    'a server that is killed while the sources are broken comes back as it was [watch.infer call.words]',
    async () => {
      await using project = await startProject('cargo', ['cargo', 'run'], ['--serve-old', 'broken']);
      await using client = await connectV2(project.bridge.url);
      await firstAnswer(client);
      await toolsOf(client);

      const good = await insert(project, MAIN, WRONG);
      await project.bridge.untilLine(
        ({ msg }) => msg.startsWith('Build failed (exit 101)'),
        'the failure',
        30_000,
      );
      await firstAnswer(client);
      for (const { pid } of project.bridge.look()) process.kill(pid, 'SIGKILL');
      await project.bridge.untilSaid('server ended (SIGKILL)');
      await firstAnswer(client);
      await save(project, good, MAIN);
      await firstAnswer(client);
    },
    COMPILED,
  );

  it.skipIf(CARGO)(
    'without --serve-old its calls are told what the compiler says, before and after the crash [call.words]',
    async () => {
      await using project = await startProject('cargo', ['cargo', 'run']);
      await using client = await connectV1(project.bridge.url);
      await firstAnswer(client);
      expect(await toolsOf(client)).toEqual(['greet']);

      const good = await insert(project, MAIN, WRONG);
      const call = () => wordsOf(client.call('greet', { name: 'Ada' }, TIMES));
      expect(await call()).toContain('error[E0308]');
      for (const { pid } of project.bridge.look()) process.kill(pid, 'SIGKILL');
      await project.bridge.untilSaid('server ended (SIGKILL)');
      expect(await call()).toContain('error[E0308]');
      expect(await toolsOf(client)).toEqual(['greet']);
      // A client that comes now is told as well, and not kept waiting.
      await using late = await connectV2(project.bridge.url);
      expect(await wordsOf(late.call('greet', { name: 'Ada' }, TIMES))).toContain('error[E0308]');

      await save(project, good, MAIN);
      await firstAnswer(client);
      await firstAnswer(late);
    },
    COMPILED,
  );
});

describe(`python3 server.py${PYTHON}`, () => {
  it.skipIf(PYTHON).each(CLIENTS)(
    'a tool more, a syntax error, the fix, in one session of %s [call.words session.changed watch.infer]',
    async (_, connect) => {
      await using project = await startProject('python', ['python3', 'server.py']);
      await using client = await connect(project.bridge.url);
      const id = client.sessionId;
      await firstAnswer(client);
      expect(await toolsOf(client)).toEqual(['greet']);

      await insert(project, 'server.py', '    "shout": lambda name: f"{name.upper()}!",');
      expect(await client.call('shout', { name: 'Ada' })).toBe('ADA!');
      await client.untilHeard(({ method }) => method === 'notifications/tools/list_changed', 'the news');
      expect(await toolsOf(client)).toEqual(['greet', 'shout']);

      const good = await insert(project, 'server.py', '    "wrong": lambda name: name +,');
      const words = await wordsOf(client.call('shout', { name: 'Ada' }));
      expect(words).toContain('Not run: the new code does not start (exit 1)');
      expect(words).toContain(`server.py", line ${lineOf(project.folder.read('server.py'), 'wrong')}`);
      expect(words).toContain('SyntaxError');
      expect(await toolsOf(client)).toEqual(['greet', 'shout']);

      await save(project, good, 'server.py');
      expect(await client.call('shout', { name: 'Bob' })).toBe('BOB!');
      expect(client.sessionId).toBe(id);
    },
  );
});

describe('tsx server.ts', () => {
  it.each(CLIENTS)(
    'a tool more, a syntax error, the fix, in one session of %s [call.words session.changed watch.infer]',
    async (_, connect) => {
      await using project = await startProject('typescript', [TSX, 'server.ts']);
      await using client = await connect(project.bridge.url);
      const id = client.sessionId;
      await firstAnswer(client);
      expect(await toolsOf(client)).toEqual(['greet']);

      await insert(project, 'server.ts', '  shout: (name) => name.toUpperCase() + "!",');
      await client.untilHeard(({ method }) => method === 'notifications/tools/list_changed', 'the news');
      expect(await toolsOf(client)).toEqual(['greet', 'shout']);
      expect(await client.call('shout', { name: 'Ada' })).toBe('ADA!');

      const good = await insert(project, 'server.ts', '  wrong: (name) => name +,');
      const words = await wordsOf(client.call('shout', { name: 'Ada' }));
      expect(words).toContain('Not run: the new code does not start (exit 1)');
      expect(words).toContain(`server.ts:${lineOf(project.folder.read('server.ts'), 'wrong')}:`);
      expect(words).toContain('Unexpected ","');
      expect(await toolsOf(client)).toEqual(['greet', 'shout']);

      await save(project, good, 'server.ts');
      expect(await client.call('shout', { name: 'Bob' })).toBe('BOB!');
      expect(client.sessionId).toBe(id);
    },
  );
});
