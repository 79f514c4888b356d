// A journal: what it keeps, what it cuts off, and what it does when the disk does not take it.
import * as fs from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Compacted, type Live } from '../../src/store/compacted.js';
import { Journal } from '../../src/store/journal.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, writeSync: vi.fn(real.writeSync), renameSync: vi.fn(real.renameSync) };
});

afterEach(() => {
  vi.mocked(fs.writeSync).mockReset();
  vi.mocked(fs.renameSync).mockReset();
});

const DEAF = { onFault: () => undefined, onUnreadable: () => undefined };

/** A journal with what it says of faults, and a way to see what the next one would find. */
function makeJournal(content?: string | Buffer) {
  const folder = makeTempFolder();
  if (content !== undefined) folder.write('log', content);
  const faults: string[] = [];
  const putAside: [aside: string | undefined, error: string][] = [];
  const open = () =>
    new Journal(folder.at('log'), {
      onFault: (error) => faults.push(error.message),
      onUnreadable: (error, aside) => putAside.push([aside, error.message]),
    });
  const found = () => {
    const lines: string[] = [];
    open().read((line) => lines.push(line) > 0);
    return lines;
  };
  return { folder, faults, putAside, journal: open(), found };
}

const full = () => Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });

/** The disk takes so many bytes of the next line, and then nothing. */
function fillDisk(bytes: number): void {
  const { writeSync } = vi.mocked(fs);
  const throwing = () => {
    throw full();
  };
  if (bytes > 0) writeSync.mockImplementationOnce((fd, text) => realWrite(fd, String(text).slice(0, bytes)));
  writeSync.mockImplementation(throwing);
}

function realWrite(fd: number, text: string): number {
  fs.writevSync(fd, [Buffer.from(text)]);
  return Buffer.byteLength(text);
}

describe('a journal', () => {
  test('has every line that it was given, also where it was never closed', () => {
    const { journal, found } = makeJournal();
    for (const line of ['a', '', 'zwölf ☃', 'x'.repeat(3_000_000)]) journal.append(line);
    expect(found()).toEqual(['a', '', 'zwölf ☃', 'x'.repeat(3_000_000)]);
  });

  test('knows its size in bytes', () => {
    const { journal, folder } = makeJournal('ü\n');
    journal.read(() => true);
    expect(journal.size).toBe(3);
    journal.append('☃');
    expect(journal.size).toBe(7);
    expect(fs.statSync(folder.at('log')).size).toBe(7);
  });

  test.skipIf(process.platform === 'win32')('is readable to its user alone, rewritten too', () => {
    const { journal, folder } = makeJournal();
    const mode = () => fs.statSync(folder.at('log')).mode & 0o777;
    journal.append('a');
    expect(mode()).toBe(0o600);
    journal.rewrite(['b']);
    expect(mode()).toBe(0o600);
  });

  test('cuts off a last line that was never finished before it goes on', () => {
    const { journal, found } = makeJournal('a\nb\ntorn');
    const lines: string[] = [];
    expect(journal.read((line) => lines.push(line) > 0)).toEqual({ lines: 2, skipped: 0 });
    expect(lines).toEqual(['a', 'b']);
    journal.append('c');
    expect(found()).toEqual(['a', 'b', 'c']);
  });

  test('counts lines that nobody understands, and goes on with the next one', () => {
    const { journal } = makeJournal(Buffer.from('a\n\0\0\xff\xfe\n\nb\n', 'latin1'));
    expect(journal.read((line) => line === 'a' || line === 'b')).toEqual({ lines: 4, skipped: 2 });
  });

  test('reads whatever lines there are, wherever they begin and end', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2_500_000 }), { maxLength: 6 }), (lengths) => {
        const folder = fs.mkdtempSync(`${makeTempFolder().path}/`);
        const lines = lengths.map((length, i) => String(i).repeat(length));
        const journal = new Journal(`${folder}/log`, DEAF);
        for (const line of lines) journal.append(line);
        journal.close();
        const read: string[] = [];
        new Journal(`${folder}/log`, DEAF).read((line) => read.push(line) > 0);
        expect(read).toEqual(lines);
      }),
      { numRuns: 10 },
    );
  });

  test('rewritten has only these lines, and goes on after them', () => {
    const { journal, folder, found } = makeJournal();
    for (const line of ['a', 'b', 'c']) journal.append(line);
    expect(journal.rewrite(['c'])).toBe(true);
    expect(journal.size).toBe(2);
    journal.append('d');
    expect(found()).toEqual(['c', 'd']);
    expect(fs.readdirSync(folder.path)).toEqual(['log']);
  });

  test('closed keeps nothing any more', () => {
    const { journal, faults, found } = makeJournal();
    journal.append('a');
    journal.close();
    journal.append('b');
    expect(journal.rewrite(['c'])).toBe(false);
    expect([found(), faults]).toEqual([['a'], []]);
  });
});

describe('a journal on a disk that does not take it', () => {
  test('says so once, and again only after something could be written', () => {
    const { journal, faults } = makeJournal();
    fillDisk(0);
    journal.append('a');
    journal.append('b');
    expect(faults).toEqual(['ENOSPC']);
    vi.mocked(fs.writeSync).mockReset();
    journal.append('c');
    fillDisk(0);
    journal.append('d');
    expect(faults).toEqual(['ENOSPC', 'ENOSPC']);
  });

  test.each([1, 3, 5])('does not glue the next line to the %i bytes that it took', (bytes) => {
    const { journal, found } = makeJournal();
    journal.append('first');
    fillDisk(bytes);
    journal.append('second');
    expect(found()).toEqual(['first']);
    vi.mocked(fs.writeSync).mockReset();
    journal.append('third');
    expect(found()).toEqual(['first', 'third']);
  });

  test('writes the rest where the system takes a line in parts', () => {
    const { journal, faults, found } = makeJournal();
    vi.mocked(fs.writeSync).mockImplementationOnce((fd) => realWrite(fd, 'zw'));
    journal.append('zwölf');
    expect([found(), faults]).toEqual([['zwölf'], []]);
  });

  test('is behind when it can be written again, until it is rewritten', () => {
    const { journal } = makeJournal();
    fillDisk(0);
    journal.append('a');
    expect(journal.isBehind).toBe(false);
    vi.mocked(fs.writeSync).mockReset();
    journal.append('b');
    expect(journal.isBehind).toBe(true);
    journal.rewrite(['a', 'b']);
    expect(journal.isBehind).toBe(false);
  });

  test('stays as it was where a rewrite fails', () => {
    const { journal, folder, faults, found } = makeJournal();
    journal.append('a');
    vi.mocked(fs.renameSync).mockImplementationOnce(() => {
      throw full();
    });
    expect(journal.rewrite(['b'])).toBe(false);
    journal.append('c');
    expect([found(), faults, fs.readdirSync(folder.path)]).toEqual([['a', 'c'], ['ENOSPC'], ['log']]);
  });

  test('puts a file aside that it cannot read, says where, and begins a new one', () => {
    const { journal, folder, faults, putAside, found } = makeJournal();
    fs.mkdirSync(folder.at('log'));
    expect(journal.read(() => true)).toEqual({ lines: 0, skipped: 0 });
    expect(putAside).toEqual([[folder.at('log.unreadable'), expect.stringContaining('EISDIR')]]);
    journal.append('a');
    expect([found(), faults, putAside.length]).toEqual([['a'], [], 1]);
    expect(fs.readdirSync(folder.path).sort()).toEqual(['log', 'log.unreadable']);
  });

  test('says of a file that it cannot read whether it could be put aside', () => {
    const { journal, folder, faults, putAside } = makeJournal();
    fs.mkdirSync(folder.at('log'));
    vi.mocked(fs.renameSync).mockImplementationOnce(() => {
      throw full();
    });
    journal.read(() => true);
    expect([faults, putAside]).toEqual([[], [[undefined, expect.stringContaining('EISDIR')]]]);
  });
});

describe('a journal that is rewritten', () => {
  /** One that holds the last `most` numbers, with what was written to it and to its rewrites. */
  function makeNumbers(most: number, least: number) {
    const { folder, faults, found } = makeJournal();
    let live: string[] = [];
    let rewritten = 0;
    const content: Live = {
      bytes: () => live.reduce((sum, line) => sum + line.length + 1, 0),
      count: () => live.length,
      *lines() {
        for (const line of live) {
          rewritten += 1;
          yield line;
        }
      },
    };
    const doors = { ...DEAF, onFault: (error: Error) => faults.push(error.message) };
    const journal = new Compacted({ file: folder.at('log'), least, ...doors }, content);
    const append = (line: string) => {
      live = [...live, line].slice(-most);
      journal.append(line);
    };
    const size = () => fs.statSync(folder.at('log')).size;
    const mend = () => journal.mend();
    return { append, mend, found, size, faults, rewritten: () => rewritten, live: () => live };
  }

  test('is never much more than twice what is live, and copies no more lines than are appended', () => {
    const { append, size, found, live, rewritten } = makeNumbers(50, 100);
    for (let i = 1_000; i < 6_000; i += 1) {
      append(String(i));
      expect(size()).toBeLessThanOrEqual(Math.max(100, 2 * 50 * 5));
    }
    expect(found().slice(-50)).toEqual(live());
    expect(rewritten()).toBeGreaterThan(0);
    expect(rewritten()).toBeLessThanOrEqual(5_000);
  });

  test('is left alone up to a size', () => {
    const { append, rewritten, found } = makeNumbers(1, 1_000);
    for (let i = 0; i < 100; i += 1) append('x');
    expect([rewritten(), found().length]).toEqual([0, 100]);
  });

  test('is whole again as soon as the disk takes something', () => {
    const { append, found } = makeNumbers(10, 1_000);
    append('a');
    fillDisk(0);
    append('b');
    append('c');
    vi.mocked(fs.writeSync).mockReset();
    append('d');
    expect(found()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('is mended when it is asked to be, though it had not grown since [session.same-id] [http.resume]', () => {
    const { append, found, mend } = makeNumbers(10, 1_000);
    append('a');
    fillDisk(0);
    append('b');
    vi.mocked(fs.writeSync).mockReset();
    vi.mocked(fs.renameSync).mockImplementationOnce(() => {
      throw full();
    });
    append('c');
    expect(found()).toEqual(['a', 'c']);
    mend();
    expect(found()).toEqual(['a', 'b', 'c']);
  });

  test('is not tried to be rewritten with every line while that fails', () => {
    const { append, faults, rewritten } = makeNumbers(1, 100);
    vi.mocked(fs.renameSync).mockImplementation(() => {
      throw full();
    });
    for (let i = 0; i < 200; i += 1) append('x');
    expect(faults.length).toBeGreaterThan(1);
    expect(rewritten()).toBeLessThanOrEqual(400 / 25);
  });
});
