// A listening socket that somebody hands over and keeps: the bridge can be replaced, and nobody who connects meanwhile is
// refused.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BIN, fixture, type LogLine } from '../helpers/bridge.js';
import { CLIENTS } from '../helpers/client.js';
import { descendantsOf } from '../helpers/processes.js';
import { call, makeClient, textOf } from '../helpers/raw-http.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const POSIX = process.platform !== 'win32';
const LINUX = process.platform === 'linux';

/** Runs what it reads, and keeps what it was given as descriptor 3. */
const HOLD = 'while read -r line; do eval "$line"; done';

/** A service manager: it has a socket that listens, and starts bridges on it. */
class Manager implements AsyncDisposable {
  readonly port: number;
  readonly lines: LogLine[] = [];
  readonly #shell: ChildProcess;
  readonly #said: string[] = [];

  private constructor(shell: ChildProcess, port: number) {
    this.#shell = shell;
    this.port = port;
    if (shell.stdout) createInterface({ input: shell.stdout }).on('line', (text) => this.#said.push(text));
    if (shell.stderr) createInterface({ input: shell.stderr }).on('line', (text) => this.#take(text));
    onTestFinished(() => this[Symbol.asyncDispose]());
  }

  static async open(host = '127.0.0.1'): Promise<Manager> {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const env = { ...process.env, XDG_STATE_HOME: makeTempFolder().path };
    const shell = spawn('sh', ['-c', HOLD], { stdio: ['pipe', 'pipe', 'pipe', descriptorOf(server)], env });
    await once(shell, 'spawn');
    // It listens on in the shell, which accepts nobody.
    server.close();
    return new Manager(shell, port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  /** Starts a bridge; resolves with its process id. `whose`: whom the socket is said to be for. */
  async start(options: readonly string[] = [], { whose = '$$', redirect = '' } = {}): Promise<number> {
    const words = [...options, '--log-format', 'json', '--', ...fixture('echo')];
    const bridge = [process.execPath, BIN, ...words].map((word) => `"${word}"`).join(' ');
    const script = `echo pid $$; LISTEN_FDS=1 LISTEN_FDNAMES=mcp LISTEN_PID=${whose} exec ${bridge} ${redirect}`;
    const nth = this.#all('pid').length;
    this.#shell.stdin?.write(`(sh -c '${script}'; echo exit $?) &\n`);
    return until(() => this.#all('pid')[nth], 'a bridge');
  }

  /** The next bridge, once it listens; `nth` of all, from 1. */
  async listening(nth: number): Promise<LogLine> {
    return until(() => this.lines.filter(({ url }) => url !== undefined)[nth - 1], `bridge ${nth}`);
  }

  /** The exit code of the bridge that ended as the `nth`, from 1. */
  exited(nth: number): Promise<{ code: number }> {
    return until(() => {
      const code = this.#all('exit')[nth - 1];
      return code === undefined ? undefined : { code };
    }, `the end of bridge ${nth}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const alive = this.#all('pid').length - this.#all('exit').length;
    if (alive > 0) for (const pid of this.#all('pid').slice(-alive)) kill(pid);
    await until(() => this.#all('pid').length === this.#all('exit').length, 'the end of all bridges');
    this.#shell.stdin?.end();
    if (this.#shell.exitCode === null) await once(this.#shell, 'exit');
  }

  #all(word: string): number[] {
    return this.#said.flatMap((line) => (line.startsWith(`${word} `) ? Number(line.split(' ')[1]) : []));
  }

  #take(text: string): void {
    this.lines.push(text.startsWith('{') ? (JSON.parse(text) as LogLine) : { msg: text });
  }
}

/** Node has no public way to it. */
function descriptorOf(server: Server): number {
  return (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended meanwhile.
  }
}

/** What the descriptors of a process refer to. */
function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return [];
    }
  });
}

describe.skipIf(!POSIX)('a socket that is handed over', () => {
  it('is listened on, wherever else the bridge was told to; nothing of that reaches the server [cli.port cli.run]', async () => {
    await using manager = await Manager.open();
    await manager.start(['--port', '9']);
    expect((await manager.listening(1)).url).toBe(manager.url);
    using client = makeClient(manager.url);
    await client.initialize();
    for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'])
      expect(textOf(await client.ask(call(name, 'env', { name })))).toBe(`${name} is not set`);
  });

  it.skipIf(!LINUX)(
    'is nobody else’s: no process that the bridge starts has it [supervise.tree]',
    async () => {
      await using manager = await Manager.open();
      const bridge = await manager.start();
      await manager.listening(1);
      using client = makeClient(manager.url);
      await client.initialize();
      const server = Number(textOf(await client.ask(call(1, 'pid'))));
      const started = descendantsOf(bridge).map(({ pid }) => pid);
      expect(started).toContain(server);
      const socket = readlinkSync(`/proc/${bridge}/fd/3`);
      expect(socket).toMatch(/^socket:/);
      for (const pid of started) expect(descriptorsOf(pid)).not.toContain(socket);
    },
  );

  it('listens on when the bridge has ended: who connects then waits, and the next one answers it [cli.stop http.never-absent session.same-id]', async () => {
    await using manager = await Manager.open();
    kill(await manager.start().then((pid) => manager.listening(1).then(() => pid)));
    expect(await manager.exited(1)).toEqual({ code: 0 });

    using client = makeClient(manager.url);
    const opened = client.initialize();
    await manager.start();
    expect((await opened).result).toBeDefined();
    expect(textOf(await client.ask(call(1, 'count')))).toBe('1');
  });

  it('takes who comes during a stop to the next bridge; a call in flight is answered by the old one [cli.stop http.never-absent session.same-id]', async () => {
    await using manager = await Manager.open();
    const first = await manager.start();
    await manager.listening(1);
    using busy = makeClient(manager.url);
    using other = makeClient(manager.url);
    await busy.initialize();
    await other.initialize();
    const tea = busy.ask(call(1, 'wait', { ms: 1_500, name: 'tea' }));
    await until(() => manager.lines.some(({ msg }) => msg === 'waiting tea'), 'the call');
    kill(first);
    await until(
      () => manager.lines.some(({ msg }) => msg.startsWith('Stopping; waiting for 1 call')),
      'the stop',
    );
    const late = other.ask(call(1, 'count'));
    const winner = await Promise.race([tea.then(() => 'tea'), late.then(() => 'late')]);
    expect(winner).toBe('tea');
    expect(textOf(await tea)).toBe('waited tea');
    expect(await manager.exited(1)).toEqual({ code: 0 });

    await manager.start();
    expect(textOf(await late)).toBe('1');
    expect(textOf(await busy.ask(call(2, 'count')))).toBe('1');
  });

  it.each(CLIENTS)(
    'and a client of %s goes on over a change of the bridge by itself: its stream, its calls, its settings [cli.stop http.resume session.same-id]',
    async (_, connect) => {
      await using manager = await Manager.open();
      const first = await manager.start();
      await manager.listening(1);
      await using client = await connect(manager.url);
      await client.subscribeResource({ uri: 'echo://one' });
      expect(await client.call('count')).toBe('1');
      kill(first);
      await manager.exited(1);
      await manager.start();
      // No word of a restart: the call simply takes longer.
      expect(await client.call('count')).toBe('1');
      expect(await client.call('touch', { uri: 'echo://one' })).toBe('updated');
      await client.untilHeard(({ method }) => method === 'notifications/resources/updated', 'the update');
    },
  );

  it('for somebody else is none of the bridge’s business [cli.port]', async () => {
    await using manager = await Manager.open();
    await manager.start(['--port', '0'], { whose: '1' });
    const { url = '' } = await manager.listening(1);
    expect(url).not.toBe(manager.url);
    using client = makeClient(url);
    await client.initialize();
    expect(textOf(await client.ask(call(1, 'env', { name: 'LISTEN_FDS' })))).toBe('LISTEN_FDS is not set');
  });

  it('that other machines can reach needs a token: without one, exit code 2 [cli.usage http.guard]', async () => {
    await using manager = await Manager.open('0.0.0.0');
    await manager.start();
    expect(await manager.exited(1)).toEqual({ code: 2 });
    expect(manager.lines).toEqual([
      { msg: 'LISTEN_FDS: 0.0.0.0 can be reached by other machines, so --token is needed too.' },
    ]);
    await manager.start(['--token', 'secret']);
    await manager.listening(1);
    using client = makeClient(manager.url);
    expect((await client.get()).status).toBe(401);
  });

  it.each([
    ['a file', '3</dev/null'],
    ['nothing', '3<&-'],
    ['a pipe', '3<&1'],
    ['a folder', '3</'],
  ])('that is %s is said in one line, exit code 1 [cli.port]', async (_, redirect) => {
    await using manager = await Manager.open();
    await manager.start([], { redirect });
    expect(await manager.exited(1)).toEqual({ code: 1 });
    expect(manager.lines).toEqual([
      {
        msg: expect.stringMatching(
          /^LISTEN_FDS: expected descriptor 3 to be a listening TCP socket \(.+\)\. Hand one over, or unset LISTEN_FDS\.$/,
        ),
      },
    ]);
  });
});

it.skipIf(!LINUX)('a bridge of its own port hands that to no process, either [supervise.tree]', async () => {
  await using manager = await Manager.open();
  const bridge = await manager.start(['--port', '0'], { whose: '1' });
  const { url = '' } = await manager.listening(1);
  using client = makeClient(url);
  await client.initialize();
  const inodes = listeningInodes(Number(new URL(url).port));
  expect(inodes).toHaveLength(1);
  for (const { pid } of descendantsOf(bridge))
    expect(descriptorsOf(pid).filter((target) => inodes.some((inode) => target.includes(inode)))).toEqual([]);
});

/** The sockets that listen on a port (proc(5), net/tcp). */
function listeningInodes(port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, local = '', , state, , , , , , inode = '']) =>
      local.endsWith(`:${hex}`) && state === '0A' ? [`[${inode}]`] : [],
    );
}
