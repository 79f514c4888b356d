// cli.port: the flag, else the port this folder's clients know, else the first free one.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { choosePort, configuredPort, isLoopback } from '../../src/commands/port.js';

const ANY = { port: undefined, path: '/mcp' };

describe('cli.port: the port', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-port-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(file: string, content: string): void {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), content);
  }

  it.each([
    ['.mcp.json', 'mcpServers'],
    ['.cursor/mcp.json', 'mcpServers'],
    ['.vscode/mcp.json', 'servers'],
  ])('is the one in %s, and no other', (file, key) => {
    write(file, JSON.stringify({ [key]: { mine: { type: 'http', url: 'http://127.0.0.1:7001/mcp' } } }));
    expect(choosePort(ANY, folder)).toEqual({ candidates: [7001], from: `${file} (mine)` });
  });

  it("is the flag's, whatever the client knows", () => {
    write('.mcp.json', '{"mcpServers":{"mine":{"url":"http://127.0.0.1:7001/mcp"}}}');
    expect(choosePort({ port: 9, path: '/mcp' }, folder)).toEqual({
      candidates: [9],
      from: '--port',
    });
    expect(choosePort({ port: 0, path: '/mcp' }, folder).candidates).toEqual([0]);
  });

  it('is 6272 or one of the 20 after it on first use', () => {
    const { candidates } = choosePort(ANY, folder);
    expect(candidates).toEqual(Array.from({ length: 21 }, (_, i) => 6272 + i));
  });

  it('is found among comments and trailing commas', () => {
    const content = `\uFEFF{ // http://127.0.0.1:1/mcp
      "servers": { /* two */
        "a//b": { "url": "http://localhost:7002/mcp", }, // last
      }, }`;
    write('.vscode/mcp.json', content);
    expect(choosePort(ANY, folder)).toMatchObject({ candidates: [7002], from: '.vscode/mcp.json (a//b)' });
  });

  it.each(['', '{', 'null', '[]', '{"mcpServers":null}', '{"mcpServers":{"a":null,"b":{"url":7}}}'])(
    'is not looked for in a file that says %j',
    (content) => {
      write('.mcp.json', content);
      mkdirSync(path.join(folder, '.cursor/mcp.json'), { recursive: true });
      write('.vscode/mcp.json', '{"servers":{"mine":{"url":"http://[::1]:7003/mcp"}}}');
      expect(choosePort(ANY, folder).candidates).toEqual([7003]);
    },
  );
});

describe('the port of a configured URL', () => {
  it.each([
    ['http://127.0.0.1:7001/mcp', 7001],
    ['http://localhost:7001/mcp', 7001],
    ['http://[::1]:7001/mcp', 7001],
    ['http://127.0.0.1/mcp', 80],
    ['http://127.0.0.1:7001/mcp/', 7001],
    ['http://127.0.0.1:7001/mcp/?a=b', 7001],
    ['http://127.0.0.1:7001/mcp//', undefined],
    ['https://127.0.0.1:7001/mcp', undefined],
    ['http://192.168.1.2:7001/mcp', undefined],
    ['http://127.0.0.1.example:7001/mcp', undefined],
    ['http://127.0.0.1:7001/other', undefined],
    ['http://127.0.0.1:0/mcp', undefined],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as clients write variables
    ['http://127.0.0.1:${PORT}/mcp', undefined],
    ['mcp', undefined],
  ])('%s is %s', (url, port) => {
    const configs = [{ file: 'f', servers: { first: { command: 'node' }, second: { url } } }];
    expect(configuredPort(configs, '/mcp')?.candidates[0]).toBe(port);
  });

  it('ends with a slash or not, whether --path does or not, as the endpoint is served', () => {
    const configs = [{ file: 'f', servers: { one: { url: 'http://127.0.0.1:7001/mcp' } } }];
    expect(configuredPort(configs, '/mcp/')?.candidates).toEqual([7001]);
  });

  it('is the first of several', () => {
    const entry = (port: number) => ({ url: `http://127.0.0.1:${port}/mcp` });
    const configs = [
      { file: 'f', servers: undefined },
      { file: 'g', servers: { one: entry(1), two: entry(2) } },
      { file: 'h', servers: { three: entry(3) } },
    ];
    expect(configuredPort(configs, '/mcp')).toEqual({ candidates: [1], from: 'g (one)' });
  });
});

describe('a loopback host', () => {
  it.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]'])('is %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'localhost.example', '127.1', ''])(
    'is not %j',
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});
