// Which last words say that a server can run only once, in the words that real programs use.
import { describe, expect, test } from 'vitest';
import { isExclusive } from '../../src/backend/exclusive.js';

type Exit = Parameters<typeof isExclusive>[0];

function ended(tail: readonly string[], whileStarting = true): Exit {
  return { code: 1, signal: null, whileStarting, tail } as Exit;
}

const TAKEN: Record<string, string> = {
  Node: 'Error: listen EADDRINUSE: address already in use 127.0.0.1:3000',
  'Node, a socket': 'Error: listen EADDRINUSE: address already in use ./server.sock',
  Python: 'OSError: [Errno 98] Address already in use',
  'Python on macOS': 'OSError: [Errno 48] Address already in use',
  uvicorn:
    "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use",
  Go: 'listen tcp :8080: bind: address already in use',
  'Go on Windows':
    'listen tcp :8080: bind: Only one usage of each socket address (protocol/network address/port) is normally permitted.',
  Rust: 'Error: Os { code: 98, kind: AddrInUse, message: "Address already in use" }',
  'Rust on Windows':
    'Only one usage of each socket address (protocol/network address/port) is normally permitted. (os error 10048)',
  Java: 'java.net.BindException: Address already in use',
  '.NET': 'Failed to bind to address http://127.0.0.1:5000: address already in use.',
  Flask:
    'Port 5000 is in use by another program. Either identify and stop that program, or start the server with a different port.',
  'Spring Boot': 'Web server failed to start. Port 8080 was already in use.',
  Vite: 'Error: Port 5173 is already in use',
  Docker: 'Bind for 0.0.0.0:3000 failed: port is already allocated',
  SQLite: 'sqlite3.OperationalError: database is locked',
  'SQLite in Node': 'SqliteError: database is locked',
  LevelDB: 'IO error: lock /projects/db/LOCK: Resource temporarily unavailable',
  DuckDB:
    'IO Error: Could not set lock on file "/projects/x.duckdb": Conflicting lock is held in python3 (PID 7)',
  'a pid file': 'server is already running (pid 4711)',
  'a lock': 'could not acquire lock',
  'a lock file': 'Error: lock file /projects/.server.lock already exists',
  'proper-lockfile': 'Error: Lock file is already being held',
  'a device': 'SerialPort: Error: Resource busy, cannot open /dev/ttyUSB0',
};

const OTHER: Record<string, string> = {
  'a debugger that has no port': 'Starting inspector on 127.0.0.1:9229 failed: address already in use',
  'a syntax error': 'SyntaxError: Unexpected end of input',
  'a missing module':
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'express' imported from /projects/server.mjs",
  'a missing file': "Error: ENOENT: no such file or directory, open '/projects/config.json'",
  'no permission': 'Error: listen EACCES: permission denied 0.0.0.0:80',
  'a wrong address': 'Error: listen EADDRNOTAVAIL: address not available 10.9.9.9:3000',
  'nobody there': 'Error: connect ECONNREFUSED 127.0.0.1:5432',
  'a block': 'Error: block 12 already exists',
  'a name that exists': 'TypeError: clock skew table already exists',
  'a lock that is mentioned': 'Error: package-lock.json: no lock file exists',
  'a declaration': "SyntaxError: Identifier 'lock' has already been declared",
};

describe('a server that ended while it started [rollout.exclusive]', () => {
  test.each(Object.entries(TAKEN))('can run only once: %s', (_, line) => {
    expect(isExclusive(ended(['starting', line, '    at somewhere (file.js:1:1)']))).toBe(true);
  });

  test.each(Object.entries(OTHER))('is broken in some other way: %s', (_, line) => {
    expect(isExclusive(ended(['starting', line]))).toBe(false);
  });

  test('says nothing', () => {
    expect(isExclusive(ended([]))).toBe(false);
  });
});

test('a server that had served says nothing about its start [rollout.exclusive]', () => {
  expect(isExclusive(ended(['Error: listen EADDRINUSE: address already in use :::3000'], false))).toBe(false);
});
