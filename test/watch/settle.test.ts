// When a batch is over, and what it changed: the rules without files.
import { mkdirSync, symlinkSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listFiles } from '../../src/watch/listing.js';
import { isChanged, type Print, Prints, readPrints } from '../../src/watch/prints.js';
import type { Sample } from '../../src/watch/sample.js';
import { samplesOf } from '../../src/watch/sample.js';
import { makeScope } from '../../src/watch/scope.js';
import { makeChange, type Scene, unrestOf } from '../../src/watch/settle.js';
import { makeTempFolder } from '../helpers/temp-folder.js';

const SAMPLE: Sample = { size: 5, mtime: 1n, inode: 2n, mode: 0o644 };
const OTHERS: Record<string, Sample | undefined> = {
  'of another size': { ...SAMPLE, size: 6 },
  'written later': { ...SAMPLE, mtime: 2n },
  'another file of the name': { ...SAMPLE, inode: 3n },
  'of another mode': { ...SAMPLE, mode: 0o755 },
  gone: undefined,
};

const look = (sample: Sample | undefined) => new Map([['/a', sample]]);
const AT_REST: Scene = {
  ...{ before: look(SAMPLE), now: look(SAMPLE), isGitBusy: false, isMissing: false },
  ...{ executables: [], isLate: false },
};

describe('a batch [watch.settle]', () => {
  test('is over when all files look as they did a moment ago', () => {
    expect(unrestOf(AT_REST)).toBeUndefined();
    expect(unrestOf({ ...AT_REST, before: look(undefined), now: look(undefined) })).toBeUndefined();
  });

  test.each(Object.entries(OTHERS))('is not over while a file is %s', (_, other) => {
    expect(unrestOf({ ...AT_REST, now: look(other) })).toBe('writing');
    expect(unrestOf({ ...AT_REST, before: look(other) })).toBe('writing');
  });

  test('is not over while git works, or something is missing', () => {
    expect(unrestOf({ ...AT_REST, isGitBusy: true })).toBe('git');
    expect(unrestOf({ ...AT_REST, isMissing: true })).toBe('missing');
  });

  test('that takes too long waits only for git, and for what is run to be complete', () => {
    const late = { ...AT_REST, now: look({ ...SAMPLE, size: 9 }), isMissing: true, isLate: true };
    expect(unrestOf(late)).toBeUndefined();
    expect(unrestOf({ ...late, isGitBusy: true })).toBe('git');
    expect(unrestOf({ ...late, executables: ['/a'] })).toBe('writing');
  });
});

describe('a file [watch.settle]', () => {
  const print = (hash: string | undefined, more: Partial<Sample> = {}): Print => ({
    sample: { ...SAMPLE, ...more },
    hash,
  });

  test.each([
    ['came', undefined, print('a'), true],
    ['went', print('a'), undefined, true],
    ['was not there and is not', undefined, undefined, false],
    ['has a new date', print('a'), print('a', { mtime: 9n }), false],
    ['was replaced by its copy', print('a'), print('a', { inode: 9n }), false],
    ['has other bytes of the same number', print('a'), print('b', { mtime: 9n }), true],
    ['has other bytes and the old date', print('a'), print('b'), true],
    ['is larger', print('a'), print('a', { size: 9 }), true],
    ['may be executed', print('a'), print('a', { mode: 0o755 }), true],
    ['may be written by others', print('a'), print('a', { mode: 0o646 }), false],
    ['was never read and has a new date', print(undefined), print('a', { mtime: 9n }), true],
    ['was never read and looks the same', print(undefined), print('a'), false],
    ['is too large to be read and has a new date', print(undefined), print(undefined, { mtime: 9n }), true],
  ])('that %s', (_, was, is, expected) => {
    expect(isChanged(was, is)).toBe(expected);
  });
});

describe('the files of a project', () => {
  async function begin(files: Record<string, string>) {
    const folder = makeTempFolder(files);
    const plan = {
      cwd: folder.path,
      paths: ['.'],
      explicit: true,
      ignore: [],
      never: [],
      delay: 0,
      poll: false,
    };
    const scope = makeScope({ ...plan, gitignore: false }, folder.at('../nobody'));
    const prints = new Prints();
    prints.begin(await listFiles(scope));
    const commit = async (...names: string[]) =>
      prints.commit((await readPrints(samplesOf(names.map((name) => folder.at(name))))) ?? new Map());
    return { folder, prints, commit, differing: async () => prints.differing(await listFiles(scope)) };
  }

  test('are read in advance, so that the first touch of one is known for what it is', async () => {
    const { folder, prints, commit } = await begin({ 'a.js': '1' });
    await prints.fill(new AbortController().signal);
    folder.replace('a.js', '1');
    expect(await commit('a.js')).toEqual([]);
    folder.write('a.js', '2');
    expect(await commit('a.js')).toEqual([folder.at('a.js')]);
  });

  test('that nobody read count as changed when they are touched', async () => {
    const { folder, commit } = await begin({ 'a.js': '1' });
    folder.replace('a.js', '1');
    expect(await commit('a.js')).toEqual([folder.at('a.js')]);
  });

  test('that look otherwise are found: other ones, new ones, and those that are gone', async () => {
    const { folder, differing } = await begin({ 'a.js': '1', 'b.js': '1', 'c.js': '1', 'd/e.js': '1' });
    expect(await differing()).toEqual([]);
    folder.write('b.js', 'two');
    folder.remove('d');
    folder.write('new/f.js', '1');
    expect((await differing()).sort()).toEqual(['b.js', 'd/e.js', 'new/f.js'].map(folder.at));
  });

  test('are found once where links lead in a circle', async () => {
    const { folder, differing } = await begin({ 'src/a.js': '1' });
    symlinkSync(folder.path, folder.at('src/self'));
    expect(await differing()).toEqual([]);
  });

  test('that change while they are read are not taken', async () => {
    const { folder } = await begin({ 'a.js': '1' });
    const looks = samplesOf([folder.at('a.js')]);
    folder.write('a.js', 'two');
    expect(await readPrints(looks)).toBeUndefined();
    expect(await readPrints(looks, true)).toBeDefined();
  });

  test('are files: a folder of the name of one is none', async () => {
    const { folder, commit } = await begin({ 'a.js': '1' });
    folder.remove('a.js');
    mkdirSync(folder.at('a.js'));
    expect(await commit('a.js')).toEqual([folder.at('a.js')]);
    expect(await commit('a.js')).toEqual([]);
  });
});

test('a change names at most 20 files, in order, and tells how many there are', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 60 }), (files) => {
      const { paths, count } = makeChange(files);
      expect(count).toBe(files.length);
      expect(paths).toEqual([...files].sort().slice(0, 20));
    }),
  );
});
