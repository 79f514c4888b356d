// MCP_BRIDGE_* variables: they set options, flags win, and the server does not see them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseArgv, serverEnv } from '../../src/commands/argv.js';
import { envName, OPTIONS, type OptionRow } from '../../src/options.js';

const ROWS: readonly OptionRow[] = OPTIONS;
const BUILT = ROWS.filter((row) => row.built === true);
const SAMPLES: Readonly<Record<OptionRow['type'], string>> = {
  string: '/x',
  number: '9',
  boolean: 'true',
  duration: '7s',
  size: '2KiB',
  list: 'A=1',
  choice: '',
};

function parse(env: Record<string, string>, ...argv: string[]) {
  return parseArgv([...argv, '--', 'x'], env, '0.1.0');
}

function optionsOf(env: Record<string, string>, ...argv: string[]) {
  const parsed = parse(env, ...argv);
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed));
  return parsed.options;
}

describe('a variable', () => {
  it.each(BUILT.map((row) => [envName(row.name), row] as const))(
    '%s sets what its flag sets',
    (name, row) => {
      const special: Record<string, string> = { host: 'localhost', 'allow-origin': 'http://a.example' };
      const sample = special[row.name] ?? row.choices?.at(-1) ?? SAMPLES[row.type];
      const flag = row.type === 'boolean' ? [`--${row.name}`] : [`--${row.name}`, sample];
      expect(parse({ [name]: sample })).toEqual(parse({}, ...flag));
      expect(parse({ [name]: sample })).not.toEqual(parse({}));
    },
  );

  it('gives way to the flag, even if its own value is bad', () => {
    expect(optionsOf({ MCP_BRIDGE_PORT: '1' }, '-p', '2').port).toBe(2);
    expect(optionsOf({ MCP_BRIDGE_PORT: 'abc' }, '-p', '2').port).toBe(2);
    expect(optionsOf({ MCP_BRIDGE_ENV: 'A=1' }, '--env', 'B=2').env).toEqual(['B=2']);
    expect(optionsOf({ MCP_BRIDGE_SHELL: 'false' }, '--shell').shell).toBe(true);
  });

  it('of a list is split at line ends', () => {
    expect(optionsOf({ MCP_BRIDGE_ENV: 'A=1, 2\nB=3\r\n\nC=' }).env).toEqual(['A=1, 2', 'B=3', 'C=']);
    expect(optionsOf({ MCP_BRIDGE_ALLOW_HOST: '' }).allowHost).toEqual([]);
  });

  it.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('of a switch, %s, is %s', (text, on) => {
    expect(optionsOf({ MCP_BRIDGE_SHELL: text }).shell).toBe(on);
    expect(optionsOf({ MCP_BRIDGE_NO_WATCH: text }).noWatch).toBe(on);
  });

  it.each([
    ['MCP_BRIDGE_PORT', 'abc', 'MCP_BRIDGE_PORT: expected a whole number, got abc.'],
    ['MCP_BRIDGE_PORT', '', 'MCP_BRIDGE_PORT: expected a whole number, got nothing.'],
    ['MCP_BRIDGE_SHELL', 'yes', 'MCP_BRIDGE_SHELL: expected true or false, got yes.'],
    ['MCP_BRIDGE_ENV', 'A=1\nB', 'MCP_BRIDGE_ENV: expected KEY=VALUE, got B.'],
    [
      'MCP_BRIDGE_RETRY',
      'saef',
      'MCP_BRIDGE_RETRY: expected one of safe, never, got saef; did you mean safe?',
    ],
    [
      'MCP_BRIDGE_TOKEN',
      '',
      'MCP_BRIDGE_TOKEN: expected visible ASCII characters without spaces, got nothing.',
    ],
    [
      'MCP_BRIDGE_HOST',
      '::',
      'MCP_BRIDGE_HOST: :: can be reached by other machines, so --token is needed too.',
    ],
  ])('%s=%s is wrong usage by its own name', (name, value, message) => {
    expect(parse({ [name]: value })).toEqual({ kind: 'wrong', message });
  });

  it.each([
    ['MCP_BRIDGE_PROT', 'Unknown variable MCP_BRIDGE_PROT is ignored. Did you mean MCP_BRIDGE_PORT?'],
    ['MCP_BRIDGE_XYZZY', 'Unknown variable MCP_BRIDGE_XYZZY is ignored.'],
    [
      'MCP_BRIDGE_CONFIG',
      'MCP_BRIDGE_CONFIG is ignored: `--config` is not built yet in this version (0.1.0).',
    ],
  ])('%s is a warning', (name, warning) => {
    expect(parse({ [name]: 'x', PATH: '/bin', MCP_BRIDGE_PORT: '9' })).toMatchObject({
      kind: 'run',
      warnings: [warning],
      options: { port: 9 },
    });
  });
});

describe('the environment of the server', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-env-'));
  const envFile = path.join(folder, 'server.env');
  writeFileSync(envFile, '# comment\nA=file\nB="file with spaces"\nC=file\n');
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is the bridge's own without the bridge's variables", () => {
    const own = { PATH: '/bin', MCP_BRIDGE_TOKEN: 'secret', MCP_BRIDGE_XYZZY: '1', MCP: '1' };
    expect(serverEnv(own, { env: [], envFile: undefined })).toEqual({
      ok: true,
      value: { PATH: '/bin', MCP: '1' },
    });
  });

  it('is overruled by the file, and the file by --env', () => {
    expect(serverEnv({ A: 'own', D: 'own' }, { env: ['C=flag=1', 'E=', 'F=a\nb'], envFile })).toEqual({
      ok: true,
      value: { A: 'file', B: 'file with spaces', C: 'flag=1', D: 'own', E: '', F: 'a\nb' },
    });
  });

  it.each([
    [path.join(folder, 'none'), 'ENOENT'],
    [folder, 'EISDIR'],
  ])('needs a file that can be read, not %s', (file, code) => {
    const message = expect.stringMatching(
      `^--env-file: expected a file that can be read, got .* \\(${code}\\)\\.$`,
    );
    expect(serverEnv({}, { env: [], envFile: file })).toEqual({ ok: false, message });
  });
});
