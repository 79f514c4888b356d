// The command line: what runs, what is refused with which line, what is the server's and stays as it came.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Parsed, parseArgv } from '../../src/commands/argv.js';
import { OPTIONS, type OptionRow } from '../../src/options.js';

const ROWS: readonly OptionRow[] = OPTIONS;
const EXAMPLE = 'for example: mcp-bridge -- node server.js';

function parse(...argv: string[]): Parsed {
  return parseArgv(argv, {}, '0.1.0');
}

/** The options and the command, or a failure that tells what was said instead. */
function run(...argv: string[]) {
  const parsed = parse(...argv);
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed));
  return parsed;
}

describe('cli.run: options and a command', () => {
  it('has every default when nothing is given', () => {
    expect(run('--', 'node', 'server.js')).toEqual({
      kind: 'run',
      command: ['node', 'server.js'],
      warnings: [],
      options: {
        host: '127.0.0.1',
        port: undefined,
        path: '/mcp',
        maxBody: 16 * 2 ** 20,
        allowOrigin: [],
        allowHost: [],
        token: undefined,
        cwd: undefined,
        env: [],
        envFile: undefined,
        shell: false,
        isolation: 'session',
        watch: [],
        ignore: [],
        noWatch: false,
        poll: false,
        delay: 200,
        build: undefined,
        replace: 'start-first',
        serveOld: 'never',
        holdTimeout: 55_000,
        startTimeout: 120_000,
        drainTimeout: 30_000,
        killTimeout: 3_000,
        retry: 'safe',
        idleTimeout: 1_800_000,
        sessionTtl: 604_800_000,
        maxBackends: 32,
        unknownSession: 'recreate',
        stateDir: undefined,
        noPersist: false,
        logLevel: 'info',
        logFormat: undefined,
      },
    });
  });

  it.each<[string[], object]>([
    [['--port', '9'], { port: 9 }],
    [['--port=9'], { port: 9 }],
    [['-p', '9'], { port: 9 }],
    [['-p9'], { port: 9 }],
    [['-p=9'], { port: 9 }],
    [['--port', '0'], { port: 0 }],
    [['--port', '1', '-p', '2', '--port=3'], { port: 3 }],
    [['--env', 'A=1', '--env=B=2', '--env', 'C=x y=z'], { env: ['A=1', 'B=2', 'C=x y=z'] }],
    [['--env', 'A=1\n2'], { env: ['A=1\n2'] }],
    [
      ['--watch', 'src', '-w', '*.ts', '-i', 'gen', '--ignore=x'],
      { watch: ['src', '*.ts'], ignore: ['gen', 'x'] },
    ],
    [['--poll', '-d', '0', '--build', 'make -j 2'], { poll: true, delay: 0, build: 'make -j 2' }],
    // The help has it: '' = none.
    [['--build', ''], { build: '' }],
    [['--build='], { build: '' }],
    [['--replace', 'stop-first', '--serve-old=broken'], { replace: 'stop-first', serveOld: 'broken' }],
    [['--allow-host', '1', '--allow-host', '1e3'], { allowHost: ['1', '1e3'] }],
    [['--token', '007'], { token: '007' }],
    [['--token="q"'], { token: '"q"' }],
    [['--token=-abc'], { token: '-abc' }],
    [['--cwd', 'watch'], { cwd: 'watch' }],
    [['--shell'], { shell: true }],
    [['--no-watch', '--no-persist'], { noWatch: true, noPersist: true }],
    [['--idle-timeout', '0'], { idleTimeout: 0 }],
    [['--max-body', '4MB'], { maxBody: 4_000_000 }],
    [['--log-format', 'json', '--log-level', 'trace'], { logFormat: 'json', logLevel: 'trace' }],
    [['--host', '0.0.0.0', '--token', 't'], { host: '0.0.0.0', token: 't' }],
    [['--host', '127.0.0.2'], { host: '127.0.0.2' }],
    [['--host', '::1'], { host: '::1' }],
    [['--host', 'localhost'], { host: 'localhost' }],
  ])('%j', (argv, options) => {
    expect(run(...argv, '--', 'x').options).toMatchObject(options);
    expect(run(...argv, 'x')).toMatchObject({ options, command: ['x'] });
  });
});

describe('the command', () => {
  it.each<[string[], string[]]>([
    [
      ['node', 'x.js', '--port', '9'],
      ['node', 'x.js', '--port', '9'],
    ],
    [
      ['--port', '9', 'node', 'x.js'],
      ['node', 'x.js'],
    ],
    [['--shell', 'true'], ['true']],
    [
      ['node', '1e3', '0x10', '1.0', '', ' ', '"q"'],
      ['node', '1e3', '0x10', '1.0', '', ' ', '"q"'],
    ],
    [
      ['--', 'npm', 'run', 'dev', '--', '--help'],
      ['npm', 'run', 'dev', '--', '--help'],
    ],
    [
      ['node', '--help', '--version', '--prot'],
      ['node', '--help', '--version', '--prot'],
    ],
    [['--', '--port'], ['--port']],
    [['--', 'status'], ['status']],
    [['1e3'], ['1e3']],
  ])('of %j is %j', (argv, command) => {
    expect(run(...argv).command).toEqual(command);
  });

  it('keeps any tail byte for byte', () => {
    const word = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(fc.array(word), (tail) => {
        expect(run('-p', '9', '--', 'x', ...tail).command).toEqual(['x', ...tail]);
        const dashes = tail.filter((each) => each !== '--');
        expect(run('-p', '9', 'x', ...dashes).command).toEqual(['x', ...dashes]);
      }),
    );
  });

  it('or one line of ours comes of whatever is typed', () => {
    const piece = fc.constantFrom(
      '-',
      '--',
      '=',
      'p',
      'port',
      'env',
      'shell',
      '9',
      '.',
      '__proto__',
      '_',
      'x',
      ' ',
    );
    const word = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
        const parsed = parse(...argv);
        // Not the parser's words: ours are a sentence, or end with the example.
        if (parsed.kind === 'wrong')
          expect(parsed.message).toMatch(/^(?!Not enough|Argument)\S.*(?:[.?]|server\.js)$/);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('cli.usage: wrong usage is one line', () => {
  it.each<[string[], string]>([
    [[], `Expected the command that starts the server, got nothing; ${EXAMPLE}`],
    [['--'], `Expected the command that starts the server, got nothing; ${EXAMPLE}`],
    [['--', ''], `Expected the command that starts the server, got nothing; ${EXAMPLE}`],
    [['--port', '9'], `Expected the command that starts the server, got nothing; ${EXAMPLE}`],
    [
      ['npm', 'run', '--', 'x'],
      'Expected only options before the first --, got npm; if the command begins there, put another -- in front of it.',
    ],
    [['--prot', '9', 'x'], 'Unknown option --prot. Did you mean --port?'],
    [['--prot=9', 'x'], 'Unknown option --prot. Did you mean --port?'],
    [['-port', '9', 'x'], 'Unknown option -port. Did you mean --port?'],
    [['--logLevel', 'debug', 'x'], 'Unknown option --logLevel. Did you mean --log-level?'],
    [['--port.x', '9', '--', 'x'], 'Unknown option --port.x. Did you mean --port?'],
    [['--zzzzzz', 'x'], 'Unknown option --zzzzzz.'],
    [['-z', 'x'], 'Unknown option -z.'],
    [['-xp', 'x'], 'Unknown option -xp.'],
    [['-pp'], 'Unknown option -pp.'],
    [['-5', 'x'], 'Unknown option -5.'],
    [['---', 'x'], 'Unknown option ---.'],
    [['--__proto__', 'x'], 'Unknown option --__proto__.'],
    [['--no-shell', 'x'], 'Unknown option --no-shell. Did you mean --shell?'],
    [['--port'], '--port: expected a whole number, got nothing.'],
    [['--port', '9', '--port'], '--port: expected a whole number, got nothing.'],
    [['-p', '--', 'x'], '-p: expected a whole number, got nothing.'],
    [
      ['--hold-timeout', '--shell', 'x'],
      '--hold-timeout: expected a time such as 200ms, 5s or 30m, got nothing.',
    ],
    [['--env', 'A=1', '--env', '--', 'x'], '--env: expected KEY=VALUE, got nothing.'],
    [['--cwd=', 'x'], '--cwd: expected a folder, got nothing.'],
    [['--shell=1', 'x'], '--shell: expected no value, got 1.'],
    [['-p', 'abc', 'x'], '--port: expected a whole number, got abc.'],
    [['--port', '65536', 'x'], '--port: expected 0 to 65535, got 65536.'],
    [['--hold-timeout', '12', 'x'], '--hold-timeout: expected a time such as 200ms, 5s or 30m, got 12.'],
    [['--retry', 'nevr', 'x'], '--retry: expected one of safe, never, got nevr; did you mean never?'],
    [['--env', 'A=1', '--env', 'B', 'x'], '--env: expected KEY=VALUE, got B.'],
    [['--token=se cret', 'x'], '--token: expected visible ASCII characters without spaces.'],
    [
      ['--host', '0.0.0.0', 'x'],
      '--host: 0.0.0.0 can be reached by other machines, so --token is needed too.',
    ],
    [
      ['--host', '127.0.0.1.example', 'x'],
      '--host: 127.0.0.1.example can be reached by other machines, so --token is needed too.',
    ],
  ])('%j', (argv, message) => {
    expect(parse(...argv)).toEqual({ kind: 'wrong', message });
  });

  const later = ROWS.filter((row) => row.built === 'later');

  it.each(later.map((row) => row.name))('--%s is refused as not built, with or without a value', (name) => {
    const message = `\`--${name}\` is not built yet in this version (0.1.0).`;
    for (const argv of [[`--${name}`], [`--${name}`, 'x'], [`--${name}=x`, '--', 'y']]) {
      expect(parse(...argv)).toEqual({ kind: 'wrong', message });
    }
  });

  it('a later option is refused', () => {
    expect(parse('--config', 'servers.json')).toMatchObject({ kind: 'wrong' });
  });

  it.each(['register', 'status', 'restart', 'pause', 'resume', 'logs', 'doctor'])(
    '%s is not built',
    (name) => {
      expect(parse(name, '--json')).toEqual({
        kind: 'wrong',
        message: `\`${name}\` is not built yet in this version (0.1.0).`,
      });
    },
  );
});
