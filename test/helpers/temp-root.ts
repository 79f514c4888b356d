// What a run of the tests leaves behind lies in one folder, which goes with it: workers that are ended tidy nothing up.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-tests-'));

export function setup(): void {
  process.env.TMPDIR = root;
  process.env.TEMP = root;
}

export function teardown(): void {
  rmSync(root, { recursive: true, force: true });
}
