// A batch that does not come to rest, on a clock of the test's own.
import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Batch, type BatchWorld } from '../../src/watch/batch.js';
import { makeTempFolder, type TempFolder } from '../helpers/temp-folder.js';
import { until } from '../helpers/until.js';

const QUIET: BatchWorld = {
  delay: 200,
  executables: [],
  findDifferent: async () => {},
  isGitBusy: () => false,
  isMissing: () => false,
};

describe('a batch [watch.settle]', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function begin(world: Partial<BatchWorld> = {}) {
    const told: string[] = [];
    const batch = new Batch(
      { ...QUIET, ...world },
      {
        onTouched: () => told.push('touched'),
        onSlow: (why) => told.push(`slow: ${why}`),
        onRest: (files) => told.push(`rest: ${files.size}`),
      },
    );
    return { batch, told };
  }

  /** Passes time, and lets files be read. */
  async function pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Time stands still while the files are read. */
  async function rested(told: readonly string[]): Promise<void> {
    await until(() => told.at(-1)?.startsWith('rest'), 'the batch to be over');
  }

  /** Writes the file again and again for so long. */
  async function writeOn(folder: TempFolder, batch: Batch, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      folder.write('a.log', `${performance.now()}`);
      batch.touch(folder.at('a.log'));
      await pass(50);
    }
  }

  test('is over after the quiet time, the two looks in it', async () => {
    const folder = makeTempFolder({ 'a.js': '1' });
    const { batch, told } = begin();
    batch.touch(folder.at('a.js'));
    expect(told).toEqual(['touched']);
    await pass(199);
    expect(told).toEqual(['touched']);
    await pass(1);
    await rested(told);
    expect(told).toEqual(['touched', 'rest: 1']);
  });

  test('begins to wait anew with every event', async () => {
    const folder = makeTempFolder({ 'a.js': '1', 'b.js': '1' });
    const { batch, told } = begin();
    batch.touch(folder.at('a.js'));
    await pass(150);
    batch.touch(folder.at('b.js'));
    await pass(199);
    expect(told).toEqual(['touched']);
    await pass(1);
    await rested(told);
    expect(told).toEqual(['touched', 'rest: 2']);
  });

  test('is not over if a file is touched while the others are read', async () => {
    const folder = makeTempFolder({ 'a.js': '1', 'b.js': '1' });
    const { batch, told } = begin();
    batch.touch(folder.at('a.js'));
    await vi.advanceTimersByTimeAsync(200);
    batch.touch(folder.at('b.js'));
    await pass(199);
    expect(told).toEqual(['touched']);
    await pass(1);
    await rested(told);
    expect(told).toEqual(['touched', 'rest: 2']);
  });

  test('of a file that is written without end is over in 30 s, and said to be slow once', async () => {
    const folder = makeTempFolder({ 'a.log': '' });
    const { batch, told } = begin();
    await writeOn(folder, batch, 30_000);
    expect(told).toEqual(['touched', 'slow: writing']);
    await writeOn(folder, batch, 500);
    await rested(told);
    expect(told).toEqual(['touched', 'slow: writing', 'rest: 1']);
  });

  test('of a file that is run is not over while it is written', async () => {
    const folder = makeTempFolder({ 'a.log': '' });
    const { batch, told } = begin({ executables: [folder.at('a.log')] });
    await writeOn(folder, batch, 40_000);
    expect(told).toEqual(['touched', 'slow: writing']);
    await pass(1_000);
    await rested(told);
  });

  test('waits 30 s for what is missing', async () => {
    const folder = makeTempFolder({ server: '1' });
    chmodSync(folder.at('server'), 0o644);
    const { batch, told } = begin({ isMissing: () => true });
    batch.touch(folder.at('server'));
    await pass(29_900);
    expect(told).toEqual(['touched', 'slow: missing']);
    await pass(1_000);
    await rested(told);
  });

  test('waits for git, however long', async () => {
    let isBusy = true;
    const { batch, told } = begin({ isGitBusy: () => isBusy });
    batch.touch('/nowhere/a.js');
    await pass(60_000);
    expect(told).toEqual(['touched', 'slow: git']);
    isBusy = false;
    await pass(1_000);
    await rested(told);
  });

  test('of folders alone is about the files that are found', async () => {
    const { batch, told } = begin({ findDifferent: async (tell) => tell('/nowhere/a.js') });
    batch.stir();
    expect(told).toEqual([]);
    await pass(1_000);
    await rested(told);
    expect(told).toEqual(['touched', 'rest: 1']);
  });

  test('that is cancelled tells nothing more', async () => {
    const { batch, told } = begin();
    batch.touch('/nowhere/a.js');
    batch.cancel();
    await pass(60_000);
    expect(told).toEqual(['touched']);
  });
});
