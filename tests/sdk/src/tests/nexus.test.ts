// Nexus operations between two namespaces, by Temporal's SDK through the gate: the caller's worker in payments, the handler's in payroll.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import { refused } from '../gate/clients.js';
import { ledgerHandler } from '../gate/ledger-handler.js';
import { until } from '../gate/processes.js';
import type * as workflows from '../workflows/payments.js';
import { LIMIT, PERMISSION_DENIED, Stage, start } from './stage.js';

const ENDPOINT = 'payroll-ledger';

describe('Nexus through the gate', LIMIT, () => {
  let stage: Stage;
  let alice: Client;
  let carol: Client;

  before(async () => {
    stage = await Stage.open();
    [alice, carol] = [await stage.person('alice'), await stage.person('carol', { namespace: 'payroll' })];
    // Behind an operation stands a workflow: who handles it starts that, and cancels it.
    const policy = readFileSync(stage.at.policy, 'utf8');
    writeFileSync(stage.at.policy, policy.replace('bindings:\n', 'bindings:\n  - { who: [account:dev/payroll-worker], role: runner, where: { temporal: payroll } }\n'));
    const handlers = await stage.account('payroll-worker', { namespace: 'payroll' });
    await until('the handler may start its workflow', 20_000, async () => {
      try {
        await handlers.workflow.start<typeof workflows.Book>('Book', { taskQueue: 'payroll', workflowId: 'first', args: ['0'], workflowIdConflictPolicy: 'USE_EXISTING' });
        return true;
      } catch {
        return false;
      }
    });
    await carol.connection.operatorService.createNexusEndpoint({ spec: { name: ENDPOINT, target: { worker: { namespace: 'payroll', taskQueue: 'payroll' } } } });
    await stage.worker();
    await stage.worker({ namespace: 'payroll', taskQueue: 'payroll', nexusServices: [ledgerHandler] }, 'payroll-worker');
  });
  after(() => stage.close());

  it('a workflow calls operations of another namespace, answered at once and later', async () => {
    const handle = await alice.workflow.start<typeof workflows.Bookkeeping>('Bookkeeping', start(ENDPOINT));
    assert.deepEqual(await handle.result(), ['quote 1', 'booked 2']);
    const events = (await handle.fetchHistory()).events ?? [];
    const started = events.find((e) => e.nexusOperationStartedEventAttributes);
    const link = started?.links?.[0]?.workflowEvent;
    assert.equal(link?.namespace, 'payroll');
    const [callback] = (await carol.workflow.getHandle(link.workflowId!).describe()).raw.callbacks ?? [];
    assert.equal(callback?.callback?.nexus?.url, 'temporal://system');
  });

  it('what goes wrong over there is told to the caller', async () => {
    const outcomes = await alice.workflow.execute<typeof workflows.BadBookkeeping>('BadBookkeeping', start(ENDPOINT));
    assert.match(outcomes[0]!, /bad entry/);
    assert.match(outcomes[1]!, /no such account/);
  });

  it('a cancelled operation cancels the workflow behind it', async () => {
    assert.equal(await alice.workflow.execute<typeof workflows.Reconsiders>('Reconsiders', start(ENDPOINT)), 'cancelled');
    assert.equal((await carol.workflow.count('WorkflowType = "Book" AND ExecutionStatus = "Canceled"')).count, 1);
  });

  it('endpoints are made by who may, and by nobody else', async () => {
    const { code } = await refused(() => alice.connection.operatorService.createNexusEndpoint({ spec: { name: 'mine', target: { worker: { namespace: 'payments', taskQueue: 'payments' } } } }));
    assert.equal(code, PERMISSION_DENIED);
    const { endpoints } = await carol.connection.operatorService.listNexusEndpoints({});
    assert.deepEqual(endpoints?.map((e) => e.spec?.name), [ENDPOINT]);
  });

  it('an endpoint that is not there fails the workflow task, with its name in the history', async () => {
    const handle = await alice.workflow.start<typeof workflows.Bookkeeping>('Bookkeeping', start('nowhere'));
    const failed = await until('the task has failed', 10_000, async () =>
      (await handle.fetchHistory()).events?.find((e) => e.workflowTaskFailedEventAttributes)?.workflowTaskFailedEventAttributes);
    assert.match(failed.failure?.message ?? '', /endpoint "nowhere" not found/);
    await handle.terminate();
  });
});
