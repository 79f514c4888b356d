// What each file was when it last counted, so that the same bytes written once more are no change.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Listing } from './listing.js';
import { isSame, type Sample, samplesOf } from './sample.js';

/** A file as it was; without a hash it was too large, or not read yet. */
export interface Print {
  readonly sample: Sample;
  readonly hash?: string | undefined;
}

/** Larger files are compared from outside only (bytes). */
const LARGEST = 64 * 1024 * 1024;
/** Beyond these the files are not read before they are touched (files; bytes). */
const MOST_FILES = 2_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** Files read at the same time. */
const ABREAST = 32;
const EXECUTE = 0o111;

/** Whether a file is another one than it was. Pure. */
export function isChanged(was: Print | undefined, is: Print | undefined): boolean {
  if (!was || !is) return was !== is;
  if (was.sample.size !== is.sample.size) return true;
  if ((was.sample.mode & EXECUTE) !== (is.sample.mode & EXECUTE)) return true;
  return was.hash && is.hash ? was.hash !== is.hash : !isSame(was.sample, is.sample);
}

export class Prints {
  readonly #prints = new Map<string, Print>();

  /** Takes these files for what they are. */
  begin({ files }: Listing): void {
    for (const [file, sample] of files) this.#prints.set(file, { sample });
  }

  /** Which files do not look as they did: other ones, new ones, and those that are gone. */
  differing({ files }: Listing): string[] {
    const other = [...files].filter(([file, sample]) => !this.looksSame(file, sample));
    const gone = [...this.#prints.keys()].filter((file) => !files.has(file));
    return [...other.map(([file]) => file), ...gone];
  }

  looksSame(file: string, sample: Sample | undefined): boolean {
    return isSame(sample, this.#prints.get(file)?.sample);
  }

  /** Takes these files for what they are now, and tells which of them are not what they were. */
  commit(prints: ReadonlyMap<string, Print | undefined>): string[] {
    const changed = [...prints].filter(([file, print]) => isChanged(this.#prints.get(file), print));
    for (const [file, print] of prints) {
      if (print) this.#prints.set(file, print);
      else this.#prints.delete(file);
    }
    return changed.map(([file]) => file);
  }

  /** Reads the files whose bytes are not known yet, one after the other, unless they are too many. */
  async fill(signal: AbortSignal): Promise<void> {
    const unread = [...this.#prints].filter(([, { hash }]) => hash === undefined);
    const bytes = unread.reduce((sum, [, { sample }]) => sum + sample.size, 0);
    if (unread.length > MOST_FILES || bytes > MOST_BYTES) return;
    for (const [file, print] of unread) {
      if (signal.aborted) return;
      const read = await readPrints(new Map([[file, print.sample]]));
      const hash = read?.get(file)?.hash;
      if (hash && this.#prints.get(file) === print) this.#prints.set(file, { ...print, hash });
    }
  }
}

/** Reads files that look like this; undefined if one of them looks otherwise by then, unless that is all right. */
export async function readPrints(
  looks: ReadonlyMap<string, Sample | undefined>,
  mayMove = false,
): Promise<Map<string, Print | undefined> | undefined> {
  const prints = new Map<string, Print | undefined>();
  for (const some of chunks([...looks], ABREAST)) {
    await Promise.all(some.map(async ([file, sample]) => prints.set(file, await readPrint(file, sample))));
  }
  if (mayMove) return prints;
  const after = samplesOf(looks.keys());
  return [...looks].every(([file, sample]) => isSame(sample, after.get(file))) ? prints : undefined;
}

async function readPrint(file: string, sample: Sample | undefined): Promise<Print | undefined> {
  if (!sample) return undefined;
  return { sample, hash: sample.size > LARGEST ? undefined : await hashOf(file) };
}

/** Undefined if the file cannot be read. */
async function hashOf(file: string): Promise<string | undefined> {
  const hash = createHash('sha1');
  try {
    for await (const bytes of createReadStream(file, { highWaterMark: 256 * 1024 })) hash.update(bytes);
  } catch {
    return undefined;
  }
  return hash.digest('base64');
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
