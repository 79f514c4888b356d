// The only pino: reports → lines on stderr, pretty for people, JSON for programs.
import { type DestinationStream, pino } from 'pino';
import type { Options } from '../options.js';
import type { Report, Reporter } from './report.js';
import { wordsFor } from './words.js';

export interface Log {
  readonly report: Reporter;
  /** Writes what has not been written yet; the process may end after it. */
  flush(): void;
}

const STDERR = 2;
/** So much is kept for a reader of our stderr that does not read; more is dropped rather than waited for (bytes). */
const MOST_UNREAD = 1024 * 1024;

/** `isTty`: whether stderr is a terminal; it decides the format where the options do not. */
export async function makeLog(
  options: Pick<Options, 'logLevel' | 'logFormat'>,
  isTty: boolean,
  colorize: boolean,
): Promise<Log> {
  const pretty = (options.logFormat ?? (isTty ? 'pretty' : 'json')) === 'pretty';
  // Writing to a terminal at once keeps our lines in order with the user's keys; a pipe that nobody reads must not
  // stop the bridge.
  const raw = pino.destination({ dest: STDERR, sync: isTty, ...(isTty ? {} : { maxLength: MOST_UNREAD }) });
  const destination = pretty ? await prettyStream(raw, isTty, colorize) : raw;
  const logger = pino(
    {
      level: options.logLevel,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  );
  return {
    report: (report: Report) => {
      const { level, text, fields } = wordsFor(report);
      if (logger.isLevelEnabled(level)) logger[level]({ session: report.label, ...fields }, text);
    },
    flush: () => raw.flushSync(),
  };
}

async function prettyStream(
  destination: DestinationStream,
  sync: boolean,
  colorize: boolean,
): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    destination: destination as never,
    sync,
    colorize,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'session,source,url,command,register,revision,pid,exit',
    messageFormat: (log, key) => {
      const text = String(log[key]);
      if (typeof log.session !== 'string') return text;
      return log.source === 'server' ? `${log.session} | ${text}` : `${log.session}: ${text}`;
    },
  });
}
