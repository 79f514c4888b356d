// What sessions are called in the log: after their clients, each by a name of its own.
import { isObject } from '../protocol/jsonrpc.js';

const LONGEST = 40;

export class Labels {
  readonly #taken = new Set<string>();

  /** A free name for a client: `claude-code`, `claude-code-2`. `info`: its clientInfo, as it came. */
  take(info: unknown): string {
    const name = isObject(info) && typeof info.name === 'string' ? info.name : '';
    const base = name.replace(/[^\w.-]+/g, '-').slice(0, LONGEST) || 'client';
    let label = base;
    for (let n = 2; this.#taken.has(label); n += 1) label = `${base}-${n}`;
    this.#taken.add(label);
    return label;
  }

  free(label: string): void {
    this.#taken.delete(label);
  }
}
