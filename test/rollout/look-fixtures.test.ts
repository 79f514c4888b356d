// The fixtures that are edited while they run: each is an MCP server, in a language of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-target-'));
afterAll(() => rmSync(target, { recursive: true, force: true }));

const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const tsx = `${root}node_modules/.bin/tsx`;

// biome-ignore format: a row is read as a row
const FIXTURES: readonly [name: string, isHere: boolean, command: [string, ...string[]]][] = [
  ['cargo (needs cargo)', has('cargo'), ['cargo', 'run', '-q', '--target-dir', target, '--manifest-path', `${root}fixtures/cargo/Cargo.toml`]],
  ['typescript', true, [tsx, `${root}fixtures/typescript/server.ts`]],
  ['python (needs python3)', has('python3'), ['python3', `${root}fixtures/python/server.py`]],
];

const MESSAGES = [
  {
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: {} },
  },
  { method: 'notifications/initialized' },
  { id: 'é"\\\n😀', method: 'ping' },
  { id: 2, method: 'tools/list', params: {} },
  { id: 3, method: 'tools/call', params: { name: 'greet', arguments: { name: 'Ada "é" 😀\\\n' } } },
  { id: 4, method: 'tools/call', params: { name: 'nothing', arguments: {} } },
  { id: 5, method: 'nothing' },
];

describe.each(FIXTURES)('%s', (_name, isHere, [file, ...args]) => {
  test.skipIf(!isHere)('is an MCP server with one tool, until its stdin ends', () => {
    const input = MESSAGES.map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`).join('');
    const { stdout, status } = spawnSync(file, args, { input, encoding: 'utf8' });
    const replies = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    expect(status).toBe(0);
    expect(replies).toEqual([
      expect.objectContaining({ id: 0, result: expect.objectContaining({ protocolVersion: '2025-06-18' }) }),
      { jsonrpc: '2.0', id: 'é"\\\n😀', result: {} },
      { jsonrpc: '2.0', id: 2, result: { tools: [{ name: 'greet', inputSchema: schema }] } },
      { jsonrpc: '2.0', id: 3, result: { content: [{ type: 'text', text: 'Hello, Ada "é" 😀\\\n!' }] } },
      expect.objectContaining({ id: 4, error: expect.objectContaining({ code: -32602 }) }),
      expect.objectContaining({ id: 5, error: { code: -32601, message: 'Method not found: nothing' } }),
    ]);
  });
});
