// What cargo tells in JSON.
import { describe, expect, test } from 'vitest';
import { isAboutRecorder, makeRecorder, readMetadata, readTold } from '../../src/rollout/cargo.js';

describe('what cargo would run', () => {
  test('is read from the line of the recorder alone', () => {
    const told = { executable: '/t/debug/x', env: { A: '1' } };
    expect(readTold(JSON.stringify({ reason: 'would-run', ...told }))).toEqual(told);
    for (const line of [
      '{"reason":"compiler-artifact","target":{"name":"would-run"},"executable":"/t/debug/x"}',
      '{"reason":"build-finished","success":true}',
      '{"reason":"would-run"}',
      'would-run',
      '',
    ]) {
      expect(readTold(line)).toBeUndefined();
    }
  });

  test('a variable that is no text is no variable', () => {
    expect(readTold('{"reason":"would-run","executable":"/x","env":{"A":1,"B":"2"}}')?.env).toEqual({
      B: '2',
    });
  });

  test('the line of cargo that says that it runs the recorder is known', () => {
    const [node, ...words] = JSON.parse(makeRecorder('/usr/bin/node').replace(/^[^[]*/, ''));
    expect(isAboutRecorder(`     Running \`${node} ${words.join(' ')} target/debug/x\``)).toBe(true);
    expect(isAboutRecorder('     Running `target/debug/x`')).toBe(false);
    expect(isAboutRecorder('error: this would-run code is wrong')).toBe(false);
  });

  test('a path with quotes and backslashes stays one word of the setting', () => {
    const [, value = ''] = /runner=(.*)$/.exec(makeRecorder('C:\\Program Files\\"x"\\node.exe')) ?? [];
    expect(JSON.parse(value)[0]).toBe('C:\\Program Files\\"x"\\node.exe');
  });
});

describe('cargo metadata', () => {
  test('gives folders, targets without tests, and what is depended on by path', () => {
    const metadata = {
      workspace_root: '/w',
      target_directory: '/w/target',
      packages: [
        {
          name: 'app',
          manifest_path: '/w/app/Cargo.toml',
          targets: [
            { kind: ['bin'], name: 'app', src_path: '/w/app/src/main.rs' },
            { kind: ['test'], name: 't', src_path: '/w/app/tests/t.rs' },
            { kind: ['bench'], name: 'b', src_path: '/w/app/benches/b.rs' },
            { kind: ['cdylib', 'rlib'], name: 'app', src_path: '/w/app/src/lib.rs' },
          ],
          dependencies: [{ name: 'dep', path: '/w/dep' }, { name: 'serde' }],
        },
      ],
    };
    expect(readMetadata(JSON.stringify(metadata))).toEqual({
      root: '/w',
      target: '/w/target',
      packages: [
        {
          name: 'app',
          folder: '/w/app',
          targets: [
            { kind: 'bin', name: 'app', file: '/w/app/src/main.rs' },
            { kind: 'cdylib', name: 'app', file: '/w/app/src/lib.rs' },
          ],
          dependencies: ['/w/dep'],
        },
      ],
    });
  });

  test('anything else is none', () => {
    for (const text of ['', '[]', '{}', '{"workspace_root":1,"target_directory":"x"}']) {
      expect(readMetadata(text)).toBeUndefined();
    }
  });
});
