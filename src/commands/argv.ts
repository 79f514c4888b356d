// The command line: words and MCP_BRIDGE_* variables → options and a command, or one line that says what is wrong.
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
// The parser alone: yargs itself costs each start 30 ms more, for help and translations that are not used.
import { Parser } from 'yargs/helpers';
import { type Checked, nearest, parseValue, show } from '../option-values.js';
import { envName, LATER_COMMANDS, memberName, OPTIONS, type OptionRow, type Options } from '../options.js';
import { isLoopback } from './port.js';

export type Parsed =
  | {
      readonly kind: 'run';
      readonly options: Options;
      readonly command: readonly [string, ...string[]];
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'wrong'; readonly message: string };

export type Environment = Readonly<Record<string, string | undefined>>;

const ROWS: readonly OptionRow[] = OPTIONS;
const BUILT = ROWS.filter((row) => row.built === true);
const VALUED = ROWS.filter((row) => row.type !== 'boolean').map((row) => row.name);
const NAMES = [...ROWS.map((row) => row.name), 'help', 'version'];
const SHORT = ROWS.flatMap((row) => (row.alias ? [[row.name, row.alias]] : []));
const ALIASES: Readonly<Record<string, string>> = { ...Object.fromEntries(SHORT), help: 'h', version: 'v' };
const PREFIX = envName('');
const EXAMPLE = 'for example: mcp-bridge -- node server.js';

// Every value stays text, one to an option; the first word that is no option ends the options.
const PARSER = {
  string: VALUED,
  boolean: NAMES.filter((name) => !VALUED.includes(name)),
  narg: Object.fromEntries(NAMES.map((name) => [name, VALUED.includes(name) ? 1 : 0])),
  alias: ALIASES,
  configuration: {
    'halt-at-non-option': true,
    'populate--': true,
    'boolean-negation': false,
    'camel-case-expansion': false,
    'dot-notation': false,
    'strip-aliased': true,
  },
};

/** Reads what the user wants; starts nothing. */
export function parseArgv(argv: readonly string[], env: Environment, version: string): Parsed {
  const words = readWords(argv);
  if (words.given.has('help')) return { kind: 'text', text: helpText(version) };
  if (words.given.has('version')) return { kind: 'text', text: `${version}\n` };
  const fault = findLater(words, version) ?? findUneven(words) ?? findUnknown(words);
  if (fault !== undefined) return { kind: 'wrong', message: fault };
  const options = readOptions(words.given, env);
  if (!options.ok) return { kind: 'wrong', message: options.message };
  const command = readCommand(words);
  if (!command.ok) return { kind: 'wrong', message: command.message };
  return { kind: 'run', options: options.value, command: command.value, warnings: warningsOf(env, version) };
}

/** The bridge's own words, what they give, and what follows them before and after the first --. */
interface Words {
  readonly own: readonly string[];
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** Set if an option lacks its value, or a switch has one. */
  readonly uneven: boolean;
  readonly bare: readonly string[];
  readonly tail: readonly string[] | undefined;
}

function readWords(argv: readonly string[]): Words {
  const dashes = argv.indexOf('--');
  const head = dashes < 0 ? argv : argv.slice(0, dashes);
  const { argv: parsed, error } = Parser.detailed([...head], PARSER);
  const { _: strays, '--': bare = [], ...options } = parsed;
  const values = Object.entries<unknown>(strays.length > 0 ? { ...options, _: strays } : options);
  return {
    own: head.slice(0, head.length - bare.length),
    given: new Map(values.map(([name, value]) => [name, [value].flat().map(String)])),
    uneven: error !== null,
    bare: head.slice(head.length - bare.length),
    tail: dashes < 0 ? undefined : argv.slice(dashes + 1),
  };
}

/** The option a word names, with or without a value: --port=9 → port, -p → port, -port and 9 → nothing. */
function nameOf(word: string): string {
  const [, long, short] = /^(?:--([^=]*)|-([^-=])(?:=|$))/.exec(word) ?? [];
  const plain = long ?? short ?? '';
  return Object.keys(ALIASES).find((name) => ALIASES[name] === plain) ?? plain;
}

function findLater({ own, given, bare }: Words, version: string): string | undefined {
  const asked = [...given.keys(), ...own.map(nameOf)];
  const used = ROWS.find(({ name, built }) => built === 'later' && asked.includes(name));
  const name = used ? `--${used.name}` : LATER_COMMANDS.find((command) => command === bare[0]);
  return name && notBuilt(name, version);
}

function notBuilt(name: string, version: string): string {
  return `\`${name}\` is not built yet in this version (${version}).`;
}

function findUneven({ own, uneven }: Words): string | undefined {
  for (const [i, word] of uneven ? own.entries() : []) {
    const row = ROWS.find(({ name }) => name === nameOf(word));
    const [, value] = /=(.*)$/s.exec(word) ?? [];
    if (row?.type === 'boolean' && value !== undefined)
      return `--${row.name}: expected no value, got ${show(value)}.`;
    const lacks = value === undefined && /^(-\D|$)/.test(own[i + 1] ?? '');
    const nothing = row && lacks ? parseValue(row, '') : undefined;
    if (nothing?.ok === false) return `${word}: ${nothing.message}.`;
  }
  return undefined;
}

function findUnknown({ own, given, uneven }: Words): string | undefined {
  const unknown = [...given.keys()].find((name) => !NAMES.includes(name));
  const culprit = own.find((word) => /^-(?!\w?\d)/.test(word) && !NAMES.includes(nameOf(word)));
  // Of short options in a group only the last can have a value: -pp is no more an option than -x.
  return unknown === undefined && !uneven ? undefined : unknownOption(culprit ?? `--${unknown}`);
}

function unknownOption(word: string): string {
  const name = word.replace(/=.*$/s, '');
  const near = nearest(name.replace(/^-+/, ''), NAMES);
  return `Unknown option ${show(name)}.${near ? ` Did you mean --${near}?` : ''}`;
}

function readCommand({ bare, tail }: Words): Checked<readonly [string, ...string[]]> {
  const [first, ...rest] = tail ?? bare;
  if (tail && bare[0] !== undefined) {
    const advice = 'if the command begins there, put another -- in front of it';
    return refuse(`Expected only options before the first --, got ${show(bare[0])}; ${advice}.`);
  }
  if (!first) return refuse(`Expected the command that starts the server, got nothing; ${EXAMPLE}`);
  if (!tail && /^-./.test(first)) return refuse(unknownOption(first));
  return { ok: true, value: [first, ...rest] };
}

function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}

function readOptions(given: Words['given'], env: Environment): Checked<Options> {
  const members: [string, unknown][] = [];
  for (const row of BUILT) {
    const { label, texts } = sourceOf(row, given, env);
    const values = texts.map((text) => parseValue(row, text));
    const bad = values.find((value) => !value.ok);
    if (bad) return refuse(`${label}: ${bad.message}${bad.message.endsWith('?') ? '' : '.'}`);
    const good = values.flatMap((value) => (value.ok ? [value.value] : []));
    members.push([memberName(row.name), memberValue(row, good)]);
  }
  const options = Object.fromEntries(members) as Options;
  if (isLoopback(options.host) || options.token !== undefined) return { ok: true, value: options };
  const label = given.has('host') ? '--host' : envName('host');
  return refuse(`${label}: ${options.host} can be reached by other machines, so --token is needed too.`);
}

type Source = { readonly label: string; readonly texts: readonly string[] };

/** The flag, else the variable, else the default. */
function sourceOf(row: OptionRow, given: Words['given'], env: Environment): Source {
  const [flag, label] = [given.get(row.name), envName(row.name)];
  if (flag) return { label: `--${row.name}`, texts: flag };
  const text = env[label] ?? row.default;
  if (text === undefined) return { label, texts: [] };
  return { label, texts: row.type === 'list' ? text.split(/\r?\n/).filter(Boolean) : [text] };
}

function memberValue(row: OptionRow, values: readonly unknown[]): unknown {
  if (row.type === 'list') return values;
  if (row.type !== 'boolean') return values.at(-1);
  return values.at(-1) === true;
}

function warningsOf(env: Environment, version: string): string[] {
  const ours = Object.keys(env).filter((key) => key.startsWith(PREFIX) && env[key] !== undefined);
  return ours.flatMap((key) => {
    const row = ROWS.find(({ name }) => envName(name) === key);
    if (row) return row.built === true ? [] : [`${key} is ignored: ${notBuilt(`--${row.name}`, version)}`];
    const near = nearest(key.slice(PREFIX.length).replaceAll('_', '-'), NAMES.slice(0, ROWS.length));
    return [`Unknown variable ${key} is ignored.${near ? ` Did you mean ${envName(near)}?` : ''}`];
  });
}

/** The server's environment: the bridge's without its own variables, then --env-file, then --env. */
export function serverEnv(env: Environment, options: Pick<Options, 'env' | 'envFile'>): Checked<Environment> {
  const inherited = Object.entries(env).filter(([key]) => !key.startsWith(PREFIX));
  const file = readEnvFile(options.envFile);
  if (!file.ok) return file;
  const flags = options.env.map((pair) => pair.split(/=(.*)/s));
  const value = { ...Object.fromEntries(inherited), ...file.value, ...Object.fromEntries(flags) };
  return { ok: true, value };
}

function readEnvFile(file: string | undefined): Checked<Environment> {
  try {
    return { ok: true, value: file === undefined ? {} : parseEnv(readFileSync(file, 'utf8')) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    return refuse(`--env-file: expected a file that can be read, got ${show(file ?? '')} (${code}).`);
  }
}

function helpText(version: string): string {
  const groups = ['endpoint', 'server', 'restarts', 'sessions', 'logs'].map((group) =>
    [`${group}:`, ...BUILT.filter((row) => row.group === group).map(helpLine)].join('\n'),
  );
  return `mcp-bridge ${version}: a stable HTTP endpoint in front of a stdio MCP server.
Restart the server all day; the client never sees it.

  mcp-bridge [options] -- <command> [args...]

examples:
  mcp-bridge -- node server.js
  mcp-bridge --port 8080 --env DEBUG=1 -- uv run server.py

${groups.join('\n\n')}

  -h, --help                      this text
  -v, --version                   the version

Each option has a variable too, such as MCP_BRIDGE_HOLD_TIMEOUT=90s; the flag wins.
`;
}

function helpLine(row: OptionRow): string {
  const value = row.placeholder ? ` <${row.placeholder}>` : '';
  const flag = `${row.alias ? `-${row.alias}, ` : '    '}--${row.name}${value}`;
  const text = row.default ? `${row.help} (${row.default})` : row.help;
  const lines = text.match(/.{1,66}(?: |$)/g) ?? [];
  return lines.map((line, i) => `  ${(i === 0 ? flag : '').padEnd(32)}${line.trimEnd()}`).join('\n');
}
