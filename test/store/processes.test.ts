// What only processes show: what a SIGKILL leaves, and who gets a lock that several want.
import { once } from 'node:events';
import { readdirSync, utimesSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { DiskStore } from '../../src/store/disk.js';
import { holderOf, takeLock } from '../../src/store/lock.js';
import { FAULTLESS } from '../helpers/faultless.js';
import { makeTempFolder } from '../helpers/temp-folder.js';
import { compileStore, type Program, startProgram } from './as-program.js';

test('a SIGKILL takes nothing that was acknowledged [session.same-id http.resume]', async () => {
  const compiled = compileStore();
  const folder = makeTempFolder();
  for (let round = 0, next = 1; round < 5; round += 1) {
    const child = startProgram(compiled, WRITER, [folder.path, String(next)]);
    let acknowledged = 0;
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      acknowledged = Number(line);
      if (acknowledged >= next + 200 * (round + 1)) child.kill('SIGKILL');
    });
    await Promise.all([once(child, 'exit'), once(lines, 'close')]);
    const store = new DiskStore({ folder: folder.path, ...FAULTLESS });
    const events = store.after('a', 'g', 0)?.events ?? [];
    expect(events.at(-1)?.seq).toBeGreaterThanOrEqual(acknowledged);
    expect(events.every(({ seq, text: said }) => said === `{"n":${seq}}`)).toBe(true);
    expect(store.record('a')?.usedAt).toBeGreaterThanOrEqual(acknowledged);
    next = (events.at(-1)?.seq ?? 0) + 1;
    store.close();
  }
});

/** Keeps one thing after the other, and says so when it is kept. */
const WRITER = `
import { writeSync } from 'node:fs';
import { DiskStore } from './store/disk.js';
const [folder, first] = process.argv.slice(2);
const fail = (_, error) => { throw error; };
const least = { sessions: 2000, events: 2000 };
const store = new DiskStore({ folder, least, onFault: fail, onUnreadable: fail });
for (let n = Number(first); ; n += 1) {
  store.save({ id: 'a', initialize: '{}', subscriptions: new Map(), shown: new Map(), usedAt: n });
  if (store.append('a', 'g', JSON.stringify({ n })) !== n) throw new Error('an id was given twice');
  writeSync(1, n + '\\n');
}
`;

test('a lock that several processes want at once goes to one of them, stale or not', async () => {
  const compiled = compileStore();
  const folder = makeTempFolder();
  const file = folder.at('bridge.lock');
  const rivals = Array.from({ length: 3 }, () => makeRival(startProgram(compiled, RIVAL, [file])));
  for (let round = 0; round < 30; round += 1) {
    // A process that is gone, an empty file, or none.
    if (round % 3 === 0) folder.write('bridge.lock', `{"pid":${2 ** 22 + 1},"round":${round}}\n`);
    if (round % 3 === 1) folder.write('bridge.lock', '');
    if (round % 3 === 1) utimesSync(file, 0, 0);
    const start = Date.now() + 20;
    const said = await Promise.all(rivals.map((rival) => rival.ask(`take ${start}`)));
    const winner = rivals.find((_, i) => said[i] === 'mine');
    expect(said.filter((each) => each === 'mine')).toHaveLength(1);
    expect(new Set(said)).toEqual(new Set(['mine', String(winner?.pid)]));
    expect(readdirSync(folder.path)).toEqual(['bridge.lock']);
    await Promise.all(rivals.map((rival) => rival.ask('release')));
    expect(readdirSync(folder.path)).toEqual([]);
  }
});

test('a lock whose process was killed is free, although nobody removed it', async () => {
  const compiled = compileStore();
  const file = makeTempFolder().at('bridge.lock');
  const child = startProgram(compiled, RIVAL, [file]);
  await makeRival(child).ask('take');
  expect(takeLock(file, '/project')).toMatchObject({
    ok: false,
    holder: { pid: child.pid, project: '/rival' },
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(holderOf(file)).toBeUndefined();
  expect(takeLock(file, '/project').ok).toBe(true);
  expect(holderOf(file)).toMatchObject({ pid: process.pid, project: '/project' });
});

/** Asks a process for one word at a time. */
function makeRival(child: Program) {
  const lines = createInterface({ input: child.stdout });
  const ask = async (word: string) => {
    const answer = once(lines, 'line');
    child.stdin.write(`${word}\n`);
    return String((await answer)[0]);
  };
  return { pid: child.pid, ask };
}

/** Takes and releases a lock as it is told, and says how that went. */
const RIVAL = `
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { takeLock } from './store/lock.js';
let lock;
for await (const word of createInterface({ input: process.stdin })) {
  if (word.startsWith('take')) {
    while (Date.now() < Number(word.slice(5)));
    const result = takeLock(process.argv[2], '/rival');
    lock = result.ok ? result.lock : undefined;
    writeSync(1, (result.ok ? 'mine' : result.holder.pid) + '\\n');
  } else {
    lock?.release();
    writeSync(1, 'released\\n');
  }
}
`;
