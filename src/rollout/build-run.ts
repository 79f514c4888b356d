// What is run after a build: the command as it was given, or the executable that the build has made.
import type { SpawnSpec } from '../backend/spawn.js';
import type { BuildResult } from './build.js';

export type RunPlan =
  | { readonly kind: 'command' }
  /** The executable that the build tells, with these arguments. */
  | { readonly kind: 'built'; readonly args: readonly string[] };

/** How the server is run, after the build that went well, if there was one. `spec`: as the user gave it. */
export function specAfter(spec: SpawnSpec, run: RunPlan, result: BuildResult | undefined): SpawnSpec {
  if (run.kind === 'command' || result?.executable === undefined) return spec;
  return {
    ...spec,
    command: [result.executable, ...run.args],
    env: { ...spec.env, ...result.env },
    shell: false,
  };
}
