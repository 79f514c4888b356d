// What is never watched below a folder, unless somebody names it. Pure.

/** Where a tree stands, as far as it decides what in it is not watched. */
export interface Ground {
  /** The root of the tree holds a project, not a part of one: `build` in it is what a build made. */
  readonly isProject: boolean;
  /** Test files count: somebody named the tree. */
  readonly tests: boolean;
  /** Logs and databases count: somebody named them by a glob. */
  readonly data: boolean;
  /** `bin` and `obj` are what a build made. */
  readonly dotnet: boolean;
  /** Names that somebody spelled out. */
  readonly named: ReadonlySet<string>;
}

/** Folders that hold what tools made or fetched, wherever they are. */
const TOOLS = new Set(['node_modules', 'bower_components', '__pycache__', 'venv', 'site-packages']);
const TOOLS_LIKE = /\.egg-info$|\.dSYM$/;

/** Folders that mean so only at the top of a project: deeper down they are somebody's source. */
const OUTPUTS = new Set(['target', 'build', 'dist', 'out', 'vendor', 'coverage', 'logs']);
const DOTNET_OUTPUTS = new Set(['bin', 'obj']);

const TEST_FOLDERS = new Set(['__tests__', '__mocks__', '__snapshots__', 'testdata']);
const TOP_TEST_FOLDERS = new Set(['test', 'tests', 'spec', 'e2e', 'benches']);
const TEST_FILE =
  /\.(?:test|spec)\.[^.]+$|_test\.(?:go|py|exs|rb|dart|cc|cpp)$|_spec\.rb$|^test_.*\.py$|^conftest\.py$/;

/** What editors, file managers and tools leave beside a file for a moment. */
const LITTER =
  /~$|^#.*#$|^\.#|^\..*\.sw[a-z]{1,2}$|\.sw[px]$|\.kate-swp$|^4913$|\.tmp$|\.tmp\.\d|___jb_\w+___$|^sed\w{6}$|^\.goutputstream-|^\.nfs|\.(?:pyc|pyo)$|^\.DS_Store$|^(?:Thumbs\.db|desktop\.ini)$/;

const DATA = /\.(?:log|pid)$|\.sqlite\d?(?:-\w+)?$|\.db\d?(?:-\w+)?$|-(?:journal|wal|shm)$|\.lock$/;
const LOCK_FILES =
  /^(?:Cargo|uv|poetry|pdm|Pipfile|Gemfile|yarn|bun|deno|composer|mix|pubspec|flake|Podfile)\.lock$/;

/** Whether the path `below` a tree's root, one name after the other, is never watched. */
export function isNeverWatched(below: readonly string[], isFolder: boolean, ground: Ground): boolean {
  const folders = isFolder ? below : below.slice(0, -1);
  if (folders.some((name, depth) => isClosed(name, depth === 0, ground))) return true;
  const file = isFolder ? undefined : below.at(-1);
  return file !== undefined && !ground.named.has(file) && isPassedOver(file, ground);
}

function isClosed(name: string, isTop: boolean, ground: Ground): boolean {
  if (ground.named.has(name)) return false;
  if (name.startsWith('.') || TOOLS.has(name) || TOOLS_LIKE.test(name)) return true;
  if (!ground.tests && (TEST_FOLDERS.has(name) || (isTop && TOP_TEST_FOLDERS.has(name)))) return true;
  if (!isTop || !ground.isProject) return false;
  return OUTPUTS.has(name) || (ground.dotnet && DOTNET_OUTPUTS.has(name));
}

function isPassedOver(name: string, ground: Ground): boolean {
  if (LITTER.test(name)) return true;
  if (!ground.data && DATA.test(name) && !LOCK_FILES.test(name)) return true;
  return !ground.tests && TEST_FILE.test(name);
}
