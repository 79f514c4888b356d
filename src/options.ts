// The one table of options: types, bounds, variables, help and the README's table derive from it.

export interface OptionRow {
  readonly name: string;
  readonly alias?: string;
  readonly type: 'string' | 'number' | 'boolean' | 'duration' | 'size' | 'list' | 'choice';
  readonly group: 'endpoint' | 'server' | 'restarts' | 'sessions' | 'logs';
  /** Defaults and bounds are spelled as a user spells them. */
  readonly default?: string;
  readonly min?: string;
  readonly max?: string;
  readonly choices?: readonly string[];
  /** What a text must look like, and how a person would say so. */
  readonly pattern?: RegExp;
  readonly expected?: string;
  /** A wrong value is not repeated in the message. */
  readonly secret?: true;
  readonly placeholder?: string;
  readonly help: string;
  /** An empty text is a value too. */
  readonly emptiable?: true;
  readonly built: true | 'later';
}

// A Node timer waits at most 2^31 ms; asked for more, it fires at once.
const LONGEST = '24d';
const ADDRESS = /^(?:[\w.-]+|[\da-f.]*:[\da-f.]*:[\da-f:.]*(?:%\w+)?)$/i;
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

// Booleans are off and lists are empty by default.
// biome-ignore format: a row is read as a row
export const OPTIONS = [
  { name: 'host', type: 'string', group: 'endpoint', default: '127.0.0.1', placeholder: 'address', built: true,
    pattern: ADDRESS, expected: 'an address or host name such as 127.0.0.1',
    help: 'address to listen on; any but a loopback address needs --token' },
  { name: 'port', alias: 'p', type: 'number', group: 'endpoint', min: '0', max: '65535', placeholder: 'port', built: true,
    help: "port to listen on, 0 = any free one; without it the port in this folder's client config, else 6272 or the next free one" },
  { name: 'path', type: 'string', group: 'endpoint', default: '/mcp', placeholder: 'path', built: true,
    pattern: /^\/(?!(?:health|ready)\/?$)[^\s?#]*$/, expected: 'a path that begins with /, has no ? or # and is not /health or /ready', help: 'path of the MCP endpoint' },
  { name: 'max-body', type: 'size', group: 'endpoint', default: '16MiB', min: '1KiB', max: '256MiB', placeholder: 'size', built: true,
    help: 'largest request body; a larger one is refused with 413' },
  { name: 'allow-origin', type: 'list', group: 'endpoint', placeholder: 'origin', built: true,
    pattern: /^[a-z][a-z\d+.-]*:\/\/[^\s/]+$/i, expected: 'an origin such as https://app.example',
    help: 'origin of web pages that may call, besides loopback ones; repeat for more' },
  { name: 'allow-host', type: 'list', group: 'endpoint', placeholder: 'host', built: true,
    pattern: /^[^\s/]+$/, expected: 'a host name such as bridge.example or bridge.example:8080',
    help: "Host header to accept, besides loopback names and the socket's own address; repeat for more" },
  { name: 'token', type: 'string', group: 'endpoint', placeholder: 'token', secret: true, built: true,
    pattern: /^[\x21-\x7e]+$/, expected: 'visible ASCII characters without spaces',
    help: 'bearer token that every request must carry; seen by others in the process list, so prefer the variable' },
  { name: 'cwd', type: 'string', group: 'server', placeholder: 'folder', built: true, expected: 'a folder',
    help: 'folder the server runs in; without it the current one' },
  { name: 'env', type: 'list', group: 'server', placeholder: 'KEY=VALUE', built: true,
    pattern: /^[^=\0]+=[^\0]*$/, expected: 'KEY=VALUE', help: 'variable for the server; repeat for more' },
  { name: 'env-file', type: 'string', group: 'server', placeholder: 'file', built: true, expected: 'a file',
    help: 'file with variables for the server, one KEY=VALUE a line; --env wins; Node 20 takes this flag for its own: set MCP_BRIDGE_ENV_FILE there' },
  { name: 'shell', type: 'boolean', group: 'server', built: true, help: 'run the command through a shell' },
  { name: 'isolation', type: 'choice', group: 'server', default: 'session', choices: ['session', 'shared'], placeholder: 'how', built: true,
    help: 'session: a process of the server for each session; shared: one for all of them, for servers that can run only once' },
  { name: 'watch', alias: 'w', type: 'list', group: 'restarts', placeholder: 'path', built: true,
    pattern: /^[^\0]+$/, expected: 'a file, a folder or a glob',
    help: 'file, folder or glob, relative to --cwd, whose change takes the new code to every session; without it inferred from the command; repeat for more' },
  { name: 'ignore', alias: 'i', type: 'list', group: 'restarts', placeholder: 'glob', built: true,
    pattern: /^[^\0]+$/, expected: 'a file, a folder or a glob',
    help: 'never watched, besides version control, node_modules, build folders, caches, editor swap files, test files and what .gitignore names; repeat for more' },
  { name: 'no-watch', type: 'boolean', group: 'restarts', built: true, help: 'supervise only: nothing is watched, nothing is built' },
  { name: 'poll', type: 'boolean', group: 'restarts', built: true, help: 'look for changes every second; done by itself where file events do not work' },
  { name: 'delay', alias: 'd', type: 'duration', group: 'restarts', default: '200ms', min: '0', max: '1h', placeholder: 'time', built: true,
    help: 'quiet time that makes one change of a batch of file events' },
  { name: 'build', type: 'string', group: 'restarts', placeholder: 'command line', emptiable: true, built: true, expected: 'a command line',
    help: "run by the shell before the new code is started; without it inferred from the command; '' = none" },
  { name: 'replace', type: 'choice', group: 'restarts', default: 'start-first', choices: ['start-first', 'stop-first'],
    placeholder: 'how', built: true,
    help: 'how new code takes over, start-first or stop-first; the latter for servers that own a port or a lock (found out by itself)' },
  { name: 'serve-old', type: 'choice', group: 'restarts', default: 'never', choices: ['never', 'broken', 'always'],
    placeholder: 'when', built: true,
    help: 'when a call may be served by old code: never, while the newest build is broken, or always, also while a build runs' },
  { name: 'hold-timeout', type: 'duration', group: 'restarts', default: '55s', min: '1ms', max: LONGEST, placeholder: 'time', built: true,
    help: 'how long a call is held at most while no server can take it' },
  { name: 'start-timeout', type: 'duration', group: 'restarts', default: '120s', min: '1ms', max: LONGEST, placeholder: 'time', built: true,
    help: 'how long a starting server may be silent before it counts as stuck' },
  { name: 'drain-timeout', type: 'duration', group: 'restarts', default: '30s', min: '0', max: LONGEST, placeholder: 'time', built: true,
    help: 'how long calls in flight may go on when their server must stop' },
  { name: 'kill-timeout', type: 'duration', group: 'restarts', default: '3s', min: '0', max: LONGEST, placeholder: 'time', built: true,
    help: 'how long a server has after SIGTERM before it is killed' },
  { name: 'retry', type: 'choice', group: 'restarts', default: 'safe', choices: ['safe', 'never'], placeholder: 'safe|never', built: true,
    help: 'which calls are sent again after their server was lost: those that change nothing, or none' },
  { name: 'idle-timeout', type: 'duration', group: 'sessions', default: '30m', min: '0', max: LONGEST, placeholder: 'time', built: true,
    help: 'how long a session may be idle before its server is stopped until the next call; 0 = never' },
  { name: 'session-ttl', type: 'duration', group: 'sessions', default: '7d', min: '1ms', max: '3650d', placeholder: 'time', built: true,
    help: 'how long a session that nobody uses is remembered' },
  { name: 'max-backends', type: 'number', group: 'sessions', default: '32', min: '1', max: '10000', placeholder: 'number', built: true,
    help: 'how many servers run at once; beyond it the session that was idle longest gives its own up, else the newcomer waits' },
  { name: 'unknown-session', type: 'choice', group: 'sessions', default: 'recreate', choices: ['recreate', 'reject'], placeholder: 'how', built: true,
    help: 'what becomes of a session id that is not on record: recreate serves it under the same id, reject answers 404' },
  { name: 'state-dir', type: 'string', group: 'sessions', placeholder: 'folder', built: true, expected: 'a folder',
    help: "where sessions, events and logs are kept; without it the platform's state folder, by folder and port" },
  { name: 'no-persist', type: 'boolean', group: 'sessions', built: true, help: 'keep sessions in memory only' },
  { name: 'log-level', type: 'choice', group: 'logs', default: 'info', choices: LEVELS, placeholder: 'level', built: true,
    help: `least severe line to write to stderr: ${LEVELS.join(', ')}` },
  { name: 'log-format', type: 'choice', group: 'logs', choices: ['pretty', 'json'], placeholder: 'pretty|json', built: true,
    help: 'how a line is written; without it pretty on a terminal, else json' },

  { name: 'config', type: 'string', group: 'server', placeholder: 'file', built: 'later', help: 'several servers' },
] as const satisfies readonly OptionRow[];

/** First words that will be commands of the bridge's own. */
export const LATER_COMMANDS: readonly string[] = [
  'register',
  'status',
  'restart',
  'pause',
  'resume',
  'logs',
  'doctor',
];

type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;
type Built = Extract<(typeof OPTIONS)[number], { built: true }>;
type Single<R> = R extends { choices: readonly (infer C)[] }
  ? C
  : R extends { type: 'number' | 'duration' | 'size' }
    ? number
    : string;
type Value<R> = R extends { type: 'boolean' }
  ? boolean
  : R extends { type: 'list' }
    ? readonly string[]
    : R extends { default: string }
      ? Single<R>
      : Single<R> | undefined;

/** What the rooms are given: times in ms, sizes in bytes. */
export type Options = { readonly [R in Built as Camel<R['name']>]: Value<R> };

/** The member of `Options` a row fills: hold-timeout → holdTimeout. */
export function memberName(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The variable that sets an option: hold-timeout → MCP_BRIDGE_HOLD_TIMEOUT. */
export function envName(name: string): string {
  return `MCP_BRIDGE_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** The built options as the README shows them. */
export function optionsTable(): string {
  const rows: readonly OptionRow[] = OPTIONS.filter((row) => row.built === true);
  const lines = rows.map((row) => {
    const short = row.alias ? `, \`-${row.alias}\`` : '';
    const value = row.placeholder ? ` <${row.placeholder.replaceAll('|', '\\|')}>` : '';
    return `| \`--${row.name}${value}\`${short} | ${row.default ? `\`${row.default}\`` : ''} | ${row.help} |`;
  });
  return ['| option | default | meaning |', '| --- | --- | --- |', ...lines, ''].join('\n');
}
