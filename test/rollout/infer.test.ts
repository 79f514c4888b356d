// What follows from a command line, row by row. Pure: the disk is made up.
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type InferOptions, infer } from '../../src/rollout/infer.js';
import type { Found, Look } from '../../src/rollout/infer-look.js';

const HOME = '/projects';
const APP = `${HOME}/app`;

interface Ground extends Partial<Omit<Look, 'found'>> {
  readonly found?: Readonly<Record<string, Partial<Found>>>;
}

/** A project in /projects/app with a package.json, unless `ground` says otherwise. */
function lookAt({ found = {}, ...ground }: Ground = {}): Look {
  const files = Object.entries(found).map(([word, each]) => [
    word,
    { path: path.resolve(ground.cwd ?? APP, word), kind: 'file', ...each } satisfies Found,
  ]);
  return {
    cwd: APP,
    wide: ['/', '/home', HOME, '/tmp'],
    project: APP,
    files: ['package.json'],
    found: Object.fromEntries(files),
    node: '/usr/bin/node',
    ...ground,
  };
}

function inferFrom(line: string, ground: Ground = {}, options: InferOptions = {}) {
  const words = line.split(' ');
  const scripts = words.filter((word) => /\.[a-z]+$/i.test(word) && !word.startsWith('-'));
  const found = Object.fromEntries(scripts.map((word) => [word, {}]));
  return infer(words, lookAt({ ...ground, found: { ...found, ...ground.found } }), options);
}

/** Relative to the project, folders as they are. */
function watchOf(line: string, ground: Ground = {}, options: InferOptions = {}): string[] {
  return inferFrom(line, ground, options).watch.map((each) => path.relative(APP, each) || '.');
}

const TS = ['ts', 'tsx', 'mts', 'cts', 'js', 'jsx', 'mjs', 'cjs', 'json'];
const JS = ['js', 'mjs', 'cjs', 'json', 'node', 'wasm'];
/** The code of the project that a script in one of its folders may import. */
const AROUND = '**/*.{js,mjs,cjs}';
const PY = ['py', 'pyi', 'toml'];
const BIN = { './server': { kind: 'program' } } as const;

describe('what is watched [watch.infer]', () => {
  test.each<[line: string, watch: string[], extensions: string[] | undefined, ground?: Ground]>([
    // node: the script's folder, and the manifest beside it
    ['node dist/server.js', ['dist', 'package.json'], JS],
    ['node server.js --watch --inspect', ['.'], JS],
    [
      '/usr/bin/node src/a.js',
      ['src', 'package.json', AROUND],
      JS,
      { found: { '/usr/bin/node': { kind: 'program' } } },
    ],
    ['node -r dotenv/config --env-file .env lib/a.mjs x.json', ['lib', 'package.json', AROUND], JS],
    ['node bin/cli.js', ['.'], JS],
    ['node dist/not-there-yet', ['dist', 'package.json', 'dist/not-there-yet'], JS],
    ['node -e 1+1', ['.'], JS],
    ['node .', ['.'], JS, { found: { '.': { kind: 'folder' } } }],
    // TypeScript as it is: the whole project
    ['tsx src/server.ts', ['.'], TS],
    ['npx -y tsx@4 src/server.ts', ['.'], TS],
    [
      './node_modules/.bin/tsx src/server.ts',
      ['.'],
      TS,
      { found: { './node_modules/.bin/tsx': { kind: 'script' } } },
    ],
    ['node --import tsx src/server.ts', ['.'], TS],
    ['node --import=tsx src/server.js', ['.'], TS],
    ['node src/server.ts', ['.'], TS],
    ['ts-node --project tsconfig.json src/server.ts', ['.'], TS],
    ['bun src/server.ts', ['.'], TS],
    ['bun run src/server.ts', ['.'], TS],
    ['deno run -A src/server.ts', ['.'], TS],
    // scripts of package.json
    ['npm run dev', ['.'], TS, { package: { folder: APP, scripts: { dev: 'tsx src/a.ts' } } }],
    ['npm run not-there', ['.'], TS],
    ['pnpm dev', ['.'], TS, { package: { folder: APP, scripts: { dev: 'tsc && node dist/a.js' } } }],
    [
      'yarn start',
      ['dist', 'package.json'],
      JS,
      { package: { folder: APP, scripts: { start: 'node dist/a.js' } } },
    ],
    [
      'npm start',
      ['.'],
      TS,
      { package: { folder: APP, scripts: { prestart: 'tsc', start: 'node dist/a.js' } } },
    ],
    // Python
    ['python server.py', ['.'], PY],
    ['python3.12 -X dev src/server.py', ['.'], PY],
    ['python -m server', ['.'], PY],
    ['uv run server.py', ['.'], PY],
    ['uv --directory /projects/app run --with mcp my-server', ['.'], PY],
    ['uv run --with mcp[cli] mcp run server.py', ['.'], PY],
    ['uv run python -m server', ['.'], PY],
    ['poetry run my-server', ['.'], PY],
    // other languages
    [
      'dotnet run --project src/App',
      ['.'],
      ['cs', 'csproj', 'fs', 'fsproj', 'vb', 'vbproj', 'razor', 'json', 'props', 'targets'],
    ],
    ['dotnet out/App.dll', ['out/App.dll'], undefined],
    ['java -Xmx1g -jar build/a.jar', ['build/a.jar'], undefined],
    ['ruby lib/server.rb', ['lib', 'package.json', '**/*.rb'], ['rb']],
    ['php server.php', ['.'], ['php']],
    [
      './gradlew run',
      ['.'],
      ['java', 'kt', 'kts', 'scala', 'groovy', 'gradle', 'xml', 'properties'],
      { found: { './gradlew': { kind: 'script' } } },
    ],
    ['go run ./cmd/server -v', ['.'], ['go', 'mod', 'sum', 'work', 'tmpl', 'html', 'sql']],
    // files
    ['./server --port 1', ['server'], undefined, { found: BIN }],
    [
      './server',
      ['.', 'server'],
      PY,
      { found: { './server': { kind: 'script', interpreter: ['/usr/bin/env', 'python3'] } } },
    ],
    [
      './cli',
      ['.', 'cli'],
      JS,
      {
        found: { './cli': { kind: 'script', interpreter: ['/usr/bin/env', '-S', 'node', '--no-warnings'] } },
      },
    ],
    [
      './run.sh',
      ['.', 'run.sh'],
      TS,
      { found: { './run.sh': { kind: 'script', interpreter: ['/bin/sh'] } } },
    ],
    ['bash run.sh', ['.', 'run.sh'], TS],
    // nothing that lies here
    ['npx -y @modelcontextprotocol/server-everything', [], undefined],
    ['uvx mcp-server-git', [], undefined],
    ['pipx run mcp-server-git', [], undefined],
    ['docker run -i --rm image', [], undefined],
    ['ssh host mcp-server', [], undefined],
    ['pnpm dlx mcp-server', [], undefined],
    ['deno run -A jsr:@me/server', [], undefined],
    ['go run example.com/me/server@latest', [], undefined],
    // anything else
    ['mcp-thing --config conf.toml', ['conf.toml'], undefined],
    ['mcp-thing serve', ['.'], TS],
    ['mcp-thing serve', [], undefined, { project: undefined, files: [] }],
    ['gdbserver :1 ./server', ['server'], undefined, { found: BIN }],
    // looked through
    ['env A=1 B=2 node src/a.js', ['src', 'package.json', AROUND], JS],
    ['cross-env A=1 tsx src/a.ts', ['.'], TS],
    ['nice -n 5 python server.py', ['.'], PY],
  ])('%s → %j', (line, watch, extensions, ground) => {
    expect(watchOf(line, ground)).toEqual(watch);
    const inference = inferFrom(line, ground);
    expect(inference.extensions && [...inference.extensions]).toEqual(extensions);
    expect(inference).toMatchObject({ run: { kind: 'command' }, build: undefined, watchesItself: false });
  });

  test('sh -c is looked through, with what a shell does to words', () => {
    const words = ['sh', '-c', 'cd sub && exec node "src/a b.js"'];
    const found = { path: `${APP}/sub/src/a b.js`, kind: 'file' } as const;
    const { watch } = infer(words, lookAt({ found: { 'src/a b.js': found } }));
    expect(watch).toEqual([`${APP}/sub/src`, `${APP}/package.json`, `${APP}/${AROUND}`]);
  });

  test('what a compiler writes is not watched where the command compiles first', () => {
    const scripts = { start: 'tsc -p . && node dist/a.js' };
    const ground = { package: { folder: APP, scripts }, outDir: `${APP}/dist` };
    expect(inferFrom('npm start', ground)).toMatchObject({ watch: [APP], never: [`${APP}/dist`] });
  });

  test('the output of tsc is watched where it is what runs', () => {
    expect(inferFrom('node dist/a.js', { outDir: `${APP}/dist` }).never).toEqual([]);
    expect(inferFrom('bun dist/a.js', { outDir: `${APP}/dist` }).never).toEqual([]);
    expect(inferFrom('bun src/a.ts', { outDir: `${APP}/dist` }).never).toEqual([`${APP}/dist`]);
  });

  test('.env of the project is watched with it', () => {
    const ground = { files: ['package.json', '.env'] };
    expect(watchOf('tsx src/a.ts', ground)).toEqual(['.', '.env']);
    expect(watchOf('node src/a.js', ground)).toEqual(['src', 'package.json', '.env', AROUND]);
    expect(watchOf('node a.js', ground)).toEqual(['.', '.env']);
  });

  test.each<[line: string, ground: Ground, watch: string[]]>([
    [
      'node packages/a/src/a.js',
      { project: `${APP}/packages/a` },
      ['packages/a/src', 'packages/a/package.json', `packages/a/${AROUND}`],
    ],
    ['node server.js', {}, ['.']],
    ['node src/a.js', { project: undefined, files: [] }, ['src']],
    ['node src/a.js', { project: HOME }, ['src']],
    ['node src/a.js', { cwd: `${APP}/part` }, ['part/src', 'package.json']],
    [
      'node /opt/server/src/a.js',
      { project: '/opt/server' },
      ['../../opt/server/src', '../../opt/server/package.json'],
    ],
    ['node app/build/main.js', {}, ['app/build', 'package.json']],
    ['node js/main.js', { outDir: `${APP}/js` }, ['js', 'package.json']],
  ])(
    'the code around a script counts in its project, where the command runs: %s in %j',
    (line, ground, watch) => {
      expect(watchOf(line, ground)).toEqual(watch);
    },
  );

  const SHEBANG = { kind: 'script', interpreter: ['/usr/bin/env', 'node'] } as const;
  test.each<[line: string, found: NonNullable<Ground['found']>, named: string, files?: string[]]>([
    ['node server.js', {}, 'server.js'],
    ['node server.test.js', {}, 'server.test.js'],
    ['node bin/cli', { 'bin/cli': {} }, 'bin/cli'],
    ['./bin/cli', { './bin/cli': SHEBANG }, 'bin/cli'],
    ['./cli', { './cli': SHEBANG }, 'cli'],
    ['python3 srv', { srv: {} }, 'srv', ['pyproject.toml']],
    ['./srv', { './srv': { kind: 'script', interpreter: ['/usr/bin/python3'] } }, 'srv', ['pyproject.toml']],
    ['./run.sh', { './run.sh': { kind: 'script', interpreter: ['/bin/sh'] } }, 'run.sh'],
    ['sh run.sh', {}, 'run.sh'],
    ['bash -eu -o pipefail bin/run.sh x.js', {}, 'bin/run.sh'],
    ['tsx src/a.ts', {}, 'src/a.ts'],
    ['ruby lib/server', { 'lib/server': {} }, 'lib/server'],
  ])(
    'the script that the command names is watched by name, whatever it is called: %s',
    (line, found, named, files = ['package.json']) => {
      const inference = inferFrom(line, { found, files });
      expect([...inference.watch, ...inference.named]).toContain(`${APP}/${named}`);
    },
  );

  test('of a file whose bytes are run the bytes count', () => {
    expect(inferFrom('./server', { found: BIN }).executables).toEqual([`${APP}/server`]);
    expect(inferFrom('java -jar a.jar').executables).toEqual([`${APP}/a.jar`]);
    expect(inferFrom('python server.py').executables).toEqual([]);
  });

  test('only of the command itself the permission to execute is asked', () => {
    const found: Ground['found'] = { 'App.exe': { kind: 'program', path: `${APP}/App.exe` } };
    expect(inferFrom('./server', { found: BIN }).commands).toEqual([`${APP}/server`]);
    for (const line of ['java -jar a.jar', 'dotnet a.dll', 'mono App.exe']) {
      const { executables, commands } = inferFrom(line, { found });
      expect({ line, executables, commands }).toMatchObject({
        executables: [expect.any(String)],
        commands: [],
      });
    }
  });

  test.each<[line: string, ground: Ground, watch: string[]]>([
    ['python server.py', { cwd: HOME, project: HOME }, [`${HOME}/server.py`]],
    ['node server.js', { cwd: HOME, project: undefined, files: [] }, [`${HOME}/server.js`]],
    ['node /server.js', { cwd: '/', project: undefined, files: [] }, ['/server.js']],
    ['tsx x/server.ts', { cwd: HOME, project: HOME }, [`${HOME}/x`]],
    ['python -m server', { cwd: HOME, project: HOME }, []],
    ['mcp-thing', { cwd: '/', project: '/' }, []],
  ])('nothing as wide as a home folder: %s in %j', (line, ground, watch) => {
    expect(inferFrom(line, ground).watch).toEqual(watch);
  });
});

describe('what restarts by itself', () => {
  test.each([
    'tsx watch src/a.ts',
    'npx tsx watch src/a.ts',
    'tsx --watch src/a.ts',
    'node --watch src/a.js',
    'node --watch-path=src src/a.js',
    'nodemon src/a.js',
    'npx nodemon --exec tsx src/a.ts',
    'cargo watch -x run',
    'cargo-watch -x run',
    'air',
    'watchexec -r -- cargo run',
    'bun --watch src/a.ts',
    'bun run --hot src/a.ts',
    'deno run --watch src/a.ts',
    'dotnet watch run',
    'python -m watchfiles server.main',
    'uv run uvicorn app:main --reload',
    'env A=1 nodemon a.js',
  ])('%s', (line) => {
    const inference = inferFrom(line);
    expect(inference).toMatchObject({ watchesItself: true, watch: [], run: { kind: 'command' } });
    expect(inference.from).toBe(`watching nothing: from "${line}", which watches by itself`);
  });

  test('in a script of package.json, and in a pipe', () => {
    const scripts = { dev: 'nodemon --exec tsx a.ts', pipe: 'ls src | entr -r node a.js' };
    const ground = { package: { folder: APP, scripts } };
    expect(inferFrom('npm run dev', ground).watchesItself).toBe(true);
    expect(inferFrom('npm run pipe', ground).watchesItself).toBe(true);
  });

  test.each([
    'node src/a.js --watch',
    'tsx src/a.ts watch',
    'python server.py --reload',
    'cargo run -- watch',
  ])("%s: that word is the server's own", (line) => expect(inferFrom(line).watchesItself).toBe(false));
});

describe('debuggers [cli.debug]', () => {
  test.each([
    'node --inspect src/a.js',
    'node --inspect-brk=9230 src/a.js',
    'tsx --inspect src/a.ts',
    'env NODE_OPTIONS=--inspect node a.js',
    'python -m debugpy --listen 5678 server.py',
    'python -X dev -m debugpy --listen 5678 server.py',
    'dlv debug . --headless',
    'gdbserver :1234 ./server',
    'lldb-server gdbserver :1 -- ./server',
    'java -agentlib:jdwp=transport=dt_socket -jar a.jar',
    'npm run debug',
  ])('%s', (line) => {
    const scripts = { debug: 'node --inspect a.js' };
    expect(inferFrom(line, { package: { folder: APP, scripts } }).debugged).toBe(true);
  });

  test.each(['node src/a.js --inspect', 'cargo run -- --inspect', 'npx @modelcontextprotocol/inspector'])(
    'not %s',
    (line) => expect(inferFrom(line).debugged).toBe(false),
  );
});

describe('--build', () => {
  test('runs through a shell, and the command is run as it is', () => {
    const inference = inferFrom('cargo run -- x', {}, { build: 'make -j2 && strip x' });
    expect(inference.build).toEqual({
      name: 'make -j2 && strip x',
      command: ['make -j2 && strip x'],
      shell: true,
    });
    expect(inference.run).toEqual({ kind: 'command' });
  });

  test('is none where it is empty', () => {
    expect(inferFrom('cargo run', {}, { build: '' })).toMatchObject({
      build: undefined,
      run: { kind: 'command' },
    });
  });

  test.each<[line: string, ground: Ground, expected: object]>([
    [
      'node dist/a.js',
      { outDir: `${APP}/dist` },
      { watch: [APP], extensions: TS, never: [`${APP}/dist`], executables: [] },
    ],
    ['node build/a.js', {}, { watch: [APP], extensions: TS, never: [`${APP}/build`] }],
    ['node bin/a.js', {}, { watch: [APP], never: [] }],
    [
      './out/bin/server',
      { found: { './out/bin/server': { kind: 'program' } }, files: ['.git'] },
      { watch: [APP], extensions: undefined, never: [`${APP}/out`], executables: [`${APP}/out/bin/server`] },
    ],
    [
      './server',
      { found: BIN, files: ['go.mod'] },
      { watch: [APP], never: [`${APP}/server`], executables: [`${APP}/server`] },
    ],
    ['./server', {}, { watch: [APP], never: [`${APP}/server`], executables: [`${APP}/server`] }],
    ['./build/server -v', {}, { watch: [APP], never: [`${APP}/build`], commands: [`${APP}/build/server`] }],
    ['./venv/bin/python -m server', {}, { watch: [APP], never: [], executables: [] }],
    [
      'java -jar target/a.jar',
      { files: ['pom.xml'] },
      { watch: [APP], executables: [`${APP}/target/a.jar`] },
    ],
    ['mcp-thing', { project: undefined, files: [] }, { watch: [APP] }],
    ['docker run -i me/server', {}, { watch: [APP] }],
    ['mcp-thing', { cwd: HOME, project: undefined, files: [] }, { watch: [] }],
  ])('watches the sources, not what it makes: %s', (line, ground, expected) => {
    expect(inferFrom(line, ground, { build: 'make' })).toMatchObject(expected);
  });
});

describe('the line and the hint', () => {
  test.each<[line: string, ground: Ground, from: string]>([
    [
      'node src/a.js',
      {},
      'watching src/, package.json, **/*.{js,mjs,cjs} (*.js, *.mjs, *.cjs, …): from "node src/a.js"',
    ],
    ['./server', { found: BIN }, 'watching server: from "./server"'],
    ['python a.py', {}, 'watching ./ (*.py, *.pyi, *.toml): from "python a.py"'],
    ['docker run x', {}, 'watching nothing: from "docker run x"'],
    [
      './cli',
      { found: { './cli': { kind: 'script', interpreter: ['node'] } } },
      'watching ./, cli (*.js, *.mjs, *.cjs, …): from "./cli"',
    ],
    ['mcp-thing', { files: ['.git'] }, 'watching ./: from "mcp-thing"'],
    [
      'python /srv/x/a.py',
      { project: '/srv/x' },
      'watching /srv/x/ (*.py, *.pyi, *.toml): from "python /srv/x/a.py"',
    ],
  ])('%s', (line, ground, from) => {
    expect(inferFrom(line, ground).from).toBe(from);
  });

  test('names the build', () => {
    expect(inferFrom('python a.py', {}, { build: 'make' }).from).toContain(
      ', building with make: from "python a.py"',
    );
  });

  test('a long command is cut', () => {
    expect(inferFrom(`python a.py ${'x'.repeat(200)}`).from.length).toBeLessThan(160);
  });

  test('where nothing is watched, the option that does', () => {
    expect(inferFrom('docker run x').hint).toContain('--watch <path>');
  });

  test.each<[line: string, ground: Ground, build: string]>([
    ['./target/debug/x', { files: ['Cargo.toml'] }, 'cargo build'],
    ['./target/x86_64-apple-darwin/release/x', { files: ['Cargo.toml'] }, 'cargo build --release'],
    ['node dist/a.js', { outDir: `${APP}/dist` }, 'npx tsc'],
    [
      'node dist/a.js',
      { outDir: `${APP}/dist`, package: { folder: APP, scripts: { build: 'x' } } },
      'npm run build',
    ],
  ])('where the output of a build is watched, the build: %s', (line, ground, build) => {
    const found = { [line]: { kind: 'program' } } as const;
    const all = line.startsWith('node') ? ground : { ...ground, found };
    expect(inferFrom(line, all).hint).toBe(
      `To build it at every change of its sources, add --build "${build}".`,
    );
    expect(inferFrom(line, all, { build }).hint).toBeUndefined();
  });

  test('none where there is nothing to say', () => {
    expect(inferFrom('python a.py').hint).toBeUndefined();
    expect(inferFrom('./server', { found: BIN }).hint).toBeUndefined();
  });
});
