// What was inferred, in one line for people.
import path from 'node:path';

const MOST_PATHS = 4;
const MOST_EXTENSIONS = 3;
const LONGEST_COMMAND = 80;

export interface Told {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly extensions?: readonly string[] | undefined;
  readonly build?: string | undefined;
  readonly command: readonly string[];
  readonly cwd: string;
}

/** `watching src/, Cargo.toml (*.rs, *.toml), building with cargo build: from "cargo run"`. */
export function tellLine({ folders, files, extensions = [], build, command, cwd }: Told): string {
  const names = [
    ...folders.map((each) => `${nameOf(each, cwd)}/`),
    ...files.map((each) => nameOf(each, cwd)),
  ];
  const kinds = folders.length > 0 ? extensions.map((extension) => `*.${extension}`) : [];
  const only = kinds.length > 0 ? ` (${someOf(kinds, MOST_EXTENSIONS)})` : '';
  const building = build === undefined ? '' : `, building with ${cut(build)}`;
  return `watching ${someOf(names, MOST_PATHS) || 'nothing'}${only}${building}: from "${cut(command.join(' '))}"`;
}

/** Relative to `cwd` where that is shorter. */
function nameOf(file: string, cwd: string): string {
  const relative = path.relative(cwd, file) || '.';
  return relative.length < file.length ? relative : file;
}

function someOf(names: readonly string[], most: number): string {
  return names.length <= most + 1 ? names.join(', ') : `${names.slice(0, most).join(', ')}, …`;
}

function cut(text: string): string {
  return text.length <= LONGEST_COMMAND ? text : `${text.slice(0, LONGEST_COMMAND)}…`;
}
