// Imports go down the stairs only: dependency-cruiser holds src/ to .dependency-cruiser.cjs.
// A checker that sees no module reports no fault, so it must see ours, and a planted circle must turn it red.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** Cruises folders of the project: the modules seen and the rules broken. */
function cruise(...folders) {
  const args = [cli, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...folders];
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] };
  const json = runAnyExit(args, options);
  const { modules, summary } = JSON.parse(json);
  return { modules: modules.filter((m) => m.source.startsWith('src/')), violations: summary.violations };
}

function runAnyExit(args, options) {
  try {
    return execFileSync(process.execPath, args, options);
  } catch (error) {
    if (error.stdout) return error.stdout;
    throw error;
  }
}

function fail(message) {
  console.error(`directions: ${message}`);
  process.exitCode = 1;
}

const { modules, violations } = cruise('src');
for (const v of violations) fail(`${v.rule.name}: ${v.from} → ${v.to}`);
if (modules.length < 20)
  fail(`saw ${modules.length} modules of src/, expected at least 20: the checker is blind`);

const planted = path.join(root, 'src/protocol/planted');
try {
  mkdirSync(planted, { recursive: true });
  writeFileSync(path.join(planted, 'a.ts'), "import { b } from './b.js';\nexport const a = () => b;\n");
  writeFileSync(path.join(planted, 'b.ts'), "import { a } from './a.js';\nexport const b = () => a;\n");
  const found = cruise('src/protocol/planted').violations.some((v) => v.rule.name === 'no-circles');
  if (!found) fail('a planted circle was not found: the checker is blind');
} finally {
  rmSync(planted, { recursive: true, force: true });
}
if (!process.exitCode) console.log(`directions: ${modules.length} modules, no import goes up the stairs`);
