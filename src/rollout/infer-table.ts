// What is known of programs: which files they run, which of their words are not the script, which watch by themselves.

/** Files that make a server of this kind, and the folders that its build writes. */
export interface Language {
  readonly extensions: readonly string[];
  readonly output?: readonly string[];
}

// biome-ignore format: a row is read as a row
export const LANGUAGES = {
  rust:       { extensions: ['rs', 'toml'], output: ['target'] },
  go:         { extensions: ['go', 'mod', 'sum', 'work', 'tmpl', 'html', 'sql'] },
  node:       { extensions: ['js', 'mjs', 'cjs', 'json', 'node', 'wasm'] },
  typescript: { extensions: ['ts', 'tsx', 'mts', 'cts', 'js', 'jsx', 'mjs', 'cjs', 'json'] },
  python:     { extensions: ['py', 'pyi', 'toml'] },
  dotnet:     { extensions: ['cs', 'csproj', 'fs', 'fsproj', 'vb', 'vbproj', 'razor', 'json', 'props', 'targets'], output: ['bin', 'obj'] },
  java:       { extensions: ['java', 'kt', 'kts', 'scala', 'groovy', 'gradle', 'xml', 'properties'], output: ['build', 'target', '.gradle'] },
  ruby:       { extensions: ['rb'] },
  php:        { extensions: ['php'] },
  perl:       { extensions: ['pl', 'pm'] },
  lua:        { extensions: ['lua'] },
  r:          { extensions: ['R', 'r'] },
} as const satisfies Record<string, Language>;

/** Manifests, and the language that they tell; the first one that a folder has counts. */
export const MANIFESTS: readonly (readonly [name: RegExp, language: Language | undefined])[] = [
  [/^Cargo\.toml$/, LANGUAGES.rust],
  [/^go\.mod$/, LANGUAGES.go],
  [/^package\.json$/, LANGUAGES.typescript],
  [/^pyproject\.toml$/, LANGUAGES.python],
  [/\.csproj$/, LANGUAGES.dotnet],
  [/^(pom\.xml|build\.gradle(\.kts)?)$/, LANGUAGES.java],
  [/^(setup\.(py|cfg)|requirements\.txt)$/, LANGUAGES.python],
  [/^\.git$/, undefined],
];

/** Folders that builds write, by the names they have in most projects. */
export const OUTPUT_FOLDERS = /^(dist|build|out|target|_build|zig-out|cmake-build-.*)$/;

export interface Interpreter {
  readonly programs: RegExp;
  readonly language: Language;
  /** Watched is the folder of the script, or the project that it is in. */
  readonly scope: 'tree' | 'project';
  /** Options whose value is the next word. */
  readonly values?: RegExp;
  /** Words before the script that are none. */
  readonly verbs?: RegExp;
  /** It restarts by itself when it has one of these before the script. */
  readonly watches?: RegExp;
  /** Code in the command line, or a module: there is no script. */
  readonly inline?: RegExp;
  /** It waits for a debugger when it has one of these before the script. */
  readonly debugs?: RegExp;
  /** Its options may stand after what it runs. */
  readonly anywhere?: true;
  /** The option that names the project. */
  readonly project?: readonly string[];
  /** Itself a script that anybody may have one of the name of; looked into where it can be found. */
  readonly isScript?: true;
}

const INSPECT = /^--inspect/;

// biome-ignore format: a row is read as a row
export const INTERPRETERS: readonly Interpreter[] = [
  { programs: /^node(js)?$/, language: LANGUAGES.node, scope: 'tree', watches: /^--watch(-path)?(=|$)/, debugs: INSPECT,
    values: /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions|--env-file|--watch-path|--title)$/,
    inline: /^(-e|--eval|-p|--print|-pe|--test)$/ },
  { programs: /^(tsx|ts-node(-esm|-script|-transpile-only)?|esno|vite-node|jiti|swc-node)$/, language: LANGUAGES.typescript, scope: 'project',
    values: /^(--tsconfig|-P|--project|-r|--require|--import|-C|--conditions|--env-file|-O|--compilerOptions|-c|--config)$/,
    watches: /^(watch|-w|--watch)$/, debugs: INSPECT, inline: /^(-e|--eval|-p|--print)$/ },
  { programs: /^bun$/, language: LANGUAGES.typescript, scope: 'project', verbs: /^run$/, watches: /^--(watch|hot)$/, debugs: INSPECT,
    values: /^(-r|--preload|--env-file|-c|--config|--cwd)$/, inline: /^(-e|--eval)$/ },
  { programs: /^deno$/, language: LANGUAGES.typescript, scope: 'project', verbs: /^(run|serve)$/, watches: /^--watch(-hmr|-exclude)?(=|$)/,
    values: /^(-c|--config|--import-map|--env-file|--cert|-L|--log-level)$/, debugs: INSPECT, inline: /^(eval|task|repl)$/ },
  { programs: /^(python[\d.]*|pypy[\d.]*|py)$/, language: LANGUAGES.python, scope: 'project', values: /^-[XW]$/, inline: /^-(c|m)$/ },
  { programs: /^(fastmcp|mcp|uvicorn|gunicorn|hypercorn|flask|fastapi)$/, language: LANGUAGES.python, scope: 'project', isScript: true, anywhere: true,
    verbs: /^(run|dev)$/, values: /^(-p|--port|-h|--host|--app|--factory|--with|--transport|-t)$/, watches: /^--reload$/ },
  { programs: /^dotnet$/, language: LANGUAGES.dotnet, scope: 'project', verbs: /^run$/, watches: /^watch$/, project: ['-p', '--project'],
    values: /^(-p|--project|-c|--configuration|-f|--framework|-r|--runtime|-lp|--launch-profile|-v|--verbosity)$/ },
  { programs: /^(mvnw?|gradlew?|sbt|jbang)$/, language: LANGUAGES.java, scope: 'project', anywhere: true, watches: /^(-t|--continuous)$/ },
  { programs: /^ruby$/, language: LANGUAGES.ruby, scope: 'tree', values: /^-[rIC]$/, inline: /^-e$/ },
  { programs: /^php[\d.]*$/, language: LANGUAGES.php, scope: 'tree', values: /^-[cd]$/, inline: /^-r$/ },
  { programs: /^perl$/, language: LANGUAGES.perl, scope: 'tree', values: /^-I$/, inline: /^-[eE]$/ },
  { programs: /^lua(jit|[\d.]*)$/, language: LANGUAGES.lua, scope: 'tree', values: /^-l$/, inline: /^-e$/ },
  { programs: /^Rscript$/i, language: LANGUAGES.r, scope: 'tree', inline: /^-e$/ },
];

/** Of these nothing is on this machine, or nothing that changes here. */
export const REMOTE = /^(npx|bunx|pnpx|uvx|pipx|docker|podman|nerdctl|kubectl|ssh|mcp-remote|wsl|flatpak)$/;

/** The same, as words of a program that does other things too. */
export const REMOTE_WORDS = /^((npm|pnpm|yarn|bun) (exec|x|dlx|create)|uv tool|gh) /;

/** Their scripts start something else, most likely of the same project. */
export const SHELLS = /^(sh|bash|zsh|dash|ksh|ash)$/;

/** Programs that run another one again at every change. */
export const WATCHERS =
  /^(nodemon|node-dev|ts-node-dev|tsnd|tsc-watch|cargo-watch|bacon|air|watchexec|entr|reflex|gow|wgo|modd|watchfiles|watchmedo|hupper|jurigged|rerun|guard|onchange|chokidar|mcpmon|reloaderoo|mcp-hot-reload)$/;

/** The same, as a word after the program: `cargo watch`, `python -m watchfiles`. */
export const WATCHING_WORDS =
  /^(cargo|npm|pnpm|yarn|hatch|flutter|zig|mix) watch\b|^python[\d.]* -m (watchfiles|watchdog|hupper|jurigged)\b/;

export const DEBUGGERS = /^(debugpy|dlv|gdb|gdbserver|lldb|lldb-server|rdbg|rr)$/;
export const DEBUGGING_WORDS =
  /^python[\d.]* (\S+ )*-m (debugpy|pdb|ipdb)\b|^java .*(-agentlib:jdwp|-Xrunjdwp)/;

/** What node loads to run TypeScript as it is. */
export const TYPESCRIPT_LOADERS = /^(tsx|ts-node|@swc-node\/|esbuild-register|jiti|@oxc-node\/)/;
export const TYPESCRIPT_FILES = /\.[cm]?tsx?$/;

/** The interpreter of that name, if it is one. */
export function interpreterOf(program: string): Interpreter | undefined {
  return INTERPRETERS.find(({ programs }) => programs.test(program));
}

/** "node" of "/usr/bin/node", "npx" of "npx.cmd". */
export function programOf(word = ''): string {
  const name = word.split(/[/\\]/).at(-1) ?? '';
  return name.replace(/\.(exe|cmd|bat)$/i, '');
}
