// What cargo tells in JSON: what it would run and with which environment, and what a project is made of.
import path from 'node:path';
import { isObject, parseJson } from '../protocol/jsonrpc.js';

/** What `cargo run` would have run. */
export interface CargoTold {
  readonly executable: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
}

const REASON = 'would-run';
const RECORD = `console.log(JSON.stringify({reason:"${REASON}",executable:process.argv[1],env:process.env}))`;

/** The setting that makes cargo tell what it would run, in a line of its own. `node` runs JavaScript. */
export function makeRecorder(node: string): string {
  // JSON's strings are TOML's as well.
  return `target.'cfg(all())'.runner=${JSON.stringify([node, '-e', RECORD, '--'])}`;
}

/** The line on stderr that says that cargo runs the recorder: of no interest to people. */
export function isAboutRecorder(line: string): boolean {
  return line.includes(REASON) && /^\s*Running /.test(line);
}

/** From a line of stdout; undefined where it is about something else. */
export function readTold(line: string): CargoTold | undefined {
  if (!line.includes(REASON)) return undefined;
  const value = parseJson(line);
  if (!isObject(value) || value.reason !== REASON || typeof value.executable !== 'string') return undefined;
  return { executable: value.executable, env: textsOf(value.env) };
}

/** What of a project matters for a build. Paths are absolute. */
export interface CargoFacts {
  readonly root: string;
  readonly target: string;
  readonly packages: readonly CargoPackage[];
  /** Configuration of cargo and of its toolchain that lies in or above the project. */
  readonly configs: readonly string[];
  /** The project has its own way to run what was built, such as an emulator. */
  readonly hasRunner: boolean;
}

export interface CargoPackage {
  readonly name: string;
  readonly folder: string;
  /** What is compiled, without tests and benches. */
  readonly targets: readonly { readonly kind: string; readonly name: string; readonly file: string }[];
  /** Folders of the packages that it depends on by path. */
  readonly dependencies: readonly string[];
}

/** From the output of `cargo metadata --no-deps`; undefined where it is none. */
export function readMetadata(text: string): Pick<CargoFacts, 'root' | 'target' | 'packages'> | undefined {
  const value = parseJson(text);
  if (!isObject(value)) return undefined;
  const { workspace_root: root, target_directory: target, packages } = value;
  if (typeof root !== 'string' || typeof target !== 'string') return undefined;
  return { root, target, packages: objectsOf(packages).map(readPackage) };
}

function readPackage(value: Readonly<Record<string, unknown>>): CargoPackage {
  const targets = objectsOf(value.targets).map((target) => ({
    kind: Array.isArray(target.kind) ? String(target.kind[0]) : '',
    name: String(target.name),
    file: String(target.src_path),
  }));
  return {
    name: String(value.name),
    folder: path.dirname(String(value.manifest_path)),
    targets: targets.filter(({ kind }) => kind !== 'test' && kind !== 'bench'),
    dependencies: objectsOf(value.dependencies).flatMap((each) =>
      typeof each.path === 'string' ? each.path : [],
    ),
  };
}

function objectsOf(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function textsOf(value: unknown): Record<string, string> {
  const pairs = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(pairs.flatMap(([key, text]) => (typeof text === 'string' ? [[key, text]] : [])));
}
