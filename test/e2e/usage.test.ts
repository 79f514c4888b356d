// Wrong words: one line that says what is wrong, exit code 2, and nothing is started.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN, fixture, runToEnd } from '../helpers/bridge.js';

let folder: string;
let plainFile: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-usage-'));
  plainFile = path.join(folder, 'plain-file');
  writeFileSync(plainFile, 'echo hello\n');
  chmodSync(plainFile, 0o644);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('wrong usage is one line and exit code 2 [cli.usage]', () => {
  it.each([
    ['an unknown option', ['--prot', '9', '--', 'node'], /^Unknown option --prot\. Did you mean --port\?$/],
    ['a bad value', ['--port', 'many', '--', 'node'], /^--port: expected a whole number, got many\.$/],
    [
      'a value out of bounds',
      ['--port', '65536', '--', 'node'],
      /^--port: expected 0 to 65535, got 65536\.$/,
    ],
    ['a missing value', ['--port', '--', 'node'], /^--port: expected .*, got nothing\.$/],
    [
      'no command',
      ['--port', '0'],
      /^Expected the command that starts the server, got nothing; for example: /,
    ],
    ['no command after --', ['--'], /^Expected the command that starts the server, got nothing; /],
    ['no words at all', [], /^Expected the command that starts the server, got nothing; /],
    [
      'an open address without a token',
      ['--host', '0.0.0.0', '--', 'node'],
      /^--host: .* --token is needed too\.$/,
    ],
    [
      'a folder that is none',
      ['--cwd', '/no/such/folder', '--', 'node'],
      /^--cwd: expected a folder, got \/no\/such/,
    ],
    [
      'a folder of a name that none can have',
      ['--cwd', 'x'.repeat(5_000), '--', 'node'],
      /^--cwd: expected a folder, got .*x, which is none\.$/,
    ],
    ['what is not built', ['--config', 'x', '--', 'node'], /^`--config` is not built yet in this version/],
    ['a command of the bridge’s own that is not built', ['register'], /^`register` is not built yet/],
  ])('%s', async (_, words, expected) => {
    const { code, stdout, stderr } = await runToEnd(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd()).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it.skipIf(process.platform === 'win32')('a folder that has been removed', () => {
    const gone = mkdtempSync(path.join(folder, 'gone-'));
    const words = ['-c', 'rmdir "$PWD" && exec "$@"', 'sh', process.execPath, BIN, '--', 'node'];
    const { status, stderr } = spawnSync('sh', words, { cwd: gone, encoding: 'utf8' });
    expect(stderr).toBe(
      'The folder that this was started in is gone. Start mcp-bridge in one that is there.\n',
    );
    expect(status).toBe(2);
  });

  it('a bad variable', async () => {
    const { code, stderr } = await runToEnd(['--', 'node'], { env: { MCP_BRIDGE_PORT: 'many' } });
    expect(code).toBe(2);
    expect(stderr).toBe('MCP_BRIDGE_PORT: expected a whole number, got many.\n');
  });

  it('a file of variables that cannot be read', async () => {
    const env = { MCP_BRIDGE_ENV_FILE: '/no/such/file' };
    const { code, stderr } = await runToEnd(['--', 'node'], { env });
    expect(code).toBe(2);
    expect(stderr).toBe('--env-file: expected a file that can be read, got /no/such/file (ENOENT).\n');
  });
});

describe('a command that cannot be run is one line and exit code 2 [cli.command-missing]', () => {
  it('one that is not on the PATH, which is named', async () => {
    const env = { PATH: '/somewhere:/elsewhere' };
    const { code, stdout, stderr } = await runToEnd(['--port', '0', '--', 'no-such-command', 'x'], {
      env,
      cwd: folder,
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe('Command not found: no-such-command. Searched PATH: /somewhere:/elsewhere\n');
  });

  it('a file that is not there', async () => {
    const { code, stderr } = await runToEnd(['--port', '0', '--', './no-such-file'], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Command not found: \.\/no-such-file \(there is no file .*\/no-such-file\)\.\n$/);
  });

  it('a file that is not executable, with what makes it so', async () => {
    const { code, stderr } = await runToEnd(['--port', '0', '--no-watch', '--', plainFile]);
    expect(code).toBe(2);
    expect(stderr).toBe(`Command is not executable: ${plainFile}. Make it so: chmod +x ${plainFile}\n`);
  });
});

describe('what is asked of the program itself', () => {
  it('--help goes to stdout, with every option and an example [cli.usage]', async () => {
    const { code, stdout, stderr } = await runToEnd(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('mcp-bridge [options] -- <command> [args...]');
    expect(stdout).toContain('--hold-timeout <time>');
  });

  it('--version goes to stdout; after -- it is the server’s [cli.usage]', async () => {
    expect(await runToEnd(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
    const { code, stdout } = await runToEnd(['--prot', '--', ...fixture('echo'), '--version']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
