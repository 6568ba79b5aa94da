// A reporter of node's test runner: how many passed and failed, as JSON, for ./test.
import type { TestEvent } from 'node:test/reporters';

// What some versions of node report of tests that --test-name-pattern leaves out.
const NOT_ASKED_FOR = 'test name does not match pattern';

export default async function* counts(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const count = { passed: 0, failed: 0, skipped: 0, ended: true };
  for await (const event of source) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') {
      continue;
    }

    const { skip, todo, details } = event.data as { skip?: unknown; todo?: unknown; details: { type?: string } };
    if (details.type === 'suite') {
      continue;
    }

    if (event.type === 'test:fail') {
      count.failed++;
    } else if (skip === NOT_ASKED_FOR) {
      continue;
    } else if (skip !== undefined || todo !== undefined) {
      count.skipped++;
    } else {
      count.passed++;
    }
  }

  yield JSON.stringify(count);
}
