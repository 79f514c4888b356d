// Reads the disk for a look: what cannot be read is not there.
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Found } from './infer-look.js';

/** What node adds to the name of a script. */
const ENDINGS = ['', '.js', '.mjs', '.cjs', '.ts'];
/** ELF, PE, and Mach-O of either word size and byte order, or of several machines. */
const MACHINE_CODE = /^(\x7fELF|MZ|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe)/;

/** What a word names, if it names something; the name of a script may lack its ending. */
export function findFile(file: string, isScript: boolean): Found | undefined {
  const endings = isScript ? ENDINGS : [''];
  const there = endings.map((ending) => file + ending).find((each) => statOf(each) !== undefined);
  if (there === undefined) return undefined;
  return statOf(there)?.isDirectory() ? { path: there, kind: 'folder' } : { path: there, ...kindOf(there) };
}

function kindOf(file: string): Pick<Found, 'kind' | 'interpreter'> {
  const head = readHead(file);
  if (!head.startsWith('#!')) return { kind: MACHINE_CODE.test(head) ? 'program' : 'file' };
  const line = head.slice(2).split('\n')[0] ?? '';
  return { kind: 'script', interpreter: line.trim().split(/\s+/) };
}

function readHead(file: string): string {
  const head = Buffer.alloc(256);
  try {
    const descriptor = openSync(file, 'r');
    const length = readSync(descriptor, head);
    closeSync(descriptor);
    return head.toString('latin1', 0, length);
  } catch {
    return '';
  }
}

/** The nearest folder from `start` upwards that is it. */
export function findAbove(start: string, isIt: (folder: string) => boolean): string | undefined {
  return foldersFrom(start).find(isIt);
}

/** A folder and all that it is in, nearest first. */
export function foldersFrom(start: string): string[] {
  const above = path.dirname(start);
  return above === start ? [start] : [start, ...foldersFrom(above)];
}

export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export function isFile(file: string): boolean {
  return statOf(file)?.isFile() ?? false;
}

/** Undefined also where a folder may not be searched, or a file stands in its place. */
function statOf(file: string): ReturnType<typeof statSync> {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
