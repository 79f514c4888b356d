// A bridge that is ended without a word, and a server that is: whatever they had started is ended all the same.
import { describe, expect, it } from 'vitest';
import { type BridgePlan, type BridgeProcess, fixture, startBridge } from '../helpers/bridge.js';
import { connectV1, connectV2 } from '../helpers/client.js';
import { makePlace, type Place } from '../helpers/place.js';
import { findProcess, isAlive, type Process, untilGone } from '../helpers/processes.js';
import { call, makeClient, type RawClient, textOf } from '../helpers/raw-http.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

/** Nothing outlives the bridge by more (ms). */
const PROMISED = 3_000;

const STUBBORN = fixture('stubborn');
/** As npx runs a server: below a shell that waits for it. */
const BELOW_A_SHELL = ['sh', '-c', `${fixture('grandchild').join(' ')}; true`];

/** Ends the bridge, and waits until all of `processes` and its watchdog are gone; within the time that is promised. */
async function endsAll(bridge: BridgeProcess, processes: readonly Process[], end: () => void): Promise<void> {
  const { watchdog } = bridge;
  expect(watchdog).toBeDefined();
  expect(processes.map(isAlive)).not.toContain(false);
  const ended = performance.now();
  end();
  await untilGone([...processes, ...(watchdog ? [watchdog] : [])], 'all that the bridge started');
  expect(performance.now() - ended).toBeLessThan(PROMISED);
  await bridge.exited;
}

describe.skipIf(process.platform !== 'linux')('a bridge that is killed', () => {
  it.each([
    ['a server that would end by itself', fixture('echo'), 1, 'server ready'],
    ['a server that ignores SIGTERM and the end of stdin', STUBBORN, 1, 'ignoring SIGTERM'],
    ['a server below a shell, with a child that ignores SIGTERM', BELOW_A_SHELL, 3, 'is up'],
  ])('leaves nothing of %s [cli.stop supervise.tree]', async (_, server, size, said) => {
    await using bridge = await startBridge({ server });
    await using _client = await connectV1(bridge.url);
    await bridge.untilSaid(said);
    const tree = bridge.look();
    expect(tree).toHaveLength(size);
    await endsAll(bridge, tree, () => bridge.kill());
  });

  it('leaves nothing of the servers of several sessions [cli.stop]', async () => {
    await using bridge = await startBridge({ server: STUBBORN });
    await using _one = await connectV1(bridge.url);
    await using _two = await connectV2(bridge.url);
    await using _three = await connectV2(bridge.url);
    expect(bridge.look()).toHaveLength(3);
    await endsAll(bridge, bridge.look(), () => bridge.kill());
  });

  it('leaves nothing of a server that is being ended [cli.stop]', async () => {
    await using bridge = await startBridge({ server: STUBBORN, options: ['--kill-timeout', '1h'] });
    await using client = await connectV1(bridge.url);
    const tree = bridge.look();
    await client.terminate();
    await bridge.untilSaid('ignored SIGTERM');
    await endsAll(bridge, tree, () => bridge.kill());
  });

  it('leaves nothing of a running build [cli.stop]', async () => {
    await using bridge = await startBuilding('trap "" TERM; sleep 60; true');
    const tree = await until(() => atLeast(2, bridge.look()), 'the build');
    await endsAll(bridge, tree, () => bridge.kill());
  });

  it('leaves nothing when it is aborted, as for want of memory [cli.stop]', async () => {
    await using bridge = await startBridge({ server: STUBBORN });
    await using _client = await connectV1(bridge.url);
    await endsAll(bridge, bridge.look(), () => bridge.kill('SIGABRT'));
  });

  it('leaves nothing when its whole group is killed with it [cli.stop]', async () => {
    await using bridge = await startBridge({ server: STUBBORN, leads: true });
    await using _client = await connectV1(bridge.url);
    await endsAll(bridge, bridge.look(), () => bridge.killGroup());
  });

  it('leaves nothing though the watchdog was killed before, if anything was started since [cli.stop]', async () => {
    await using bridge = await startBridge({ server: STUBBORN });
    await using _one = await connectV1(bridge.url);
    const first = await watchdogOf(bridge);
    process.kill(first.pid, 'SIGKILL');
    await untilGone([first], 'the first watchdog');
    // The bridge has to hear of it first.
    await until(async () => bridge.watchdog ?? void (await connectV1(bridge.url)), 'the second watchdog');
    await endsAll(bridge, bridge.look(), () => bridge.kill());
  });

  it('is let go by its watchdog: its port is free, and its stderr ends [cli.stop]', async () => {
    await using bridge = await startBridge({ server: STUBBORN });
    await using _client = await connectV1(bridge.url);
    const watchdog = await watchdogOf(bridge);
    bridge.kill();
    await bridge.exited;
    await expect(fetch(bridge.url)).rejects.toThrow();
    expect(isAlive(watchdog)).toBe(true);
    await untilGone([watchdog], 'the watchdog');
  });
});

describe.skipIf(process.platform !== 'linux')('a watchdog', () => {
  it('is not there before there is anything to watch', async () => {
    await using bridge = await startBridge();
    await bridge.health();
    expect(bridge.watchdog).toBeUndefined();
    await using _client = await connectV1(bridge.url);
    expect(bridge.watchdog).toBeDefined();
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'hears no signal to the group of the bridge, and is gone after a stop by %s [cli.stop]',
    async (signal) => {
      await using bridge = await startBridge({ leads: true });
      await using client = await connectV1(bridge.url);
      const watchdog = await watchdogOf(bridge);
      process.kill(watchdog.pid, signal);
      await client.ping();
      expect(isAlive(watchdog)).toBe(true);
      process.kill(-bridge.pid, signal);
      expect(await bridge.exited).toEqual({ code: 0, signal: null });
      await untilGone([watchdog], 'the watchdog');
    },
  );
});

describe.skipIf(process.platform !== 'linux')('a server that is killed', () => {
  it('leaves no child, in its group or in a session of its own, and is followed [supervise.tree]', async () => {
    await using bridge = await startBridge({
      server: fixture('grandchild', '--setsid'),
      options: ['--kill-timeout', '100ms'],
    });
    await using client = await connectV2(bridge.url);
    const [leader = 0, ...children]: number[] = JSON.parse(await client.call('pids'));
    const tree = children.flatMap((pid) => findProcess(pid) ?? []);
    expect(tree).toHaveLength(2);
    process.kill(leader, 'SIGKILL');
    await bridge.untilSaid('server ended (SIGKILL)');
    await untilGone(tree, 'its children');
    const [next] = JSON.parse(await client.call('pids'));
    expect(next).not.toBe(leader);
  });
});

describe.skipIf(process.platform !== 'linux')('what an earlier bridge left behind', () => {
  const LEFT = 'that an earlier bridge left behind';

  it.each([
    ['', []],
    [', and before the first build', ['--watch', 'package.json', '--build', 'true']],
  ])(
    'is ended before a server is started%s, while requests are served [http.never-absent]',
    async (_, options) => {
      const place = await makePlace({ server: STUBBORN, options });
      using client = makeClient(`http://127.0.0.1:${place.port}/mcp`);
      const orphan = await leaveOrphan(place, client);
      await using second = await place.start();
      expect((await second.health()).sessions.total).toBe(1);
      const reply = await client.post(call(2, 'count'));
      expect(isAlive(orphan)).toBe(true);
      expect(reply).toMatchObject({ status: 200, type: 'text/event-stream' });
      expect(textOf(await reply.answer())).toBe('1');
      expect(isAlive(orphan)).toBe(false);
      const steps = [LEFT, 'Building', 'server started'];
      expect(stepsOf(second, steps)).toEqual(
        steps.filter((step) => step !== 'Building' || options.length > 0),
      );
    },
  );

  it('is ended before a change is taken up that comes meanwhile [watch.settle]', async () => {
    const folder = makeTempFolder({ 'a.txt': 'one' });
    const place = await makePlace({ server: STUBBORN, options: ['--watch', folder.at('a.txt')] });
    using client = makeClient(`http://127.0.0.1:${place.port}/mcp`);
    const orphan = await leaveOrphan(place, client);
    await using second = await place.start();
    const reply = await client.post(call(2, 'count'));
    await second.untilSaid('Watching');
    expect(isAlive(orphan)).toBe(true);
    folder.write('a.txt', 'two');
    expect(textOf(await reply.answer())).toBe('1');
    await until(async () => (await second.health()).backend.generation === 2, 'the new code');
    const [first] = stepsOf(second, [LEFT, 'server started', 'Changed']);
    expect(first).toBe(LEFT);
  });
});

/** Runs a bridge with a session of this client, and kills it so that its server stays. */
async function leaveOrphan(place: Place, client: RawClient): Promise<Process> {
  const bridge = await place.start();
  await client.initialize();
  await client.ask(call(1, 'count'));
  const [orphan] = bridge.look();
  process.kill((await watchdogOf(bridge)).pid, 'SIGKILL');
  bridge.kill();
  await bridge.exited;
  return orphan ?? expect.unreachable();
}

/** Which of these words its log has, in its order. */
function stepsOf({ lines }: BridgeProcess, words: readonly string[]): string[] {
  return lines.flatMap(({ msg }) => words.filter((word) => msg.includes(word)));
}

function atLeast(size: number, processes: readonly Process[]): readonly Process[] | undefined {
  return processes.length >= size ? processes : undefined;
}

function watchdogOf(bridge: BridgeProcess): Promise<Process> {
  return until(() => bridge.watchdog, 'the watchdog');
}

/** A bridge whose first build runs. */
async function startBuilding(build: string): Promise<BridgeProcess> {
  const folder = makeTempFolder({ 'src/server.js': '' });
  const plan: BridgePlan = {
    cwd: folder.path,
    options: ['--watch', 'src', '--build', build],
    server: [process.execPath, 'src/server.js'],
  };
  const bridge = await startBridge(plan);
  await bridge.untilSaid('Building');
  return bridge;
}
