// Where the state is kept, for whom, and what of it goes again.
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { BridgeError } from '../../src/errors.js';
import {
  makeFolder,
  type Place,
  projectFolder,
  rememberedPort,
  rememberPort,
  stateFolder,
} from '../../src/store/folder.js';
import { takeLock } from '../../src/store/lock.js';
import { openStore } from '../../src/store/open.js';
import { keepFor, pruneOld } from '../../src/store/prune.js';
import { FAULTLESS } from '../helpers/faultless.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

const LINUX: Place = { project: '/projects/my server', env: {}, platform: 'linux', home: '/projects' };
const NAME = 'my server-3c9069ca';
const modeOf = (file: string) => statSync(file).mode & 0o777;
const posix = test.skipIf(process.platform === 'win32');

describe('the state of a project', () => {
  test.each<[string, Partial<Place>, string]>([
    ['on Linux', {}, `/projects/.local/state/mcp-bridge/${NAME}/6272`],
    ['with XDG_STATE_HOME', { env: { XDG_STATE_HOME: '/xdg' } }, `/xdg/mcp-bridge/${NAME}/6272`],
    [
      'with a relative one',
      { env: { XDG_STATE_HOME: 'xdg' } },
      `/projects/.local/state/mcp-bridge/${NAME}/6272`,
    ],
    ['with an empty one', { env: { XDG_STATE_HOME: '' } }, `/projects/.local/state/mcp-bridge/${NAME}/6272`],
    ['on macOS', { platform: 'darwin' }, `/projects/Library/Application Support/mcp-bridge/${NAME}/6272`],
    ['where the user says', { stateDir: '/here' }, '/here'],
  ])('is below the place that the platform has for it: %s', (_, place, folder) => {
    expect(stateFolder({ ...LINUX, ...place, port: 6272 })).toBe(folder);
  });

  test('is below the local application data on Windows', () => {
    const place = { project: 'C:\\code\\mine', platform: 'win32', home: 'C:\\Users\\me', port: 1 } as const;
    const end = /^\\mcp-bridge\\mine-[\da-f]{8}\\1$/;
    const inEnv = stateFolder({ ...place, env: { LOCALAPPDATA: 'D:\\Local' } });
    const atHome = stateFolder({ ...place, env: {} });
    expect(inEnv.replace('D:\\Local', '')).toMatch(end);
    expect(atHome.replace('C:\\Users\\me\\AppData\\Local', '')).toMatch(end);
  });

  test('is apart from that of a project of the same name, and of another port', () => {
    const folders = ['/a/x', '/b/x'].flatMap((project) =>
      [1, 2].map((port) => stateFolder({ ...LINUX, project, port })),
    );
    expect(new Set(folders).size).toBe(4);
  });

  test('has a name that a file can have, whatever that of the project is', () => {
    expect(projectFolder({ ...LINUX, project: '/' })).toMatch(/\/root-[\da-f]{8}$/);
    expect(projectFolder({ ...LINUX, project: `/${'漢'.repeat(85)}` })).toMatch(/\/漢{60}-[\da-f]{8}$/);
  });
});

describe('the port that a project had last', () => {
  const makePlace = () => ({ ...LINUX, env: { XDG_STATE_HOME: makeTempFolder().path } });

  test('is remembered, and the newest one [cli.port]', () => {
    const place = makePlace();
    expect(rememberedPort(place)).toBeUndefined();
    rememberPort(place, 6272);
    rememberPort(place, 80);
    expect(rememberedPort(place)).toBe(80);
    expect(rememberedPort({ ...place, project: '/other' })).toBeUndefined();
  });

  test('is remembered in the folder that the user chose [cli.port]', () => {
    const folder = makeTempFolder();
    rememberPort({ ...LINUX, stateDir: folder.path }, 6272);
    expect(folder.read('port')).toBe('6272\n');
  });

  test.each(['', 'x', '0\n', '65536\n', '1e3\n', '-1\n', '62'])('is none where the file says %j', (text) => {
    const folder = makeTempFolder({ port: text });
    expect(rememberedPort({ ...LINUX, stateDir: folder.path })).toBeUndefined();
  });

  test('is no reason to fail', () => {
    const file = makeTempFolder({ file: '' }).at('file');
    rememberPort({ ...LINUX, stateDir: file }, 6272);
    expect(rememberedPort({ ...LINUX, stateDir: file })).toBeUndefined();
  });
});

describe('a state folder', () => {
  posix('is its user’s alone where the bridge makes it, and stays as it is where not', () => {
    const folder = makeTempFolder();
    makeFolder(folder.at('a/b'));
    expect(modeOf(folder.at('a/b'))).toBe(0o700);
    chmodSync(folder.at('a/b'), 0o755);
    makeFolder(folder.at('a/b'));
    expect(modeOf(folder.at('a/b'))).toBe(0o755);
  });

  test('is opened, closed, and opened again with what was kept [session.same-id]', () => {
    const folder = makeTempFolder().at('state');
    const first = openStore({ folder, project: '/project', ...FAULTLESS });
    first.store.keepNote('a', 'b');
    first.close();
    first.close();
    const second = openStore({ folder, project: '/project', ...FAULTLESS });
    expect([second.folder, second.store.note('a')]).toEqual([folder, 'b']);
    second.close();
    expect(readdirSync(folder)).toEqual(['sessions.log']);
  });

  test('that another bridge has is an error that says which, and what to do', () => {
    const folder = makeTempFolder().path;
    const opened = openStore({ folder, project: '/project', ...FAULTLESS });
    const error = errorOf(() => openStore({ folder, project: '/project', ...FAULTLESS }));
    expect([error.exitCode, error.cause]).toEqual([1, undefined]);
    expect(error.message).toBe(
      `State folder ${folder} is in use by mcp-bridge (process ${process.pid}). Stop it, or choose another with --state-dir.`,
    );
    opened.close();
  });

  describe('that somebody takes away', () => {
    const LOOKED = 5_000;

    function openIn(folder: string) {
      const faults: string[] = [];
      const opened = openStore({
        ...{ folder, project: '/project', onUnreadable: FAULTLESS.onUnreadable },
        onFault: (file, { message }) => faults.push(`${path.basename(file)}: ${message}`),
      });
      onTestFinished(() => opened.close());
      return { opened, faults };
    }

    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test('is made again with all that is in memory, and that is said once [session.same-id]', () => {
      const folder = makeTempFolder().at('state');
      const { opened, faults } = openIn(folder);
      opened.store.keepNote('a', 'b');
      rmSync(folder, { recursive: true });
      vi.advanceTimersByTime(3 * LOOKED);
      expect(readdirSync(folder).sort()).toEqual(['bridge.lock', 'sessions.log']);
      expect(faults).toEqual(['sessions.log: it was removed or cut']);
      opened.close();
      expect(openIn(folder).opened.store.note('a')).toBe('b');
    });

    test('is made again at the latest when it is closed [session.same-id]', () => {
      const folder = makeTempFolder().at('state');
      const { opened } = openIn(folder);
      opened.store.keepNote('a', 'b');
      rmSync(path.join(folder, 'sessions.log'));
      opened.close();
      expect(openIn(folder).opened.store.note('a')).toBe('b');
    });

    test('is made again where a file of it cannot even be looked at [session.same-id]', () => {
      const folder = makeTempFolder().at('state');
      const { opened, faults } = openIn(folder);
      opened.store.keepNote('a', 'b');
      const file = path.join(folder, 'sessions.log');
      rmSync(file);
      symlinkSync('sessions.log', file);
      vi.advanceTimersByTime(2 * LOOKED);
      expect(faults).toEqual([expect.stringMatching(/^sessions.log: ELOOP/)]);
      opened.close();
      expect(openIn(folder).opened.store.note('a')).toBe('b');
    });

    test('is left to the bridge that has made it its own, and that is said', () => {
      const folder = makeTempFolder().at('state');
      const { opened, faults } = openIn(folder);
      rmSync(folder, { recursive: true });
      const other = openIn(folder);
      vi.advanceTimersByTime(2 * LOOKED);
      opened.store.keepNote('a', 'b');
      opened.close();
      expect(faults).toEqual(['state: another bridge has it now']);
      expect([other.faults, readdirSync(folder)]).toEqual([[], ['bridge.lock']]);
    });
  });

  test('that cannot be made is an error that says why, and what to do', () => {
    const folder = makeTempFolder({ file: '' }).at('file/state');
    const error = errorOf(() => openStore({ folder, project: '/project', ...FAULTLESS }));
    expect(error.message).toContain(`State folder ${folder} cannot be used (ENOTDIR).`);
    expect(error.message).toContain('--state-dir');
    expect(error.message).toContain('--no-persist');
    expect([error.exitCode, error.cause]).toEqual([1, expect.any(Error)]);
  });
});

describe('the state of a port that was not used for long', () => {
  const DAY = 24 * 60 * 60 * 1_000;
  const OLD = new Date(1_000_000);
  const NOW = OLD.getTime() + 8 * DAY;

  function makePorts(files: readonly string[]) {
    const folder = makeTempFolder(Object.fromEntries(files.map((file) => [file, ''])));
    for (const file of files) utimesSync(folder.at(file), OLD, OLD);
    return folder;
  }

  test('goes, with all its files; what is in use or newer stays', () => {
    const folder = makePorts([
      '1/sessions.log',
      '1/bridge.lock.x',
      '1/server.old.log',
      '2/events.log',
      '3/events.log',
      'port',
    ]);
    folder.write('2/server.log', 'new');
    takeLock(folder.at('3/bridge.lock'), '/project');
    utimesSync(folder.at('3/bridge.lock'), OLD, OLD);
    expect(pruneOld(folder.path, NOW)).toEqual([folder.at('1')]);
    expect(readdirSync(folder.path).sort()).toEqual(['2', '3', 'port']);
  });

  test('stays for as long as its own bridge keeps sessions; for 7 days where that is not known', () => {
    const folder = makePorts(['1/sessions.log', '2/sessions.log', '3/sessions.log', '4/sessions.log']);
    keepFor(folder.at('1'), 9 * DAY);
    keepFor(folder.at('2'), 1_000);
    folder.write('3/ttl', 'soon');
    for (const port of [1, 2, 3]) utimesSync(folder.at(`${port}/ttl`), OLD, OLD);
    const remaining = () => readdirSync(folder.path).sort();
    pruneOld(folder.path, OLD.getTime() + 500);
    expect(remaining()).toEqual(['1', '2', '3', '4']);
    pruneOld(folder.path, OLD.getTime() + 6 * DAY);
    expect(remaining()).toEqual(['1', '3', '4']);
    pruneOld(folder.path, NOW);
    expect(remaining()).toEqual(['1']);
    pruneOld(folder.path, NOW + 2 * DAY);
    expect(remaining()).toEqual([]);
  });

  test('is not what is not ours', () => {
    const folder = makePorts([
      '1/sessions.log',
      '1/mine.txt',
      'name/sessions.log',
      '123456/sessions.log',
      '7',
    ]);
    mkdirSync(folder.at('2'));
    expect(pruneOld(folder.path, NOW)).toEqual([]);
    expect(pruneOld(folder.at('none'), NOW)).toEqual([]);
    expect(readdirSync(folder.at('1')).sort()).toEqual(['mine.txt', 'sessions.log']);
  });
});

function errorOf(act: () => unknown): BridgeError {
  try {
    act();
  } catch (error) {
    if (error instanceof BridgeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
