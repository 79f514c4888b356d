// Where the state is: a folder for each port of a project, below the platform's own place for such things.
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PRIVATE_FILE } from './file-lines.js';

const PRIVATE_FOLDER = 0o700;
/** Characters of a project's name in that of its folder: a file name has at most 255 bytes. */
const LONGEST_NAME = 60;
const PORT_FILE = 'port';

/** What tells where the state of a project is. */
export interface Place {
  /** The folder that the user chose (absolute), if there is one: all state is in it. */
  readonly stateDir?: string | undefined;
  /** The project folder (absolute). */
  readonly project: string;
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  /** The user's home folder. */
  readonly home: string;
}

/** The place of a project for this user on this machine. */
export function placeOf(project: string, stateDir: string | undefined): Place {
  return { stateDir, project, env: process.env, platform: process.platform, home: os.homedir() };
}

/** What all ports of a project share. */
export function projectFolder(place: Place): string {
  if (place.stateDir !== undefined) return place.stateDir;
  const { join, basename } = pathsOf(place);
  const hash = createHash('sha256').update(place.project).digest('hex').slice(0, 8);
  const name = basename(place.project).slice(0, LONGEST_NAME) || 'root';
  return join(baseFolder(place), `${name}-${hash}`);
}

/** Where the state of the bridge on this port is. */
export function stateFolder(place: Place & { readonly port: number }): string {
  return place.stateDir ?? pathsOf(place).join(projectFolder(place), String(place.port));
}

function baseFolder(place: Place): string {
  const { env, home, platform } = place;
  const { join } = pathsOf(place);
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'mcp-bridge');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'mcp-bridge');
  return join(xdgStateHome(place) ?? join(home, '.local', 'state'), 'mcp-bridge');
}

/** A relative one is to be ignored (XDG Base Directory Specification). */
function xdgStateHome({ env }: Place): string | undefined {
  const chosen = env.XDG_STATE_HOME;
  return chosen && path.posix.isAbsolute(chosen) ? chosen : undefined;
}

function pathsOf({ platform }: Place): path.PlatformPath {
  return platform === 'win32' ? path.win32 : path.posix;
}

/** The port that this project had last, if one is remembered. Never throws. */
export function rememberedPort(place: Place): number | undefined {
  try {
    const text = readFileSync(path.join(projectFolder(place), PORT_FILE), 'utf8');
    const port = /^\d{1,5}\n$/.test(text) ? Number(text) : 0;
    return port > 0 && port <= 65_535 ? port : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers the port; where it cannot, it does not. */
export function rememberPort(place: Place, port: number): void {
  try {
    makeFolder(projectFolder(place));
    writeFileSync(path.join(projectFolder(place), PORT_FILE), `${port}\n`, { mode: PRIVATE_FILE });
  } catch {
    // The next start chooses again.
  }
}

/** Makes a folder for its user alone; one that is there stays as it is. Throws what the file system throws. */
export function makeFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
  if (made !== undefined) chmodSync(folder, PRIVATE_FOLDER);
}
