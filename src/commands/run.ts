// `mcp-bridge -- <command>`: a bridge in front of one server.
import { statSync } from 'node:fs';
import path from 'node:path';
import { type Bridge, startBridge } from '../bridge.js';
import { type CodePlan, codeOf, lookAt } from '../code.js';
import { BridgeError } from '../errors.js';
import type { ListenPlan } from '../http/endpoint.js';
import type { Options } from '../options.js';
import { projectOf } from '../project.js';
import type { Reporter } from '../report/report.js';
import { type Place, placeOf, rememberedPort } from '../store/folder.js';
import { serverEnv } from './argv.js';
import { findFault } from './find-command.js';
import { handedOver, withoutHandedOver } from './handed-over.js';
import { choosePort, isLoopback } from './port.js';
import { describeHolder } from './port-holder.js';

export interface RunPlan {
  readonly options: Options;
  readonly command: readonly [string, ...string[]];
  readonly warnings: readonly string[];
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the bridge was started. */
  readonly folder: string;
}

/** Starts the bridge and says where it is. Throws a BridgeError if it cannot run. */
export async function run(plan: RunPlan): Promise<Bridge> {
  const { options, command, folder } = plan;
  const env = serverEnv(withoutHandedOver(plan.env), options);
  if (!env.ok) throw new BridgeError(env.message, 2);
  const cwd = path.resolve(folder, options.cwd ?? '.');
  if (!isFolder(cwd)) {
    throw new BridgeError(`--cwd: expected a folder, got ${cwd}, which is none.`, 2);
  }
  const spec = { command, cwd, env: env.value, shell: options.shell };
  const warning = await warningOf({ options, spec });
  const port = choosePort(options, folder, () =>
    options.noPersist ? undefined : rememberedPort(stateOf(plan)),
  );
  const warnings = warning ? [...plan.warnings, warning] : plan.warnings;
  return startBridge({
    options,
    listen: {
      host: options.host,
      ports: port.candidates,
      from: port.from,
      handedOver: handedOverTo(plan),
      describeHolder,
    },
    spec,
    project: projectOf(folder, command),
    folder,
    version: plan.version,
    makeReporter: () => loadReporter(options, plan.env),
    announce: (url, report) => announce(url, report, { ...plan, warnings }),
  });
}

/** What is to be said of a command that cannot be run as it is. Throws a BridgeError if nothing will change that. */
async function warningOf({ options, spec }: CodePlan): Promise<string | undefined> {
  const [command] = spec.command;
  const fault = options.shell ? undefined : findFault({ command, cwd: spec.cwd, env: spec.env });
  if (!fault) return undefined;
  const seen = await lookAt({ spec });
  const { build, watch } = codeOf({ options, spec }, seen);
  // A file that is not there yet is what the build makes that the user has named.
  if (options.build && build && /[/\\]/.test(command) && !seen.found[command]) return undefined;
  if (watch.length === 0) throw new BridgeError(fault, 2);
  return `${fault} Waiting for a change.`;
}

function isFolder(file: string): boolean {
  try {
    return statSync(file).isDirectory();
  } catch {
    return false;
  }
}

/** A socket that a service manager has handed over, if it has. */
function handedOverTo({ env, options }: RunPlan): ListenPlan['handedOver'] {
  const descriptor = handedOver(env, process.pid);
  const allows = (host: string) => isLoopback(host) || options.token !== undefined;
  return descriptor === undefined ? undefined : { descriptor, allows };
}

/** Where the state of this folder is. */
function stateOf({ options, folder }: RunPlan): Place {
  return placeOf(folder, options.stateDir && path.resolve(folder, options.stateDir));
}

function announce(url: string, report: Reporter, { command, folder, warnings }: RunPlan): void {
  report({ kind: 'bridge.listening', url, command: command.join(' ') });
  report({
    kind: 'bridge.offered',
    register: `claude mcp add --transport http ${serverName(folder)} ${url}`,
  });
  for (const text of warnings) report({ kind: 'bridge.warned', text });
}

/** What the user would call the server: the folder's name, in letters that every client takes. */
function serverName(folder: string): string {
  return path.basename(folder).replace(/[^\w-]+/g, '-') || 'dev';
}

/** Loaded only when the bridge listens: pino is a third of what there is to load. */
async function loadReporter(options: Options, env: RunPlan['env']): Promise<Reporter> {
  const { makeReporter } = await import('../report/log.js');
  const isTty = process.stderr.isTTY === true;
  return makeReporter({ options, isTty, colorize: isTty && !env.NO_COLOR });
}
