// Which command runs in the end, and what a shell makes of a line.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readShellLine } from '../../src/rollout/infer-shell.js';
import { lookThrough } from '../../src/rollout/infer-words.js';

const CWD = '/projects/app';

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

describe('a line of a shell', () => {
  test('any words come back as they were quoted', () => {
    const words = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(words, (list) => {
        expect(readShellLine(list.map(quote).join(' '))).toEqual({ commands: [list], simple: true });
      }),
    );
  });

  test('it is cut as sh cuts it', () => {
    const pieces = fc.constantFrom(
      'a',
      'b c',
      '"',
      "'",
      '\\',
      ' ',
      '\t',
      '"x y"',
      "'z'",
      '\\"',
      "\\'",
      '"\\a\\""',
      '=',
    );
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 8 }), (parts) => {
        const line = parts.join('');
        const said = askShell(line);
        fc.pre(said !== undefined);
        expect(readShellLine(`x ${line}`).commands).toEqual([['x', ...(said ?? [])]]);
      }),
      { numRuns: 60 },
    );
  });

  test.each<[line: string, commands: string[][]]>([
    ['tsc && node a.js', [['tsc'], ['node', 'a.js']]],
    ['a|b||c;d&e\nf', [['a'], ['b'], ['c'], ['d'], ['e'], ['f']]],
    ['a \'&& b\' "; c" d\\;e', [['a', '&& b', '; c', 'd;e']]],
    ['', []],
  ])('%j has the commands %j', (line, commands) => {
    expect(readShellLine(line).commands).toEqual(commands);
  });

  test.each(['a $B', 'a "$B"', 'a `b`', 'a > b', 'a *.ts', 'a b; c', '(a)'])('%s is not simple', (line) => {
    expect(readShellLine(line).simple).toBe(false);
  });

  test('between single quotes, or escaped, nothing means anything: \'a $b\' \\$c "\\$d"', () => {
    expect(readShellLine('\'a $b\' \\$c "\\$d"')).toEqual({ commands: [['a $b', '$c', '$d']], simple: true });
  });
});

/** The words as /bin/sh has them; undefined where the line is not complete. */
function askShell(line: string): string[] | undefined {
  try {
    const script = `for word in ${line}; do printf '%s\\0' "$word"; done`;
    const text = execFileSync('/bin/sh', ['-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text.split('\0').slice(0, -1);
  } catch {
    return undefined;
  }
}

describe('looking through a command', () => {
  const show = (words: readonly string[], scripts: Record<string, string> = {}, shell = false) =>
    lookThrough(words, { cwd: CWD, shell, from: { folder: CWD, scripts } });

  test.each<[words: string[], end: string[]]>([
    [
      ['env', 'A=1', 'env', 'B=2', 'x', 'y'],
      ['x', 'y'],
    ],
    [
      ['sh', '-c', 'exec x "y z"'],
      ['x', 'y z'],
    ],
    [['bash', '-lc', 'x'], ['x']],
    [
      ['npx', '-y', '-p', 'tsx@4', 'tsx@4.1', 'a.ts'],
      ['tsx', 'a.ts'],
    ],
    [
      ['npm', 'exec', '--', 'tsx', 'a.ts'],
      ['tsx', 'a.ts'],
    ],
    [
      ['pnpm', 'exec', 'tsx', 'a.ts'],
      ['tsx', 'a.ts'],
    ],
    [
      ['uv', 'run', '--with', 'x', 'a.py', 'b'],
      ['python', 'a.py', 'b'],
    ],
    [
      ['uv', 'run', '-m', 'a', 'b'],
      ['python', '-m', 'a', 'b'],
    ],
    [
      ['uvx', '--from', 'mcp[cli]', 'mcp', 'run', 'a.py'],
      ['mcp', 'run', 'a.py'],
    ],
    [['sudo', '-u', 'me', 'x'], ['x']],
    // not looked into
    [
      ['env', '-i', 'x'],
      ['env', '-i', 'x'],
    ],
    [['env'], ['env']],
    [
      ['sh', 'run.sh'],
      ['sh', 'run.sh'],
    ],
    [
      ['npx', '@me/tsx', 'x'],
      ['npx', '@me/tsx', 'x'],
    ],
    [
      ['uv', 'sync'],
      ['uv', 'sync'],
    ],
    [
      ['npm', 'run', 'nothing'],
      ['npm', 'run', 'nothing'],
    ],
  ])('%j → %j', (words, end) => {
    expect(show(words).words).toEqual(end);
  });

  test('scripts are looked up, also one in another, with what npm runs before', () => {
    const scripts = { start: 'npm run serve -- --x', serve: 'A=1 node dist/a.js', preserve: 'tsc -b' };
    expect(show(['npm', '--silent', 'start'], scripts)).toMatchObject({
      words: ['node', 'dist/a.js'],
      env: { A: '1' },
      others: [['tsc', '-b']],
      direct: false,
    });
    expect(show(['node', '--run', 'serve'], scripts).words).toEqual(['node', 'dist/a.js']);
    expect(show(['bun', 'run', 'serve'], scripts).words).toEqual(['node', 'dist/a.js']);
  });

  test('a script that runs itself has an end', () => {
    expect(show(['npm', 'run', 'a'], { a: 'npm run a' }).words).toEqual(['npm', 'run', 'a']);
  });

  test('where it runs is looked through too', () => {
    expect(show(['npm', '--prefix', 'sub', 'run', 'a']).folder).toBe(`${CWD}/sub`);
    expect(show(['uv', '--directory', '/x', 'run', 'a.py']).folder).toBe('/x');
    expect(show(['uv', 'run', '--project=../y', 'a.py']).folder).toBe('/projects/y');
    expect(show(['sh', '-c', 'cd sub && x']).folder).toBe(`${CWD}/sub`);
  });

  test('with --shell the words are one line', () => {
    expect(show(['cd sub && A=1', 'x', '"y z"'], {}, true)).toMatchObject({
      words: ['x', 'y z'],
      env: { A: '1' },
      folder: `${CWD}/sub`,
    });
    expect(show(['x y'], {}, true)).toMatchObject({ words: ['x', 'y'], direct: true });
  });
});
