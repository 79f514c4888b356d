// --help and --version: text for stdout.
import { describe, expect, it } from 'vitest';
import { parseArgv } from '../../src/commands/argv.js';
import { OPTIONS, type OptionRow } from '../../src/options.js';

const ROWS: readonly OptionRow[] = OPTIONS;

function textOf(...argv: string[]): string {
  const parsed = parseArgv(argv, {}, '0.1.0');
  if (parsed.kind !== 'text') throw new Error(JSON.stringify(parsed));
  return parsed.text;
}

describe('--help and --version', () => {
  it('print the version', () => {
    expect(textOf('--version')).toBe('0.1.0\n');
    expect(textOf('-v')).toBe('0.1.0\n');
  });

  it('win over anything wrong', () => {
    expect(textOf('--prot', '--help')).toBe(textOf('-h'));
    expect(textOf('-h', '--port')).toBe(textOf('--help', '--', 'x'));
  });

  it('begin with what it is for and two examples', () => {
    const lines = textOf('--help').split('\n');
    expect(lines[0]).toMatch(/^mcp-bridge 0\.1\.0: \S/);
    expect(lines.filter((line) => line.startsWith('  mcp-bridge ') && line.includes(' -- '))).toHaveLength(3);
    expect(lines.indexOf('examples:')).toBeLessThan(8);
  });

  it('fit 100 columns and show every built option in its group, no other', () => {
    const text = textOf('--help');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    for (const line of text.split('\n')) expect(line).toBe(line.trimEnd());
    for (const row of ROWS) expect(text.includes(`--${row.name} `)).toBe(row.built === true);
    const order = ['endpoint:', 'server:', 'restarts:', 'sessions:', 'logs:'].map((group) =>
      text.indexOf(`\n${group}\n`),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(text).toMatch(/\n {2}-p, --port <port> {15}port to listen on/);
    expect(text).toContain('(55s)');
  });
});
