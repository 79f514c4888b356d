// Asks cargo what the project is made of that it is to run.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { type CargoFacts, readMetadata } from './cargo.js';
import { readCargoRun } from './infer-cargo.js';
import { foldersFrom, isFile, readText } from './infer-disk.js';
import { valuesOf } from './infer-options.js';
import type { Shown } from './infer-shown.js';

type Env = Readonly<Record<string, string | undefined>>;
type Metadata = NonNullable<ReturnType<typeof readMetadata>>;

const CONFIGS = ['.cargo/config.toml', '.cargo/config', 'rust-toolchain.toml', 'rust-toolchain'];
/** So long may cargo take to read all manifests (ms): it may wait for a lock, or for its toolchain to be fetched. */
const DEADLINE = 10_000;
/** So many packages outside of the workspace are followed. */
const MOST_OUTSIDE = 50;

/** Undefined where cargo cannot tell: it is not there, or a manifest is broken. `wide`: folders that are no project. */
export async function askCargo(
  shown: Shown,
  inherited: Env,
  wide: readonly string[],
  deadline = DEADLINE,
): Promise<CargoFacts | undefined> {
  const env = { ...inherited, ...shown.env };
  const ask = askerOf(shown, env, AbortSignal.timeout(deadline));
  const { before, options } = readCargoRun(shown.words);
  const manifest = valuesOf([...before, ...options], '--manifest-path')[0];
  const own = await ask(manifest);
  if (!own) return undefined;
  const configs = foldersFrom(shown.folder).flatMap((folder) =>
    CONFIGS.map((name) => path.join(folder, name)),
  );
  const home = path.join(env.CARGO_HOME ?? path.join(env.HOME ?? '', '.cargo'), 'config.toml');
  const isOfProject = (file: string) =>
    !wide.some((folder) => CONFIGS.some((name) => path.join(folder, name) === file));
  return {
    ...own,
    packages: await withOutside(own, ask),
    configs: configs.filter((file) => isFile(file) && isOfProject(file)),
    hasRunner: hasRunner([...configs, home], env),
  };
}

type Ask = (manifest: string | undefined) => Promise<Metadata | undefined>;

function askerOf({ words, folder }: Shown, env: Env, signal: AbortSignal): Ask {
  const { cargo, before, options } = readCargoRun(words);
  const settings = valuesOf([...before, ...options], '--config').flatMap((value) => ['--config', value]);
  const toolchain = before.filter((word) => word.startsWith('+'));
  return async (manifest) => {
    const of = manifest === undefined ? [] : ['--manifest-path', manifest];
    const args = [...toolchain, 'metadata', '--no-deps', '--format-version', '1', ...of, ...settings];
    const limits = { signal, maxBuffer: 2 ** 26 };
    try {
      signal.throwIfAborted();
      return readMetadata((await promisify(execFile)(cargo, args, { cwd: folder, env, ...limits })).stdout);
    } catch {
      return undefined;
    }
  };
}

/** The packages of the workspace, and those outside of it that they depend on by path. */
async function withOutside({ packages }: Metadata, ask: Ask): Promise<CargoFacts['packages']> {
  const all = [...packages];
  const asked = new Set<string>();
  for (let i = 0; i < all.length; i += 1) {
    for (const folder of all[i]?.dependencies ?? []) {
      if (asked.has(folder) || asked.size >= MOST_OUTSIDE || all.some((each) => each.folder === folder))
        continue;
      asked.add(folder);
      const outside = await ask(path.join(folder, 'Cargo.toml'));
      all.push(
        ...(outside?.packages ?? []).filter((each) => !all.some((known) => known.folder === each.folder)),
      );
    }
  }
  return all;
}

function hasRunner(configs: readonly string[], env: Env): boolean {
  const isSet = Object.keys(env).some((key) => /^CARGO_TARGET_.*_RUNNER$/.test(key));
  return isSet || configs.some((file) => /^[^#\n]*\brunner['"]?\s*=/m.test(readText(file)));
}
