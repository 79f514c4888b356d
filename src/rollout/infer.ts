// What to watch, how to build and what to run, from a command line and a look at the project.
import type { BuildPlan } from './build.js';
import type { RunPlan } from './build-run.js';
import { planCargo } from './infer-cargo.js';
import { planGo } from './infer-go.js';
import { isDebugged, watchesItself } from './infer-itself.js';
import { tellLine } from './infer-line.js';
import type { Look } from './infer-look.js';
import type { Words } from './infer-options.js';
import { isBelow, isWithin, type Scope, scopeOf, scopeOfBuilt } from './infer-scope.js';
import type { Shown } from './infer-shown.js';
import { type Target, targetOf, targetOfBuilt } from './infer-target.js';
import { lookThrough } from './infer-words.js';

export interface InferOptions {
  /** `--build`: a command line for the shell in place of the build that is inferred; '' = none. */
  readonly build?: string | undefined;
  /** `--shell`: the command goes through a shell. */
  readonly shell?: boolean;
  /** A folder of the bridge's own for what it has built; without it nothing that needs one is built. */
  readonly artefacts?: string | undefined;
}

export interface Inference {
  /** Files, folders and globs, absolute. */
  readonly watch: readonly string[];
  /** Files in those folders that count whatever they are called, and whatever git ignores: the script. */
  readonly named: readonly string[];
  /** Of the files in folders only those that end so; all of them if there is none. */
  readonly extensions?: readonly string[] | undefined;
  /** Folders and files that builds write. */
  readonly never: readonly string[];
  /** Files whose very bytes are run. */
  readonly executables: readonly string[];
  /** Those of them that are the command itself: they need the permission to execute. */
  readonly commands: readonly string[];
  readonly build?: BuildPlan | undefined;
  readonly run: RunPlan;
  /** One line that says what is watched and built, and from what that follows. */
  readonly from: string;
  /** What the user might do about it. */
  readonly hint?: string | undefined;
  /** The command restarts its server by itself. */
  readonly watchesItself: boolean;
  /** It runs under a debugger, or waits for one. */
  readonly debugged: boolean;
}

interface Plan {
  readonly build?: BuildPlan | undefined;
  readonly run: RunPlan;
}

const AS_GIVEN: RunPlan = { kind: 'command' };

/** What follows from the command. `look`: what was found on the disk for the same command and options. */
export function infer(command: Words, look: Look, options: InferOptions = {}): Inference {
  const shown = lookThrough(command, { cwd: look.cwd, shell: options.shell, from: look.package });
  const debugged = isDebugged(shown);
  if (watchesItself(shown)) return inferNothing(command, look, debugged);
  const target = options.build ? targetOfBuilt(shown, look) : targetOf(shown, look);
  const scope = options.build ? scopeOfBuilt(target, shown, look) : scopeOf(target, shown, look);
  const { build, run } = planOf(target, shown, look, options);
  const { folders, files: all, ...rest } = scope;
  const named = all.filter((file) => isBelow(file, scope));
  const files = all.filter((file) => !named.includes(file));
  return {
    ...rest,
    watch: [...folders, ...files],
    named,
    build,
    run,
    from: tellLine({ ...scope, files, build: build?.name, command, cwd: look.cwd }),
    hint: hintFor(target, scope, look, options),
    watchesItself: false,
    debugged,
  };
}

function inferNothing(command: Words, look: Look, debugged: boolean): Inference {
  const line = tellLine({ folders: [], files: [], command, cwd: look.cwd });
  return {
    ...{ watch: [], named: [], never: [], executables: [], commands: [], run: AS_GIVEN },
    from: `${line}, which watches by itself`,
    hint: 'Each of its own restarts loses what clients have said: leave the watching to mcp-bridge.',
    watchesItself: true,
    debugged,
  };
}

function planOf(target: Target, shown: Shown, look: Look, { build, artefacts }: InferOptions): Plan {
  if (build === '') return { run: AS_GIVEN };
  if (build !== undefined) return { build: { name: build, command: [build], shell: true }, run: AS_GIVEN };
  const plan =
    target.kind === 'cargo'
      ? planCargo(shown, look.cargo, look.node)
      : target.kind === 'go'
        ? planGo(shown, artefacts)
        : undefined;
  return plan ?? { run: AS_GIVEN };
}

function hintFor(
  target: Target,
  { folders, files }: Scope,
  look: Look,
  { build }: InferOptions,
): string | undefined {
  if (folders.length + files.length === 0) return 'To restart it at a change, say of what: --watch <path>.';
  const better = build === undefined ? betterBuild(target, look) : undefined;
  return better && `To build it at every change of its sources, add --build "${better}".`;
}

/** What makes the file that is watched, where that can be told. */
function betterBuild(target: Target, look: Look): string | undefined {
  if (target.kind === 'file' && target.isProgram) {
    const [, profile] = /[/\\]target[/\\](?:[^/\\]+[/\\])?(debug|release)[/\\]/.exec(target.file) ?? [];
    if (profile === undefined || !look.files.includes('Cargo.toml')) return undefined;
    return profile === 'release' ? 'cargo build --release' : 'cargo build';
  }
  const isCompiled =
    target.kind === 'tree' && look.outDir !== undefined && isWithin(target.script, look.outDir);
  if (!isCompiled) return undefined;
  return look.package?.scripts.build === undefined ? 'npx tsc' : 'npm run build';
}
