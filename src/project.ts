// What one bridge is for: a folder, and the server that is run there. Session ids tell by it whose they are.
import { createHash } from 'node:crypto';
import path from 'node:path';

export interface Project {
  /** What the ids of its sessions begin with. */
  readonly tag: string;
  /** What people call it. */
  readonly name: string;
}

/**
 * The project of a bridge that was started in `folder` with this command. The options of the command are left out: a server
 * that is run with another flag is the same server.
 */
export function projectOf(folder: string, command: readonly string[]): Project {
  const words = command.filter((word) => !word.startsWith('-'));
  const key = JSON.stringify([path.resolve(folder), ...words]);
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 8);
  return { tag: `mcpb-${hash}-`, name: `${words.join(' ')} in ${folder}` };
}
