// Runs the official conformance suite against the bridge, with the fixture server behind it:
//   node test/conformance/run.mjs [--requirements 2026-07-28] [--url http://127.0.0.1:8000/mcp]
// With --url it judges whatever runs there. The suite needs Node 22, which comes with this folder's packages.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startBridge } from './bridge.mjs';
import { report } from './report.mjs';
import { installSuite, runSuite } from './suite.mjs';

const { values: options } = parseArgs({
  options: { url: { type: 'string' }, requirements: { type: 'string', default: '2025-11-25' } },
});

// Interrupted, we leave through the exit handlers: nothing that was started or made stays.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

installSuite();
const bridge = options.url ? undefined : await startBridge();
const results = mkdtempSync(path.join(tmpdir(), 'mcp-bridge-conformance-'));
process.once('exit', () => rmSync(results, { recursive: true, force: true }));
try {
  const url = options.url ?? bridge.url;
  console.log(`conformance: ${options.requirements} against ${url}`);
  const suite = await runSuite(url, options.requirements, results);
  const sound = report(suite.output, results);
  if (!sound && bridge) console.log(`the bridge's last words:\n${bridge.lastLines()}`);
  process.exitCode = suite.exitCode || (sound ? 0 : 1);
} finally {
  await bridge?.stop();
}
