// The only pino: reports → lines on stderr, pretty for people, JSON for programs.
import { fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { type DestinationStream, pino } from 'pino';
import type { Options } from '../options.js';
import type { Report, Reporter } from './report.js';
import { wordsFor } from './words.js';

export interface LogPlan {
  readonly options: Pick<Options, 'logLevel' | 'logFormat'>;
  /** Whether stderr is a terminal; it decides the format where the options do not. */
  readonly isTty: boolean;
  readonly colorize: boolean;
}

const STDERR = 2;
/** So much is kept for a reader of our stderr that does not read; more is dropped rather than waited for (bytes). */
const MOST_UNREAD = 1024 * 1024;

/** So many different texts are remembered. */
const MOST_TOLD = 100;

/** Tells reports on stderr, or on what stands in its place. */
export async function makeReporter(
  { options, isTty, colorize }: LogPlan,
  stderr: DestinationStream = openStderr(),
): Promise<Reporter> {
  const isPretty = (options.logFormat ?? (isTty ? 'pretty' : 'json')) === 'pretty';
  const destination = isPretty ? await pretty(stderr, colorize) : stderr;
  const logger = pino(
    {
      level: options.logLevel,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  );
  const told = new Set<string>();
  return (report: Report) => {
    const { level: said, text, fields } = wordsFor(report);
    const level = report.kind === 'backend.noise' && isOld(text, told) ? 'debug' : said;
    if (logger.isLevelEnabled(level)) logger[level]({ session: report.label, ...fields }, text);
  };
}

/** What a server writes at every start, such as the banner of npm, is news once. */
function isOld(text: string, told: Set<string>): boolean {
  if (told.has(text)) return true;
  if (told.size < MOST_TOLD) told.add(text);
  return false;
}

/** Terminals and files are written at once. A pipe that nobody reads must neither stop the bridge nor its end. */
function openStderr(): DestinationStream {
  const stats = fstatSync(STDERR);
  if (!stats.isFIFO() && !stats.isSocket()) return { write: writeNow };
  const socket = new Socket({ fd: ownDescriptor(), readable: false, writable: true });
  socket.on('error', () => {});
  socket.unref();
  return {
    write: (line) => {
      if (socket.writableLength < MOST_UNREAD) socket.write(line);
    },
  };
}

/** The terminal may be gone, the disk full: what cannot be written is left out. */
function writeNow(line: string): void {
  let rest = Buffer.from(line);
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(STDERR, rest));
  } catch {
    // There is nobody to tell.
  }
}

/** A pipe that does not block is one for all who share its descriptor, so where it can be had we open one of our own. */
function ownDescriptor(): number {
  try {
    return openSync('/proc/self/fd/2', 'a');
  } catch {
    return STDERR;
  }
}

async function pretty(destination: DestinationStream, colorize: boolean): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss',
    hideObject: true,
    ignore: 'pid',
    messageFormat: (log, key) => {
      const text = String(log[key]);
      if (typeof log.session !== 'string') return text;
      return log.source === 'server' ? `${log.session} | ${text}` : `${log.session}: ${text}`;
    },
  });
  return {
    write: (line) => {
      const text: unknown = format(line);
      if (typeof text === 'string') destination.write(text);
    },
  };
}
