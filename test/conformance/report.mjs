// Tells what the suite found: the failing checks in full, then how many scenarios passed.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const SCENARIO = /^([✓✗]) (\S+): (\d+) passed, (\d+) failed$/gmu;
const UNSCORED = /^ {2}[✓✗] (\S+) \((\S+)\)$/gmu;

/** True when scenarios ran and none that counts failed. */
export function report(output, results) {
  const [, summary = ''] = output.split('=== SUMMARY ===');
  const scenarios = [...summary.matchAll(SCENARIO)].map(([, mark, name]) => ({ name, passed: mark === '✓' }));
  const unscored = new Map([...summary.matchAll(UNSCORED)].map(([, name, why]) => [name, why]));
  const scored = scenarios.filter(({ name }) => !unscored.has(name));
  const failed = scored.filter(({ passed }) => !passed);

  if (scored.length === 0) console.log(output);
  for (const { name } of failed) printFailures(name, results);
  printUnscored(scenarios, unscored);
  console.log(`conformance: ${scored.length - failed.length} passed, ${failed.length} failed`);
  return scored.length > 0 && failed.length === 0;
}

function printFailures(name, results) {
  console.log(`\n✗ ${name}`);
  const folder = readdirSync(results).find((entry) => entry.startsWith(`server-${name}-2`));
  const checks = folder ? JSON.parse(readFileSync(path.join(results, folder, 'checks.json'), 'utf8')) : [];
  for (const check of checks.filter(({ status }) => status === 'FAILURE')) {
    console.log(JSON.stringify(check, null, 2));
  }
}

/** Scenarios that the revision does not require are run too, and told in a line. */
function printUnscored(scenarios, unscored) {
  const failed = scenarios.filter(({ name, passed }) => unscored.has(name) && !passed);
  const names = failed.map(({ name }) => `${name} (${unscored.get(name)})`).join(', ');
  const failures = failed.length > 0 ? `, ${failed.length} failed: ${names}` : '';
  if (unscored.size > 0) console.log(`not required: ${unscored.size - failed.length} passed${failures}`);
}
