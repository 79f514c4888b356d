// Each report as a line for people: what happened, to whom, what now. log.ts writes it.
import { describeExit, type Exit } from '../backend/starts.js';
import type { RequestId } from '../protocol/jsonrpc.js';
import type { BuildResult } from '../rollout/build.js';
import type { Report } from './report.js';

export type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

export interface LogLine {
  readonly level: Level;
  readonly text: string;
  /** What programs read beside the text, in the JSON format. */
  readonly fields?: object;
}

/** How a report reads. */
export function wordsFor(report: Report): LogLine {
  // One object per kind; TypeScript cannot follow the kind through the index.
  const words = WORDS[report.kind] as (report: Report) => LogLine;
  return words(report);
}

const debug = (text: string, fields?: object): LogLine => line('debug', text, fields);
const info = (text: string, fields?: object): LogLine => line('info', text, fields);
const warn = (text: string, fields?: object): LogLine => line('warn', text, fields);
const error = (text: string): LogLine => line('error', text);

function line(level: Level, text: string, fields?: object): LogLine {
  return fields ? { level, text, fields } : { level, text };
}

type Words = { readonly [K in Report['kind']]: (report: Extract<Report, { kind: K }>) => LogLine };

const WORDS: Words = {
  'bridge.listening': ({ url, command }) => info(`Listening on ${url} for ${command}`, { url, command }),
  'bridge.offered': ({ register }) => info(`Register it once: ${register}`, { register }),
  'bridge.inferred': (report) => info(sentence(inferred(report))),
  'bridge.warned': ({ text }) => warn(text),
  'bridge.reaped': ({ processes }) => reaped(processes.map(({ pid }) => pid)),
  'bridge.stopping': ({ running }) => info(stopping(running)),
  'bridge.stopped': ({ kept }) => info(stopped(kept)),
  'store.failed': ({ file, error: { message } }) =>
    error(`${file} cannot be written (${plain(message)}): sessions are in memory until it can`),
  'store.unreadable': (report) => error(unreadable(report)),
  'store.skipped': ({ folder, lines }) => warn(skipped(folder, lines)),

  'session.opened': ({ revision }) => info(`connected (${plain(revision)})`, { revision }),
  'session.changed': ({ lists }) => info(`told that its lists changed (${lists.map(listName).join(', ')})`),
  'session.closed': () => info('ended its session'),
  'session.dormant': () => info('idle: its server is stopped, and started again by its next call'),

  'backend.started': ({ pid }) => debug(`server started (pid ${pid ?? 'none'})`, { pid }),
  'backend.ready': ({ ms, pid }) => info(`server ready in ${Math.round(ms)} ms (pid ${pid})`, { pid }),
  'backend.stderr': ({ text }) => info(text, { source: 'server' }),
  'backend.noise': ({ text }) => warn(`server wrote to stdout what is no JSON-RPC: ${cut(text)}`),
  'backend.crashed': ({ exit }) => warn(crashed(exit), { exit: { ...exit, tail: undefined } }),
  'backend.stopped': () => debug('server stopped'),
  'restart.waiting': ({ ms }) => info(`server is started again in ${ms} ms`),
  'restart.halted': ({ exit }) => error(halted(exit)),

  'request.repeated': ({ method }) =>
    info(`${plain(method)} was lost with the server; it is sent to the next one`),
  'request.failed': ({ method, failure }) => warn(plain(`${method}: ${failure.verdict}: ${failure.cause}`)),
  'message.dropped': ({ text }) => debug(`dropped a message that nobody waits for: ${cut(text)}`),
  'message.misnamed': ({ method, id }) => warn(misnamed(method, id)),

  'rollout.began': ({ paths }) =>
    info(paths.length > 0 ? `Changed: ${paths.join(', ')}` : 'Taking up the code as it is'),
  'build.began': ({ command }) => info(`Building: ${command}`),
  'build.output': ({ text }) => info(text, { source: 'build' }),
  'build.ended': ({ result, isOldServed }) => built(result, isOldServed),
  'rollout.done': (report) => info(rolledOut(report), { generation: report.generation }),
  'rollout.failed': ({ exit, isOldServed }) =>
    error(`The new code does not start (${plain(describeExit(exit))}); ${meanwhile(isOldServed)}`),
  'rollout.exclusive': ({ late }) => warn(`${exclusive(late)}: ${STOPS_FIRST}`),

  'watch.ready': ({ files }) => debug(`watching ${files} files`),
  'watch.missing': ({ paths }) =>
    warn(`--watch names what is not there: ${paths.join(', ')}. It is watched when it comes.`),
  'watch.paused': ({ isPaused }) => info(isPaused ? 'Paused: changes are noted (p to resume)' : 'Resumed'),
  'watch.refused': ({ folder }) =>
    warn(`${folder} is too much to watch; name what is to be watched with --watch`),
  'watch.limited': (report) => warn(limited(report)),
  'watch.failed': (report) => error(`Watching failed: ${stackOf(report.error)}`),
  'watch.slow': ({ why, file }) =>
    warn(`waiting for files to come to rest (${why}${file ? `: ${file}` : ''})`),
  'watch.loop': (report) => warn(loops(report)),

  'bridge.failed': (report) => error(`The bridge failed, and goes on: ${stackOf(report.error)}`),
  'http.failed': (report) => error(`The bridge failed: ${stackOf(report.error)}`),
};

const DEBUGGED =
  'Under a debugger: the old one stops before the new one starts, and nothing is hurried (no --start-timeout, no --drain-timeout).';

const STOPS_FIRST = 'from now on the old one stops before the new one starts (--replace stop-first)';

function exclusive(late: number | undefined): string {
  if (late === undefined) return 'The server can run only once';
  return `The new server is not ready after ${(late / 1000).toFixed(1)} s and may wait for what the old one holds`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function inferred({ from, hint = '', debugged }: Extract<Report, { kind: 'bridge.inferred' }>): string {
  const notes = [hint, debugged ? DEBUGGED : ''].filter(Boolean).join(' ');
  return notes ? `${from}. ${notes}` : from;
}

function built({ ok, ms, exitCode, signal }: BuildResult, isOldServed: boolean): LogLine {
  const after = `after ${(ms / 1000).toFixed(1)} s`;
  if (ok) return info(`Built ${after}`);
  return error(`Build failed (${signal ?? `exit ${exitCode}`}) ${after}; ${meanwhile(isOldServed)}`);
}

function meanwhile(isOldServed: boolean): string {
  return isOldServed
    ? 'the old code serves until the next change'
    : 'calls are told so until the next change';
}

function rolledOut({ generation, ms, sessions }: Extract<Report, { kind: 'rollout.done' }>): string {
  if (sessions === 0) return `Generation ${generation} is what the next session gets`;
  const whom = sessions === 1 ? '1 session' : `${sessions} sessions`;
  return `Generation ${generation} serves after ${Math.round(ms)} ms (${whom})`;
}

function limited({ name, value, command }: Extract<Report, { kind: 'watch.limited' }>): string {
  const fix = command ? ` To raise it: ${command}` : '';
  return `File watching hit the limit of the system (${name}${value === undefined ? '' : ` = ${value}`}). Polling every second instead.${fix}`;
}

function loops({ file, writer }: Extract<Report, { kind: 'watch.loop' }>): string {
  const [when, then] =
    writer === 'server'
      ? ['right after every start', 'Right after a start']
      : ['during every build', 'During a build'];
  return `${file} changes ${when}: the ${writer} itself seems to write it. ${then} it is ignored from now on; --ignore ${file} ignores it always`;
}

function listName(method: string): string {
  return method.split('/')[1] ?? method;
}

function crashed(exit: Exit): string {
  return `server ended (${plain(describeExit(exit))})${exit.whileStarting ? ' while starting' : ''}`;
}

function halted(exit: Exit | undefined): string {
  return `server does not start${exit ? ` (${plain(describeExit(exit))})` : ''}; a call tries one start, at most every 5 s`;
}

/** Without their commands: words of a command line may be secrets. */
function reaped(pids: readonly number[]): LogLine {
  const what = pids.length === 1 ? '1 process' : `${pids.length} processes`;
  const who = `${pids.length === 1 ? 'pid' : 'pids'} ${pids.join(', ')}`;
  return warn(`Ended ${what} that an earlier bridge left behind (${who}).`, { pids });
}

function stopping(running: number): string {
  const calls = running === 1 ? '1 call' : `${running} calls`;
  return running > 0 ? `Stopping; waiting for ${calls} (Ctrl-C again to stop at once).` : 'Stopping.';
}

function stopped(kept: number | undefined): string {
  if (kept === undefined) return 'Stopped; no session is kept.';
  return `Stopped; ${kept === 1 ? '1 session is' : `${kept} sessions are`} kept for the next start.`;
}

function misnamed(method: string, id: RequestId): string {
  const [is, was] = typeof id === 'string' ? ['string', 'number'] : ['number', 'string'];
  const text = cut(JSON.stringify(id));
  return `the answer to ${plain(method)} has the ${is} ${text} as its id, and the request had a ${was}: the call waits on. Answer with the id as it came`;
}

function unreadable({ file, error, aside }: Extract<Report, { kind: 'store.unreadable' }>): string {
  const what = `${file} cannot be read (${plain(error.message)}): what it kept is missing, and a new file is begun`;
  if (aside === undefined) return `${what}. It could not be put aside`;
  return `${what}. It is ${aside} now; to have it back, stop the bridge, make it readable and give it its old name`;
}

function skipped(folder: string, lines: number): string {
  const what = lines === 1 ? '1 line' : `${lines} lines`;
  return `${what} of the files in ${folder} cannot be understood and ${lines === 1 ? 'is' : 'are'} left out: sessions or events may be missing`;
}

/** What came over the wire stays on its line: it could pretend to be another one. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

function cut(text: string): string {
  return text.length > 200 ? `${plain(text.slice(0, 200))}… (${text.length} characters)` : plain(text);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
