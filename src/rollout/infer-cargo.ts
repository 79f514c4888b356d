// `cargo run …`: the build that is made of it, and the sources that it compiles.
import path from 'node:path';
import type { BuildPlan } from './build.js';
import type { RunPlan } from './build-run.js';
import { type CargoFacts, type CargoPackage, makeRecorder } from './cargo.js';
import { valuesOf, type Words } from './infer-options.js';
import type { Shown } from './infer-shown.js';

/** The words of a `cargo run`. */
export interface CargoRun {
  readonly cargo: string;
  /** Options before `run`, the toolchain included. */
  readonly before: Words;
  /** Options of `run`: what is selected and how it is built. */
  readonly options: Words;
  /** For the program that is run. */
  readonly args: Words;
}

const VALUES =
  /^(--bin|--example|-p|--package|-F|--features|-j|--jobs|--profile|--target|--target-dir|--manifest-path|--message-format|--color|--config|-Z|--lockfile-path|-C)$/;

/** Whether words that begin with cargo make it run something. */
export function isCargoRun([, ...words]: Words): boolean {
  const verb = words[readWhile(words, /^[+-]/).length];
  return verb === 'run' || verb === 'r';
}

/** Reads `cargo [options] run [options] [--] [args]`. */
export function readCargoRun([cargo = 'cargo', ...words]: Words): CargoRun {
  const before = readWhile(words, /^[+-]/);
  const afterRun = words.slice(before.length + 1);
  const options = readWhile(afterRun, /^-(?!-$)/);
  const rest = afterRun.slice(options.length);
  return { cargo, before, options, args: rest[0] === '--' ? rest.slice(1) : rest };
}

function readWhile(words: Words, isOption: RegExp): Words {
  let at = 0;
  while (at < words.length && isOption.test(words[at] ?? '')) at += VALUES.test(words[at] ?? '') ? 2 : 1;
  return words.slice(0, at);
}

export interface CargoPlan {
  readonly build: BuildPlan;
  readonly run: RunPlan;
}

/**
 * Builds as `cargo run` does, and runs what that would run.
 *
 * It is `cargo run` that builds, with a runner in place of the program that tells what would be run: so the one binary
 * is chosen, and its environment made, by cargo itself. Where the project has a runner of its own, cargo runs it.
 */
export function planCargo(
  { words, env, direct }: Shown,
  facts: CargoFacts | undefined,
  node: string,
): CargoPlan | undefined {
  if (!direct) return undefined;
  const { cargo, before, options, args } = readCargoRun(words);
  const selection = without(options, '--message-format');
  const name = 'cargo build';
  if (
    facts?.hasRunner ||
    valuesOf([...before, ...options], '--config').some((value) => value.includes('runner'))
  )
    return {
      build: { name, command: [cargo, ...before, 'build', ...selection], shell: false, env },
      run: { kind: 'command' },
    };
  const told = ['--message-format=json-render-diagnostics', '--config', makeRecorder(node)];
  const command = [cargo, ...before, 'run', ...selection, ...told] as const;
  return { build: { name, command, shell: false, env, tells: 'cargo' }, run: { kind: 'built', args } };
}

function without(words: Words, option: string): Words {
  return words.filter((word, i) => !word.startsWith(option) && words[i - 1] !== option);
}

export interface CargoSources {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Folders that cargo writes. */
  readonly never: readonly string[];
}

/** What the selected package is made of. */
export function cargoSources(shown: Shown, facts: CargoFacts | undefined): CargoSources {
  const { before, options } = readCargoRun(shown.words);
  const manifest = path.resolve(
    shown.folder,
    valuesOf([...before, ...options], '--manifest-path')[0] ?? 'Cargo.toml',
  );
  const targets = valuesOf(options, '--target-dir').map((folder) => path.resolve(shown.folder, folder));
  if (!facts) return guess(path.dirname(manifest), targets);
  const packages = closure(selected(facts, options, path.dirname(manifest)), facts);
  const examples = valuesOf(options, '--example');
  const files = packages.flatMap(({ folder, targets }) => [
    ...targets.filter(({ kind }) => kind === 'custom-build').map(({ file }) => file),
    path.join(folder, 'Cargo.toml'),
  ]);
  const ofRoot = ['Cargo.toml', 'Cargo.lock'].map((name) => path.join(facts.root, name));
  return {
    folders: [...new Set(packages.flatMap((each) => foldersOf(each, examples)))],
    files: [...new Set([...files, ...ofRoot, ...facts.configs])],
    never: [facts.target, ...targets],
  };
}

/** Where cargo could not be asked. */
function guess(root: string, targets: readonly string[]): CargoSources {
  const files = ['build.rs', 'Cargo.toml', 'Cargo.lock'].map((name) => path.join(root, name));
  return { folders: [path.join(root, 'src')], files, never: [path.join(root, 'target'), ...targets] };
}

/** The packages that are named, else the one of the manifest, else all. */
function selected({ packages }: CargoFacts, options: Words, folder: string): readonly CargoPackage[] {
  const named = valuesOf(options, '-p', '--package').map((spec) =>
    spec.replace(/^.*[/#](?=[\w-]+(@|$))|@.*$/g, ''),
  );
  const byName = packages.filter(({ name }) => named.includes(name));
  if (byName.length > 0) return byName;
  // Cargo looks for its manifest upwards.
  const here = packages.filter((each) => `${folder}${path.sep}`.startsWith(each.folder + path.sep));
  const [nearest] = here.toSorted((one, other) => other.folder.length - one.folder.length);
  return nearest ? [nearest] : packages;
}

/** With everything that they depend on and that is on this machine by its path. */
function closure(first: readonly CargoPackage[], { packages }: CargoFacts): readonly CargoPackage[] {
  const found = new Set(first);
  for (const each of found) {
    for (const folder of each.dependencies) {
      const dependency = packages.find((one) => one.folder === folder);
      if (dependency) found.add(dependency);
    }
  }
  return [...found];
}

function foldersOf({ folder, targets }: CargoPackage, examples: readonly string[]): string[] {
  const src = path.join(folder, 'src');
  return targets
    .filter(({ kind, name }) => kind !== 'custom-build' && (kind !== 'example' || examples.includes(name)))
    .map(({ file }) => (file.startsWith(src + path.sep) ? src : path.dirname(file)));
}
