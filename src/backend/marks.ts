// The mark of a backend: a variable that all it starts inherit, whatever group or session they go to.
import { findByVariable, type ProcessEntry } from '../system/processes.js';
import type { SpawnSpec } from './spawn.js';

/** Not MCP_BRIDGE_…: those are options, which a bridge that is started by a server would take for its own. */
const VARIABLE = '_MCP_BRIDGE_BACKEND';

/** The same command with the mark in its environment. */
export function withMark(spec: SpawnSpec, mark: string | undefined): SpawnSpec {
  return mark === undefined ? spec : { ...spec, env: { ...spec.env, [VARIABLE]: mark } };
}

/** How a mark that begins so begins in an environment. */
export function entryOf(beginning: string): string {
  return `${VARIABLE}=${beginning}`;
}

/** The living processes with this mark. Linux only; elsewhere none. */
export function findMarked(mark: string): ProcessEntry[] {
  return findByVariable(`${entryOf(mark)}\0`);
}

/** The living processes whose mark begins so. */
export function findMarkedWith(beginning: string): ProcessEntry[] {
  return findByVariable(entryOf(beginning));
}
