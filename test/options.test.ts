// The table of options: complete rows, parsers of values, suggestions, the README's table.
import { describe, expect, it } from 'vitest';
import { nearest, parseDuration, parseSize, parseValue, show } from '../src/option-values.js';
import { envName, memberName, OPTIONS, type OptionRow, type Options, optionsTable } from '../src/options.js';

const ROWS: readonly OptionRow[] = OPTIONS;
const BUILT = ROWS.filter((row) => row.built === true);

/** A row by its name. */
function rowOf(name: string): OptionRow {
  const row = ROWS.find((candidate) => candidate.name === name);
  if (!row) throw new Error(`no row ${name}`);
  return row;
}

function messageOf(name: string, text: string): string | undefined {
  const value = parseValue(rowOf(name), text);
  return value.ok ? undefined : value.message;
}

describe('the table of options', () => {
  it.each(ROWS.map((row) => [row.name, row] as const))('row %s is complete', (name, row) => {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(row.help).toMatch(/^\S.*[^.\s]$/);
    expect(row.help).not.toMatch(/[\n|]/);
    expect(row.placeholder === undefined).toBe(row.type === 'boolean');
    expect(envName(name)).toMatch(/^MCP_BRIDGE_[A-Z]+(_[A-Z]+)*$/);
  });

  it('has every name, short letter, variable and member once', () => {
    const shorts = ROWS.flatMap((row) => row.alias ?? []);
    for (const names of [ROWS.map((row) => row.name), shorts, BUILT.map((row) => memberName(row.name))]) {
      expect(new Set(names).size).toBe(names.length);
    }
    expect(shorts.every((short) => /^[a-z]$/.test(short) && !'hv'.includes(short))).toBe(true);
  });

  it.each(BUILT.map((row) => [row.name, row] as const))(
    'row %s accepts its default and its bounds',
    (_, row) => {
      for (const text of [row.default, row.min, row.max, ...(row.choices ?? [])]) {
        if (text !== undefined) expect(parseValue(row, text)).toMatchObject({ ok: true });
      }
    },
  );

  it.each(BUILT.map((row) => [row.name, row] as const))(
    'row %s refuses an empty value, unless it means none',
    (name, row) => {
      const refused = { ok: false, message: expect.stringMatching(/^expected .*, got nothing$/) };
      expect(parseValue(row, '')).toMatchObject(name === 'build' ? { ok: true, value: '' } : refused);
    },
  );

  it('keeps every time within what a timer can wait', () => {
    for (const row of BUILT.filter(({ type, name }) => type === 'duration' && name !== 'session-ttl')) {
      const most = parseDuration(row.max ?? '');
      expect(most.ok && most.value < 2 ** 31).toBe(true);
    }
  });

  it('types the members by their rows', () => {
    const options: Pick<Options, 'port' | 'watch' | 'holdTimeout' | 'env' | 'retry' | 'logFormat' | 'host'> =
      {
        port: undefined,
        watch: ['src'],
        holdTimeout: 55_000,
        env: ['A=1'],
        retry: 'safe',
        logFormat: undefined,
        host: '127.0.0.1',
      };
    // @ts-expect-error: a choice is one of its choices
    const wrong: Options['retry'] = 'sometimes';
    // @ts-expect-error: an option with a default is never missing
    const missing: Options['holdTimeout'] = undefined;
    expect([options.retry, wrong, missing]).toEqual(['safe', 'sometimes', undefined]);
  });

  it.each([
    ['hold-timeout', 'holdTimeout'],
    ['no-watch', 'noWatch'],
    ['port', 'port'],
    ['allow-origin', 'allowOrigin'],
  ])('fills from --%s the member %s', (name, member) => {
    expect(memberName(name)).toBe(member);
  });
});

describe('the README table', () => {
  const lines = optionsTable().trimEnd().split('\n');

  it('has one row of three cells for each built option', () => {
    expect(lines).toHaveLength(BUILT.length + 2);
    for (const line of lines) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(5);
  });

  it('shows flags, short letters, defaults and choices', () => {
    expect(lines).toContain('| `--path <path>` | `/mcp` | path of the MCP endpoint |');
    expect(lines.some((line) => line.startsWith('| `--port <port>`, `-p` |  | '))).toBe(true);
    expect(lines.some((line) => line.startsWith('| `--retry <safe\\|never>` | `safe` | '))).toBe(true);
    expect(optionsTable()).not.toContain('--config');
  });
});

describe('a time', () => {
  it.each([
    ['200ms', 200],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['30m', 1_800_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['0', 0],
    ['0s', 0],
  ])('%s is %d ms', (text, value) => {
    expect(parseDuration(text)).toEqual({ ok: true, value });
  });

  it.each(['12', '5 s', '5S', 's', '-5s', '1h30m', '1e3s', '.5s', '5constructor', 'soon'])(
    'is not %j',
    (text) => {
      expect(parseDuration(text)).toEqual({
        ok: false,
        message: `expected a time such as 200ms, 5s or 30m, got ${show(text)}`,
      });
    },
  );
});

describe('a size', () => {
  it.each([
    ['16MiB', 16 * 2 ** 20],
    ['4MB', 4_000_000],
    ['1024', 1024],
    ['0.5KiB', 512],
    ['1gib', 2 ** 30],
    ['10B', 10],
  ])('%s is %d bytes', (text, value) => {
    expect(parseSize(text)).toEqual({ ok: true, value });
  });

  it.each(['16M', 'MiB', '-1', '1 MB', '1e6', 'big'])('is not %j', (text) => {
    expect(parseSize(text)).toEqual({
      ok: false,
      message: `expected a size such as 16MiB, 4MB or 1024, got ${show(text)}`,
    });
  });
});

describe('a bad value', () => {
  it.each([
    ['port', 'abc', 'expected a whole number, got abc'],
    ['port', '1e3', 'expected a whole number, got 1e3'],
    ['port', '0x10', 'expected a whole number, got 0x10'],
    ['port', '-1', 'expected a whole number, got -1'],
    ['port', '65536', 'expected 0 to 65535, got 65536'],
    ['hold-timeout', '0', 'expected 1ms to 24d, got 0'],
    ['hold-timeout', '25d', 'expected 1ms to 24d, got 25d'],
    ['max-body', '1GiB', 'expected 1KiB to 256MiB, got 1GiB'],
    ['retry', 'nevr', 'expected one of safe, never, got nevr; did you mean never?'],
    [
      'log-level',
      'warning',
      `expected one of fatal, error, warn, info, debug, trace, got warning; did you mean warn?`,
    ],
    ['log-format', 'xml', 'expected one of pretty, json, got xml'],
    [
      'path',
      'mcp',
      'expected a path that begins with /, has no ? or # and is not /health or /ready, got mcp',
    ],
    ['host', 'http://x', 'expected an address or host name such as 127.0.0.1, got http://x'],
    ['host', '127.0.0.1:80', 'expected an address or host name such as 127.0.0.1, got 127.0.0.1:80'],
    ['host', '[::1]', 'expected an address or host name such as 127.0.0.1, got [::1]'],
    ['env', 'FOO', 'expected KEY=VALUE, got FOO'],
    ['env', '=FOO', 'expected KEY=VALUE, got =FOO'],
    ['allow-origin', 'app.example', 'expected an origin such as https://app.example, got app.example'],
    [
      'allow-origin',
      'https://a.example/',
      'expected an origin such as https://app.example, got https://a.example/',
    ],
    ['allow-host', 'a b', 'expected a host name such as bridge.example or bridge.example:8080, got "a b"'],
    ['no-watch', 'yes', 'expected true or false, got yes'],
  ])('of --%s, %j, says what was expected and what came', (name, text, message) => {
    expect(messageOf(name, text)).toBe(message);
  });

  it('of a secret is not repeated', () => {
    expect(messageOf('token', 'my secret')).toBe('expected visible ASCII characters without spaces');
  });

  it('is shown on one line, short, without control characters', () => {
    expect(show('a\n\u001b[31mb')).toBe('"a  [31mb"');
    expect(show('x'.repeat(100))).toBe(`${'x'.repeat(60)}…`);
  });
});

describe('a good value', () => {
  it.each([
    ['host', '::1'],
    ['host', 'fe80::1%eth0'],
    ['host', '::ffff:127.0.0.1'],
    ['host', 'dev-box.local'],
    ['env', 'A='],
    ['env', 'A=b=c\nd'],
    ['allow-origin', 'vscode-webview://abc'],
    ['allow-origin', 'http://localhost:5173'],
    ['path', '/'],
    ['token', 'a=b.c~d/+'],
  ])('of --%s, %j, is kept as it came', (name, text) => {
    expect(parseValue(rowOf(name), text)).toEqual({ ok: true, value: text });
  });

  it.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('of a switch, %s, is %s', (text, value) => {
    expect(parseValue(rowOf('shell'), text)).toEqual({ ok: true, value });
  });
});

describe('the nearest name', () => {
  const names = ROWS.map((row) => row.name);

  it.each([
    ['prot', 'port'],
    ['PORT', 'port'],
    ['evn', 'env'],
    ['logLevel', 'log-level'],
    ['hold_timeout', 'hold-timeout'],
    ['timeout', 'hold-timeout'],
    ['hostname', 'host'],
    ['max-bdy', 'max-body'],
    ['xyzzy', undefined],
    ['q', undefined],
    ['', undefined],
  ])('to %j is %j', (word, name) => {
    expect(nearest(word, names)).toBe(name);
  });
});
