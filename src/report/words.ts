// Each report as a line for people: what happened, to whom, what now. log.ts writes it.
import { describeExit, type Exit } from '../backend/starts.js';
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
  switch (report.kind) {
    case 'bridge.listening': {
      const { url, command } = report;
      return { level: 'info', text: `Listening on ${url} for ${command}`, fields: { url, command } };
    }
    case 'bridge.offered':
      return {
        level: 'info',
        text: `Register it once: ${report.register}`,
        fields: { register: report.register },
      };
    case 'bridge.inferred':
      return { level: 'info', text: report.hint ? `${report.from}. ${report.hint}` : report.from };
    case 'build.output':
      return { level: 'info', text: report.text, fields: { source: 'build' } };
    case 'watch.paused':
      return { level: 'info', text: report.isPaused ? 'Paused: changes are noted (p to resume)' : 'Resumed' };
    case 'watch.ready':
      return { level: 'debug', text: `watching ${report.files} files` };
    case 'watch.loop':
      return { level: 'warn', text: loops(report) };
    case 'watch.refused':
      return {
        level: 'warn',
        text: `${report.folder} is too much to watch; name what is to be watched with --watch`,
      };
    case 'watch.limited':
      return { level: 'warn', text: limited(report) };
    case 'watch.failed':
      return { level: 'error', text: `Watching failed: ${stackOf(report.error)}` };
    case 'watch.slow':
      return {
        level: 'warn',
        text: `waiting for files to come to rest (${report.why}${report.file ? `: ${report.file}` : ''})`,
      };
    case 'bridge.warned':
      return { level: 'warn', text: report.text };
    case 'bridge.stopping':
      return { level: 'info', text: stopping(report.running) };
    case 'bridge.stopped':
      return { level: 'info', text: 'Stopped.' };
    case 'session.opened':
      return {
        level: 'info',
        text: `connected (${plain(report.revision)})`,
        fields: { revision: report.revision },
      };
    case 'session.changed':
      return {
        level: 'info',
        text: `told that its lists changed (${report.lists.map(listName).join(', ')})`,
      };
    case 'session.closed':
      return { level: 'info', text: 'ended its session' };
    case 'session.dormant':
      return { level: 'info', text: 'idle: its server is stopped, and started again by its next call' };
    case 'backend.started':
      return {
        level: 'debug',
        text: `server started (pid ${report.pid ?? 'none'})`,
        fields: { pid: report.pid },
      };
    case 'backend.ready':
      return {
        level: 'info',
        text: `server ready in ${Math.round(report.ms)} ms (pid ${report.pid})`,
        fields: { pid: report.pid },
      };
    case 'backend.stderr':
      return { level: 'info', text: report.text, fields: { source: 'server' } };
    case 'backend.noise':
      return { level: 'warn', text: `server wrote to stdout what is no JSON-RPC: ${cut(report.text)}` };
    case 'backend.crashed':
      return {
        level: 'warn',
        text: crashed(report.exit),
        fields: { exit: { ...report.exit, tail: undefined } },
      };
    case 'backend.stopped':
      return { level: 'debug', text: 'server stopped' };
    case 'restart.waiting':
      return { level: 'info', text: `server is started again in ${report.ms} ms` };
    case 'restart.halted':
      return { level: 'error', text: halted(report.exit) };
    case 'request.repeated':
      return {
        level: 'info',
        text: `${plain(report.method)} was lost with the server; it is sent to the next one`,
      };
    case 'request.failed':
      return {
        level: 'warn',
        text: plain(`${report.method}: ${report.failure.verdict}: ${report.failure.cause}`),
      };
    case 'message.dropped':
      return { level: 'debug', text: `dropped a message that nobody waits for: ${cut(report.text)}` };
    case 'rollout.began':
      return {
        level: 'info',
        text: report.paths.length > 0 ? `Changed: ${report.paths.join(', ')}` : 'Restarting.',
      };
    case 'build.began':
      return { level: 'info', text: `Building: ${report.command}` };
    case 'build.ended':
      return built(report.result);
    case 'rollout.done':
      return { level: 'info', text: rolledOut(report), fields: { generation: report.generation } };
    case 'rollout.failed':
      return {
        level: 'error',
        text: `The new code does not start (${describeExit(report.exit)}); calls are told so until the next change`,
      };
    case 'rollout.exclusive':
      return {
        level: 'warn',
        text: 'The server can run only once: from now on the old one stops before the new one starts (--replace stop-first)',
      };
    case 'http.failed':
      return { level: 'error', text: `The bridge failed: ${stackOf(report.error)}` };
  }
}

function built({ ok, ms, exitCode, signal, errors }: BuildResult): LogLine {
  const after = `after ${(ms / 1000).toFixed(1)} s`;
  if (ok) return { level: 'info', text: `Built ${after}` };
  return {
    level: 'error',
    text: `Build failed (${signal ?? `exit ${exitCode}`}) ${after}; calls are told so until the next change\n${errors}`,
  };
}

function rolledOut({ generation, ms, sessions }: Extract<Report, { kind: 'rollout.done' }>): string {
  const whom = sessions === 1 ? '1 session' : `${sessions} sessions`;
  return `Generation ${generation} serves after ${Math.round(ms)} ms (${whom})`;
}

function limited({ name, value, command }: Extract<Report, { kind: 'watch.limited' }>): string {
  const fix = command ? ` To raise it: ${command}` : '';
  return `File watching hit the limit of the system (${name}${value === undefined ? '' : ` = ${value}`}). Polling every second instead.${fix}`;
}

function loops({ file, writer }: Extract<Report, { kind: 'watch.loop' }>): string {
  const when = writer === 'server' ? 'right after every start' : 'during every build';
  return `${file} changes ${when}: the ${writer} itself seems to write it. It is ignored from now on (--watch it to force)`;
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

function stopping(running: number): string {
  const calls = running === 1 ? '1 call' : `${running} calls`;
  return running > 0 ? `Stopping; waiting for ${calls} (Ctrl-C again to stop at once).` : 'Stopping.';
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
