// Many at once.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import { readAudit } from '../gate/audit.js';
import type * as workflows from '../workflows/payments.js';
import { LIMIT, Stage, start } from './stage.js';

describe('load', LIMIT, () => {
  let stage: Stage;
  let alice: Client;

  before(async () => {
    stage = await Stage.open();
    alice = await stage.person('alice');
  });
  after(() => stage.close());

  it('1,000 workflows at a time all end as they should, each with its records', async () => {
    // All of them are open before the first is worked on.
    const handles = await Promise.all(Array.from({ length: 1000 }, (_, i) => alice.workflow.start<typeof workflows.Refund>('Refund', start(`o-${i}`, 100))));
    await stage.worker();
    const results = await Promise.all(handles.map((handle) => handle.result()));
    assert.deepEqual(results, Array.from({ length: 1000 }, (_, i) => `refunded 1.00 for o-${i}`));

    const starts = readAudit(stage.at.audit).filter((r) => r.operation.endsWith('StartWorkflowExecution'));
    assert.equal(new Set(starts.filter((r) => r.event === 'intent').map((r) => r.id)).size, 1000);
    assert.equal(new Set(starts.filter((r) => r.event === 'call' && r.status === 0).map((r) => r.workflowId)).size, 1000);
  });
});
