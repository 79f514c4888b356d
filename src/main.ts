// The front door: words → command; signals → stop; the exit code.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { Bridge } from './bridge.js';
import { parseArgv } from './commands/argv.js';
import { run } from './commands/run.js';
import { BridgeError } from './errors.js';
import { watchKeys } from './watch/keys.js';

/** Ctrl-C waits so long for calls in flight (ms); SIGTERM and SIGHUP wait for the drain timeout. */
const INTERRUPT_DRAIN = 2_000;

/** Runs the program; it ends the process when it is done. */
export async function main(argv: readonly string[]): Promise<void> {
  // A bridge keeps a message for a moment only: a young generation that does not grow holds it as well, at the same
  // speed, in two thirds of the memory (npm run bench).
  setFlagsFromString('--semi-space-growth-factor=1');
  const version = readVersion();
  const parsed = parseArgv(argv, process.env, version);
  if (parsed.kind === 'text') return end(process.stdout, parsed.text, 0);
  if (parsed.kind === 'wrong') return end(process.stderr, `${parsed.message}\n`, 2);
  // From the first moment: who stops a bridge that has just been started means it.
  const stop = stopOnSignals(parsed.options.drainTimeout);
  try {
    stop.bridge = await run({ ...parsed, version, env: process.env, folder: startFolder() });
    readKeys(stop.bridge);
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    end(process.stderr, `${error.message}\n`, error.exitCode);
  }
}

/** Throws a BridgeError where the folder has been removed. */
function startFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new BridgeError(
      'The folder that this was started in is gone. Start mcp-bridge in one that is there.',
      2,
    );
  }
}

/** Stands beside bin/ and dist/. */
function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest && 'version' in manifest ? String(manifest.version) : '';
}

function end(stream: NodeJS.WriteStream, text: string, code: number): void {
  stream.write(text, () => process.exit(code));
}

/** The first signal stops, the second hastens, the third ends at once; however the process ends, no backend stays. */
function stopOnSignals(drainTimeout: number): { bridge?: Bridge } {
  const running: { bridge?: Bridge } = {};
  let signals = 0;
  const onSignal = (drain: number) => () => {
    signals += 1;
    const { bridge } = running;
    if (!bridge || signals > 2) process.exit(0);
    if (signals === 2) return bridge.hasten();
    void bridge.close(drain).then(() => process.exit(0));
  };
  process.on('SIGINT', onSignal(Math.min(INTERRUPT_DRAIN, drainTimeout)));
  process.on('SIGTERM', onSignal(drainTimeout));
  process.on('SIGHUP', onSignal(drainTimeout));
  process.on('exit', () => running.bridge?.kill());
  return running;
}

function readKeys(bridge: Bridge): void {
  const keys = watchKeys(process.stdin, {
    restart: () => bridge.restart(),
    pause: () => bridge.pause(),
    quit: () => process.kill(process.pid, 'SIGINT'),
    signal: (name) => process.kill(process.pid, name),
  });
  process.on('exit', () => keys.close());
}
