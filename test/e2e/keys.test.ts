// The keys of a real terminal, under a shell that has jobs.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { BIN, fixture } from '../helpers/bridge.js';
import { freePort } from '../helpers/free-port.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const SCRIPT = '/usr/bin/script';
const BASH = '/usr/bin/bash';
const hasTerminals = process.platform === 'linux' && existsSync(SCRIPT) && existsSync(BASH);

test.skipIf(!hasTerminals)(
  'a bridge that was put into the background lets the shell read, and in front again reads its keys',
  async () => {
    const words = '"$NODE" "$BIN" --port "$PORT" --no-watch --no-persist';
    const folder = makeTempFolder({
      'bridge.sh': `echo $$ > pid; exec ${words} -- ${fixture('echo').join(' ')}`,
    });
    const port = await freePort();
    const shell = spawn(SCRIPT, ['-qec', `exec ${BASH} --norc --noprofile -i`, '/dev/null'], {
      cwd: folder.path,
      env: { ...process.env, NODE: process.execPath, BIN, PORT: String(port), HISTFILE: '' },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    onTestFinished(() => void shell.kill('SIGKILL'));
    const type = (text: string) => shell.stdin.write(text);
    // A shell makes a file before it writes it.
    const said = (file: string) => existsSync(folder.at(file)) && (folder.read(file) || undefined);
    const isServing = async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok;

    type('sh bridge.sh\n');
    await until(isServing, 'the bridge');
    const pid = Number(folder.read('pid'));
    await until(() => isReadingKeys(pid), 'its keys to be read');
    type('\x1a');
    await until(() => isStopped(pid), 'the bridge to stand still');
    type('bg\n');
    await until(() => !isStopped(pid), 'the bridge to go on');
    for (const word of ['one', 'two']) {
      type(`echo ${word} > ${word}\n`);
      await until(() => said(word), 'the shell to read');
      expect(isStopped(pid)).toBe(false);
      expect(await isServing()).toBe(true);
    }
    type('fg; echo $? > code\n');
    await until(() => isReadingKeys(pid), 'its keys to be read again');
    type('q');
    expect(await until(() => said('code'), 'its end')).toBe('0\n');
  },
);

/** The fields of /proc/<pid>/stat after the name: state, parent, group, session, terminal, its group in front. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function isStopped(pid: number): boolean {
  return statOf(pid)[0] === 'T';
}

/** It is in front, and the terminal gives it each key at once. */
function isReadingKeys(pid: number): boolean {
  const [, , group, , , front] = statOf(pid);
  if (group !== front) return false;
  const { stdout } = spawnSync('stty', ['-F', readlinkSync(`/proc/${pid}/fd/0`), '-a'], { encoding: 'utf8' });
  return stdout.includes('-icanon');
}
