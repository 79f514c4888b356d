// Who writes a file that changes again and again? A server after each start, or a build, must not cause the next one.
// Pure: what is remembered, and what happened → what is remembered, and who was caught.
import path from 'node:path';

export type Writer = 'server' | 'build';

export type LoopEvent =
  | { readonly kind: 'started'; readonly at: number }
  | { readonly kind: 'build-began'; readonly at: number }
  | { readonly kind: 'build-ended'; readonly at: number }
  /** Files that are others than before. */
  | { readonly kind: 'changed'; readonly files: ReadonlyMap<string, Heard> };

/** When a file was touched, and what it says itself of when it was written, if it is there. */
export interface Heard {
  readonly first: number;
  readonly last: number;
  readonly written?: number | undefined;
}

/** One occasion after the other on which a writer may write: the time after a start, or a build. */
interface Occasions {
  /** Counts them. */
  readonly number: number;
  readonly from: number;
  readonly to: number;
  /** Something has changed since this one began. */
  readonly isSpent: boolean;
  /** A row goes on over so many of them on which the file did not change. */
  readonly gap: number;
  /** The files that changed on the last of them, or so soon before. */
  readonly rows: ReadonlyMap<string, Row>;
}

/** The occasions in a row on which a file changed: up to which one, and how soon on each of the last of them (ms). */
interface Row {
  readonly upTo: number;
  readonly offsets: readonly number[];
}

export interface LoopMemory {
  readonly server: Occasions;
  readonly build: Occasions;
  readonly caught: ReadonlyMap<string, Writer>;
}

export interface LoopStep {
  readonly memory: LoopMemory;
  /** Who was caught by this event. */
  readonly caught: ReadonlyMap<string, Writer>;
}

/** What a server writes on its own, it writes so soon after its start (ms). */
const AFTER_START = 3_000;
/** What a build wrote is heard of so long after its end at most (ms). */
const AFTER_BUILD = 500;
/** So many occasions in a row are no accident. */
const ROW = 3;
/** Of a source file they may be: somebody edits it while slow builds go on. */
const ROW_OF_SOURCE = 4;
/** A program writes at the same moment of each occasion, and a person does not (ms). */
const STEADY = 250;
/** Nobody sees a server start and has edited a file so soon (ms). */
const SOON = 800;
/** Later than that it may be an agent that calls and edits in turns, which is steady for a while. */
const ROW_LATER = 6;

/** Files that people and agents write; a server after its start does not. */
const SOURCE =
  /^\.(?:[cm]?[jt]sx?|vue|svelte|py|pyi|rs|go|java|kts?|scala|groovy|clj|cs|fs|vb|rb|php|pl|pm|lua|[rR]|jl|exs?|erl|hs|ml|swift|dart|zig|nim|[ch](?:pp|xx|h)?|cc|cxx|hpp|m|sh|ps1|sql|html|css|wasm|jar)$/;

const NEVER: Occasions = { number: 0, from: Infinity, to: -Infinity, isSpent: true, gap: 0, rows: new Map() };

/** A build for what the one before wrote finds nothing to write itself. */
export const UNAWARE: LoopMemory = { server: NEVER, build: { ...NEVER, gap: 1 }, caught: new Map() };

/** Whether what is heard of a file at that time means nothing. */
export function isMuted(memory: LoopMemory, file: string, at: number): boolean {
  const writer = memory.caught.get(file);
  return writer !== undefined && memory[writer].from <= at && at <= memory[writer].to;
}

export function loopStep(memory: LoopMemory, event: LoopEvent): LoopStep {
  switch (event.kind) {
    case 'started':
      return quiet({ ...memory, server: afterStart(memory.server, event.at) });
    case 'build-began':
      return quiet({ ...memory, build: next(memory.build, event.at, Infinity) });
    case 'build-ended':
      return quiet({ ...memory, build: { ...memory.build, to: event.at + AFTER_BUILD } });
    case 'changed':
      return afterChange(memory, event.files);
  }
}

type Changed = ReadonlyMap<string, Heard>;

function quiet(memory: LoopMemory): LoopStep {
  return { memory, caught: new Map() };
}

/** Many sessions start many servers for one change: that is one occasion. */
function afterStart(server: Occasions, at: number): Occasions {
  const to = at + AFTER_START;
  return server.isSpent || at > server.to ? next(server, at, to) : { ...server, to };
}

function next({ number, gap, rows }: Occasions, from: number, to: number): Occasions {
  const going = [...rows].filter(([, { upTo }]) => upTo >= number - gap);
  return { number: number + 1, from, to, isSpent: false, gap, rows: new Map(going) };
}

function afterChange({ server, build, caught }: LoopMemory, files: Changed): LoopStep {
  const others = new Map([...files].filter(([, heard]) => !isBuilt(build, heard)));
  const after = {
    server: count(server, others, (heard) => isDuring(server, heard)),
    build: count(build, files, (heard) => isBuilt(build, heard)),
  };
  const found = new Map<string, Writer>();
  for (const file of files.keys()) {
    const writer = writerOf(file, after.server.rows.get(file), after.build.rows.get(file));
    if (writer) found.set(file, writer);
  }
  // What somebody was caught writing comes here only when it changes at another time: then somebody else changed it, and
  // it counts again.
  const kept = [...caught].filter(([file]) => !files.has(file));
  return { memory: { ...after, caught: new Map([...kept, ...found]) }, caught: found };
}

function count(occasions: Occasions, files: Changed, isIn: (heard: Heard) => boolean): Occasions {
  const { number, from } = occasions;
  const rows = new Map(occasions.rows);
  for (const [file, heard] of files) {
    if (isIn(heard)) rows.set(file, longer(rows.get(file), number, Math.max(0, heard.first - from)));
    else rows.delete(file);
  }
  return { ...occasions, isSpent: true, rows };
}

function isDuring({ from, to }: Occasions, { first, last }: Heard): boolean {
  return from <= last && first <= to;
}

/** Heard of during the build; or a moment after its end, when servers are started, and written before it. */
function isBuilt(build: Occasions, heard: Heard): boolean {
  const end = build.to - AFTER_BUILD;
  return isDuring(build, heard) && (heard.first <= end || (heard.written ?? end) <= end);
}

function longer(row: Row | undefined, number: number, offset: number): Row {
  if (row?.upTo === number) return row;
  return { upTo: number, offsets: [...(row?.offsets ?? []), offset].slice(-ROW_LATER) };
}

function writerOf(file: string, started: Row | undefined, built: Row | undefined): Writer | undefined {
  const isSource = SOURCE.test(path.extname(file));
  if (!isSource && started && isRowOfServer(started.offsets)) return 'server';
  return built && isRowOfBuild(built.offsets, isSource) ? 'build' : undefined;
}

function isRowOfServer(offsets: readonly number[]): boolean {
  const isSoon = offsets.slice(-ROW).every((offset) => offset <= SOON);
  return isSteady(offsets, isSoon ? ROW : ROW_LATER);
}

function isRowOfBuild(offsets: readonly number[], isSource: boolean): boolean {
  return isSource ? isSteady(offsets, ROW_OF_SOURCE) : offsets.length >= ROW;
}

/** The last so many are alike. An odd one of before is forgotten: a machine that is busy for once is late for once. */
function isSteady(offsets: readonly number[], length: number): boolean {
  const last = offsets.slice(-length);
  return last.length === length && Math.max(...last) - Math.min(...last) <= STEADY;
}
