// What a workflow commands and its worker may not: refused by the gate, and the workflow's own history says why.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { findCall, readAudit } from '../gate/audit.js';
import { until } from '../gate/processes.js';
import type * as workflows from '../workflows/payments.js';
import { LIMIT, Stage, start } from './stage.js';

const CALL = / \[call ([0-9A-Za-z]+)\]$/;
const INVALID_ARGUMENT = 3;

describe('refused commands', LIMIT, () => {
  let stage: Stage;
  let alice: Client;

  before(async () => {
    stage = await Stage.open();
    alice = await stage.person('alice');
    const policy = readFileSync(stage.at.policy, 'utf8');
    writeFileSync(stage.at.policy, policy.replace('\ntests:', '\ndeny:\n  - { what: [nexus.call], where: { temporal: payments, nexusEndpoint: forbidden } }\n\ntests:'));
    assert.equal((await fetch(`${stage.at.admin}/reload`, { method: 'POST' })).status, 200);
    await stage.worker();
  });
  after(() => stage.close());

  /** Waits for the first failed task, then for later attempts: none of them adds an event, and none is reported. */
  async function expectReason(handle: WorkflowHandle, cause: number, text: RegExp): Promise<void> {
    const failures = async () => ((await handle.fetchHistory()).events ?? []).flatMap((e) => (e.workflowTaskFailedEventAttributes ? [e.workflowTaskFailedEventAttributes] : []));
    const first = await until('the task has failed', 20_000, async () => (await failures())[0]);
    const message = first.failure?.message ?? '';
    assert.match(message.replace(CALL, ''), text);
    assert.equal(first.cause, cause);
    const record = await findCall(stage.at.audit, message, (r) => r.id === CALL.exec(message)?.[1]);
    assert.deepEqual([record.refusal, record.status, record.decision], ['not-allowed', INVALID_ARGUMENT, 'deny']);
    assert.match(record.detail ?? '', /a failed task was reported$/);

    const attempt = await until('a later attempt', 60_000, async () => {
      const pending = (await handle.describe()).raw.pendingWorkflowTask?.attempt ?? 0;
      return pending >= 3 ? pending : undefined;
    });
    // A task that is refused and not reported is tried again after its timeout alone: no answer came that isn't of an attempt of its own.
    const answers = readAudit(stage.at.audit).filter((r) => r.event === 'call' && r.operation.endsWith('RespondWorkflowTaskCompleted') && r.refusal === 'not-allowed' && r.time >= record.time);
    assert.ok(answers.length <= attempt, `${answers.length} answers in ${attempt} attempts`);
    assert.equal(answers.filter((r) => r.detail?.endsWith('a failed task was reported')).length, 1);
    assert.equal((await failures()).length, 1);
    await handle.terminate();
  }

  it('a child in a namespace of others', async () =>
    expectReason(
      await alice.workflow.start<typeof workflows.Reaches>('Reaches', start('payroll')),
      16,
      /^Request unauthorized\. payments-worker may not workflow\.start in namespace payroll: no binding allows it\.$/,
    ));

  it('an operation of a Nexus endpoint that is forbidden', async () =>
    expectReason(
      await alice.workflow.start<typeof workflows.Bookkeeping>('Bookkeeping', start('forbidden')),
      32,
      /^Request unauthorized\. payments-worker may not nexus\.call in namespace payments: .+\.$/,
    ));
});
