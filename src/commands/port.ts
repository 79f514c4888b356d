// Which port to listen on: the flag's, the one this folder's clients know, or the first free one from 6272.
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import path from 'node:path';
import { pathOf } from '../http/routes.js';
import type { Options } from '../options.js';

export interface PortChoice {
  /** To be tried in order; only one where somebody counts on it: taken means failure, not the next one. */
  readonly candidates: readonly number[];
  /** Where the choice comes from, to be said to the user. */
  readonly from: string;
}

/** A client's config file, as parsed. */
export interface ClientConfig {
  readonly file: string;
  readonly servers: unknown;
}

// M-C-P-B on a phone's keypad.
const FIRST = 6272;
const CANDIDATES = Array.from({ length: 21 }, (_, i) => FIRST + i);
const CONFIGS = [
  { file: '.mcp.json', key: 'mcpServers' },
  { file: '.cursor/mcp.json', key: 'mcpServers' },
  { file: '.vscode/mcp.json', key: 'servers' },
];

/** The ports to try for a bridge that is started in a folder. `remembered`: the one that the folder had last. */
export function choosePort(
  options: Pick<Options, 'port' | 'path'>,
  folder: string,
  remembered: () => number | undefined = () => undefined,
): PortChoice {
  if (options.port !== undefined) return { candidates: [options.port], from: '--port' };
  return configuredPort(readConfigs(folder), options.path) ?? lastPort(remembered()) ?? firstFree();
}

function lastPort(port: number | undefined): PortChoice | undefined {
  return port === undefined ? undefined : { candidates: [port], from: 'the one this folder had last' };
}

function firstFree(): PortChoice {
  return { candidates: CANDIDATES, from: `${FIRST} or the next free port` };
}

/** The port of the first entry that is a loopback URL with the bridge's own path. */
export function configuredPort(configs: readonly ClientConfig[], endpoint: string): PortChoice | undefined {
  for (const { file, servers } of configs) {
    if (!isRecord(servers)) continue;
    for (const [name, entry] of Object.entries(servers)) {
      const port = isRecord(entry) ? loopbackPort(entry.url, endpoint) : undefined;
      if (port) return { candidates: [port], from: `${file} (${name})` };
    }
  }
  return undefined;
}

function loopbackPort(url: unknown, endpoint: string): number | undefined {
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined;
  const { protocol, hostname, port, pathname } = new URL(url);
  const ours = protocol === 'http:' && isLoopback(hostname) && pathOf(pathname) === pathOf(endpoint);
  return ours ? Number(port || 80) : undefined;
}

/** True for a host that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' || host === '::1' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'))
  );
}

function readConfigs(folder: string): ClientConfig[] {
  return CONFIGS.map(({ file, key }) => ({ file, servers: readMember(path.join(folder, file), key) }));
}

/** One member of a JSON file; nothing if the file cannot be read or is not valid. */
function readMember(file: string, key: string): unknown {
  try {
    const content: unknown = JSON.parse(plainJson(readFileSync(file, 'utf8')));
    return isRecord(content) ? content[key] : undefined;
  } catch {
    return undefined;
  }
}

// Editors allow comments and trailing commas in these files; strings are matched first and kept.
function plainJson(text: string): string {
  const extras =
    /("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*[}\]])|^\uFEFF/g;
  return text.replace(extras, (_, string: string | undefined) => string ?? '');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
