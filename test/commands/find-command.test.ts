// Whether the server's command can be run is said before anything is started, with what was looked for and where.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findFault } from '../../src/commands/find-command.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-command-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file in the test's folder: a program, or one that lacks the right to be run. */
function put(name: string, mode: 0o755 | 0o644 = 0o755): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, mode);
  return file;
}

function find(command: string, ...folders: string[]): string | undefined {
  const searched = folders.map((each) => path.join(folder, each)).join(path.delimiter);
  return findFault({ command, cwd: folder, env: { PATH: searched } });
}

describe('a command without a slash', () => {
  test('is looked for in every folder of PATH [cli.command-missing]', () => {
    put('second/server');
    expect(find('server', 'first', 'second')).toBeUndefined();
  });

  test('is not looked for where PATH leads nowhere: a loop of links, a folder of somebody else [cli.command-missing]', () => {
    put('second/server');
    symlinkSync('first', path.join(folder, 'first'));
    expect(find('server', 'first', 'second')).toBeUndefined();
    expect(find('server', 'first')).toMatch(/^Command not found: server\./);
  });

  test('that is nowhere is named, and so is the PATH that was searched [cli.command-missing]', () => {
    put('server');
    expect(find('server', 'first', 'second')).toBe(
      `Command not found: server. Searched PATH: ${folder}/first:${folder}/second`,
    );
  });

  test('is not looked for in the folder where the server runs [cli.command-missing]', () => {
    put('server');
    expect(findFault({ command: 'server', cwd: folder, env: { PATH: '' } })).toBe(
      'Command not found: server. Searched PATH: (empty)',
    );
    expect(findFault({ command: 'server', cwd: folder, env: {} })).toMatch(/Searched PATH: \(empty\)$/);
  });

  test('that is not executable is told so, with what to do [cli.command-missing]', () => {
    const file = put('bin/server', 0o644);
    expect(find('server', 'empty', 'bin')).toBe(
      `Command is not executable: server. Make it so: chmod +x ${file}`,
    );
  });

  test('is the first one that can be run [cli.command-missing]', () => {
    put('first/server', 0o644);
    mkdirSync(path.join(folder, 'second/server'), { recursive: true });
    put('third/server');
    expect(find('server', 'first', 'second', 'third')).toBeUndefined();
  });

  test('is no folder, and no link to nothing [cli.command-missing]', () => {
    mkdirSync(path.join(folder, 'bin/server'), { recursive: true });
    symlinkSync('gone', path.join(folder, 'bin/dangling'));
    expect(find('server', 'bin')).toMatch(/^Command not found: server\./);
    expect(find('dangling', 'bin')).toMatch(/^Command not found: dangling\./);
  });

  test('may be a link to a program [cli.command-missing]', () => {
    symlinkSync(put('real'), path.join(folder, 'link'));
    expect(find('link', '.')).toBeUndefined();
  });

  test('is found in a PATH that is relative to where the server runs [cli.command-missing]', () => {
    put('node_modules/.bin/server');
    const env = { PATH: `${path.delimiter}node_modules/.bin` };
    expect(findFault({ command: 'server', cwd: folder, env })).toBeUndefined();
  });

  test('is looked for whichever way PATH is written, as on Windows [cli.command-missing]', () => {
    put('bin/server');
    const env = { Path: path.join(folder, 'bin') };
    expect(findFault({ command: 'server', cwd: folder, env })).toBeUndefined();
  });

  test('is not looked for with the PATH of the bridge [cli.command-missing]', () => {
    expect(find('node', 'empty')).toMatch(/^Command not found: node\./);
  });
});

describe('a command with a slash', () => {
  test.each(['./bin/server', 'bin/server', 'bin/../bin/server'])(
    '%s is a file, seen from where the server runs [cli.command-missing]',
    (command) => {
      put('bin/server');
      expect(find(command)).toBeUndefined();
    },
  );

  test('may be absolute [cli.command-missing]', () => {
    const file = put('bin/server');
    expect(findFault({ command: file, cwd: '/', env: {} })).toBeUndefined();
  });

  test('that is not there is named as it was given and as it was looked for [cli.command-missing]', () => {
    put('bin/server');
    expect(find('./server', 'bin')).toBe(`Command not found: ./server (there is no file ${folder}/server).`);
  });

  test('that is a folder is not found [cli.command-missing]', () => {
    mkdirSync(path.join(folder, 'bin'));
    expect(find('./bin')).toBe(`Command not found: ./bin (there is no file ${folder}/bin).`);
  });

  test('that is not executable is told so, with what to do [cli.command-missing]', () => {
    const file = put('bin/server', 0o644);
    expect(find('bin/server')).toBe(`Command is not executable: bin/server. Make it so: chmod +x ${file}`);
  });
});
