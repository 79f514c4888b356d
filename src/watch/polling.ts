// When the system's file events cannot be relied on: network file systems, and limits that are used up.
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';

/** File systems that are changed from elsewhere, where nothing is heard of it (magic numbers of statfs(2)). */
const REMOTE = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x01021997, // 9P: folders of Windows under WSL
  0x65735546, // FUSE
  0x786f4256, // VirtualBox shared folders
]);

/** Whether one of these folders is on a file system that has to be polled. */
export async function isAnyRemote(folders: readonly string[]): Promise<boolean> {
  return (await Promise.all(folders.map(isRemote))).some(Boolean);
}

async function isRemote(folder: string): Promise<boolean> {
  try {
    return REMOTE.has((await statfs(folder)).type);
  } catch {
    return false;
  }
}

/** A limit of the system, and the command that raises it. */
export interface Limit {
  readonly name: string;
  readonly value: number | undefined;
  readonly command: string | undefined;
}

export function isLimitError(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOSPC' || error.code === 'EMFILE';
}

/** The limit that is used up when watching fails with this code: inotify(7). */
export function limitBehind(code: string | undefined): Limit {
  const [name, enough] = code === 'EMFILE' ? ['max_user_instances', 1_024] : ['max_user_watches', 524_288];
  const value = readNumber(`/proc/sys/fs/inotify/${name}`);
  if (value === undefined) return { name: 'open files', value, command: undefined };
  const wanted = Math.max(enough, value * 2);
  return { name: `fs.inotify.${name}`, value, command: `sudo sysctl fs.inotify.${name}=${wanted}` };
}

function readNumber(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}
