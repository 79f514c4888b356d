// `go run …`: the build that is made of it. Written from the documentation of the go command; not tried with a real one.
import path from 'node:path';
import type { BuildPlan } from './build.js';
import type { RunPlan } from './build-run.js';
import { readOptions } from './infer-options.js';
import type { Shown } from './infer-shown.js';

const VALUES =
  /^--?(C|p|asmflags|buildmode|buildvcs|compiler|covermode|coverpkg|gccgoflags|gcflags|installsuffix|ldflags|mod|modfile|overlay|pgo|pkgdir|tags|toolexec|exec)$/;

/** Builds into `folder`. Undefined where go has to run the program itself, or there is no folder. */
export function planGo(
  { words, env, direct }: Shown,
  folder: string | undefined,
): { build: BuildPlan; run: RunPlan } | undefined {
  const [go = 'go', , ...afterRun] = words;
  const { options, rest } = readOptions(afterRun, VALUES);
  if (!direct || folder === undefined || options.some((word) => /^--?exec(=|$)/.test(word))) return undefined;
  // One package, or the files of one.
  const files = rest.findIndex((word) => !word.endsWith('.go'));
  const count = files < 0 ? rest.length : Math.max(files, 1);
  const executable = path.join(folder, process.platform === 'win32' ? 'server.exe' : 'server');
  // As `go run` does: a folder whose version control cannot be asked builds all the same.
  const stamp = options.some((word) => word.includes('-buildvcs')) ? [] : ['-buildvcs=false'];
  const command = [go, 'build', ...options, ...stamp, '-o', executable, ...rest.slice(0, count)] as const;
  return {
    build: { name: 'go build', command, shell: false, env, executable },
    run: { kind: 'built', args: rest.slice(count) },
  };
}
