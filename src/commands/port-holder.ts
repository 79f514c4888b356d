// Who listens on a port that is taken, as far as that can be told.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How long the one who listens has to say who it is (ms). */
const PATIENCE = 2_000;

/** "mcp-bridge for /projects/server (process 12)", "process 12 (node server.js)", or undefined where nothing is known. */
export async function describeHolder(host: string, port: number): Promise<string | undefined> {
  const pid = process.platform === 'linux' ? findListener(port) : undefined;
  const folder = await folderOfBridge(host, port);
  if (folder !== undefined) return `mcp-bridge for ${folder}${pid === undefined ? '' : ` (process ${pid})`}`;
  return pid === undefined ? undefined : `process ${pid} (${commandOf(pid)})`;
}

/** A bridge says for which folder it runs. */
async function folderOfBridge(host: string, port: number): Promise<string | undefined> {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/health`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) });
    const health: unknown = await response.json();
    const isOurs = typeof health === 'object' && health && 'sessions' in health && 'cwd' in health;
    return isOurs ? String(health.cwd) : undefined;
  } catch {
    return undefined;
  }
}

/** /proc/net/tcp names the socket of a port, and /proc/<pid>/fd who has it open (proc(5)). */
function findListener(port: number): number | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listening(table, port)));
  return inodes.size === 0
    ? undefined
    : pids().find((pid) => socketsOf(pid).some((inode) => inodes.has(inode)));
}

const LISTEN = '0A';

function listening(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = read(`/proc/net/${table}`).split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, local, , state, , , , , , inode] = row.trim().split(/\s+/);
    return local?.endsWith(suffix) && state === LISTEN && inode !== undefined ? inode : [];
  });
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function socketsOf(pid: number): string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).flatMap(
      (fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${fd}`))?.[1] ?? [],
    );
  } catch {
    // Somebody else's, or gone.
    return [];
  }
}

function commandOf(pid: number): string {
  const words = read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim();
  return words.length > 80 ? `${words.slice(0, 80)}…` : words;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
