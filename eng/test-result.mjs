// Adds up the suites' reports and prints the last line of ./test. Arguments: folder of the reports, names of the suites that were to run.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...suites] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const suite of suites) {
  const counts = read(suite);
  passed += counts.passed;
  failed += counts.failed;
  console.log(`${suite}: ${counts.passed} passed, ${counts.failed} failed${counts.note ? ` (${counts.note})` : ''}`);
}

process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);

function read(suite) {
  try {
    const xml = join(folder, `${suite}.xml`);
    return existsSync(xml) ? xunit(readFileSync(xml, 'utf8')) : sdk(JSON.parse(readFileSync(join(folder, `${suite}.json`), 'utf8')));
  } catch (e) {
    return { passed: 0, failed: 1, note: `it didn't run to its end: ${e.message}` };
  }
}

// xUnit's report: one <assembly> with counts. Errors are failures outside of a test; a test that was skipped has proven nothing.
function xunit(text) {
  const assembly = /<assembly\s[^>]*>/.exec(text)?.[0];
  const count = (name) => Number(new RegExp(`\\s${name}="(\\d+)"`).exec(assembly ?? '')?.[1] ?? NaN);
  const counts = { passed: count('passed'), failed: count('failed') + count('errors') + count('skipped') };
  if (!text.trimEnd().endsWith('</assemblies>') || Number.isNaN(counts.passed + counts.failed)) {
    throw new Error('its report is not whole');
  }

  return { ...counts, note: count('skipped') > 0 ? `${count('skipped')} skipped, which counts as failed` : '' };
}

function sdk({ passed, failed, skipped, ended }) {
  if (!ended) {
    throw new Error('its report is not whole');
  }

  return { passed, failed: failed + skipped, note: skipped > 0 ? `${skipped} skipped, which counts as failed` : '' };
}
