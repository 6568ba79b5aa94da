// Every feature of the embedded engine, by Temporal's SDK through the gate, where the policy allows it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type Client, WithStartWorkflowOperation, WorkflowContinuedAsNewError, WorkflowExecutionAlreadyStartedError, WorkflowFailedError, WorkflowUpdateFailedError,
} from '@temporalio/client';
import {
  ActivityFailure, ApplicationFailure, CancelledFailure, defaultPayloadConverter, defineSearchAttributeKey, TerminatedFailure, TimeoutFailure,
} from '@temporalio/common';
import { refused } from '../gate/clients.js';
import { until } from '../gate/processes.js';
import type * as workflows from '../workflows/payments.js';
import { LIMIT, Stage, start } from './stage.js';

describe('through the gate', LIMIT, () => {
  let stage: Stage;
  let alice: Client;

  before(async () => {
    stage = await Stage.open();
    alice = await stage.person('alice');
    await stage.worker();
  });
  after(() => stage.close());

  it('a workflow runs an activity and gives its result', async () => {
    assert.equal(await alice.workflow.execute<typeof workflows.Refund>('Refund', start('o-1', 1250)), 'refunded 12.50 for o-1');
  });

  it('a failure arrives with its type and details', async () => {
    const failed = await failure(() => alice.workflow.execute<typeof workflows.OwnFailure>('OwnFailure', start()));
    assert.ok(failed instanceof ApplicationFailure);
    assert.equal(failed.type, 'OrderMissing');
    assert.deepEqual(failed.details, [{ order: 'o-404' }]);
  });

  it('a timer rings', async () => {
    assert.equal(await alice.workflow.execute<typeof workflows.Timed>('Timed', start(200)), 'rang');
  });

  it('a failing activity is tried again as its retry policy says', async () => {
    assert.equal(await alice.workflow.execute<typeof workflows.Retried>('Retried', start(2)), 3);
  });

  it('an activity that fails for good is not tried again', async () => {
    const failed = await failure(() => alice.workflow.execute<typeof workflows.FailsForGood>('FailsForGood', start()));
    assert.ok(failed instanceof ActivityFailure && failed.cause instanceof ApplicationFailure);
    assert.equal(failed.cause.type, 'CardGone');
  });

  for (const [which, type] of [['startToClose', 'START_TO_CLOSE'], ['scheduleToStart', 'SCHEDULE_TO_START'], ['heartbeat', 'HEARTBEAT']] as const) {
    it(`an activity's ${which} time-out ends it`, async () => {
      const failed = await failure(() => alice.workflow.execute<typeof workflows.TimesOut>('TimesOut', start<[typeof which]>(which)));
      assert.ok(failed instanceof ActivityFailure && failed.cause instanceof TimeoutFailure, String(failed));
      assert.equal(failed.cause.timeoutType, type);
    });
  }

  it("an activity's scheduleToClose time-out ends its retries", async () => {
    const failed = await failure(() => alice.workflow.execute<typeof workflows.TimesOut>('TimesOut', start<['scheduleToClose']>('scheduleToClose')));
    // The engine stops before a retry that would end too late, and then gives the last failure.
    assert.ok(failed instanceof ActivityFailure, String(failed));
    assert.ok(failed.cause instanceof TimeoutFailure || failed.cause instanceof ApplicationFailure, String(failed.cause));
  });

  it('a heartbeat carries progress to the next attempt', async () => {
    assert.equal(await alice.workflow.execute<typeof workflows.Beats>('Beats', start()), 3);
  });

  it('a heartbeat brings a cancellation to the activity', async () => {
    assert.equal(await alice.workflow.execute<typeof workflows.CancelsActivity>('CancelsActivity', start()), 'cancelled');
  });

  it('signals, a query and an update reach a running workflow', async () => {
    const handle = await alice.workflow.start<typeof workflows.Counter>('Counter', start(1));
    await handle.signal('add', 2);
    assert.equal(await handle.executeUpdate('addNow', { args: [4] }), 7);
    assert.equal(await handle.query('total'), 7);
    await handle.signal('finish');
    assert.equal(await handle.result(), 7);
  });

  it('a closed workflow still answers a query', async () => {
    const handle = await alice.workflow.start<typeof workflows.Counter>('Counter', start(5));
    await handle.signal('finish');
    await handle.result();
    assert.equal(await handle.query('total'), 5);
  });

  it('an update that its validator refuses leaves no trace', async () => {
    const handle = await alice.workflow.start<typeof workflows.Counter>('Counter', start(0));
    await assert.rejects(handle.executeUpdate('addNow', { args: [-1] }), (e) => e instanceof WorkflowUpdateFailedError && /only upwards/.test(String(e.cause)));
    assert.equal(await handle.query('total'), 0);
    await handle.terminate();
  });

  it('signal-with-start starts once and signals twice', async () => {
    const options = { ...start(10), signal: 'add', signalArgs: [1] };
    await alice.workflow.signalWithStart('Counter', options);
    const handle = await alice.workflow.signalWithStart('Counter', options);
    await handle.signal('finish');
    assert.equal(await handle.result(), 12);
  });

  it('cancel lets the workflow tidy up', async () => {
    const handle = await alice.workflow.start<typeof workflows.UntilCancelled>('UntilCancelled', start());
    await until('the first task is done', 10_000, async () => ((await handle.fetchHistory()).events?.length ?? 0) > 4);
    await handle.cancel();
    assert.equal(await handle.result(), 'tidied up');
  });

  it('cancel ends a workflow that does not care', async () => {
    const handle = await alice.workflow.start<typeof workflows.Hour>('Hour', start());
    await handle.cancel();
    assert.ok((await failure(() => handle.result())) instanceof CancelledFailure);
    assert.equal((await handle.describe()).status.name, 'CANCELLED');
  });

  it('terminate ends at once, with its reason in the history', async () => {
    const handle = await alice.workflow.start<typeof workflows.Hour>('Hour', start());
    await handle.terminate('enough');
    assert.ok((await failure(() => handle.result())) instanceof TerminatedFailure);
    const last = (await handle.fetchHistory()).events?.at(-1);
    assert.equal(last?.workflowExecutionTerminatedEventAttributes?.reason, 'enough');
  });

  it('continue-as-new goes on in new runs', async () => {
    const handle = await alice.workflow.start<typeof workflows.Again>('Again', start(2));
    assert.equal(await handle.result(), 'continued');
    await assert.rejects(
      alice.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId, { followRuns: false }).result(),
      WorkflowContinuedAsNewError,
    );
  });

  it('children give their results to their parent', async () => {
    assert.deepEqual(await alice.workflow.execute<typeof workflows.Parent>('Parent', start(3)), ['child 0', 'child 1', 'child 2']);
  });

  it('an abandoned child outlives its parent', async () => {
    const child = alice.workflow.getHandle(await alice.workflow.execute<typeof workflows.LeavesChild>('LeavesChild', start()));
    assert.equal((await child.describe()).status.name, 'RUNNING');
    await child.terminate();
  });

  it('a workflow signals another one', async () => {
    const counter = await alice.workflow.start<typeof workflows.Counter>('Counter', start(0));
    await alice.workflow.execute<typeof workflows.Outsider>('Outsider', start(counter.workflowId));
    await counter.signal('finish');
    assert.equal(await counter.result(), 5);
  });

  it('a workflow cancels another one', async () => {
    const handle = await alice.workflow.start<typeof workflows.UntilCancelled>('UntilCancelled', start());
    await until('the first task is done', 10_000, async () => ((await handle.fetchHistory()).events?.length ?? 0) > 4);
    await alice.workflow.execute<typeof workflows.Canceller>('Canceller', start(handle.workflowId));
    assert.equal(await handle.result(), 'tidied up');
  });

  it('a workflow that signals or cancels what is not there hears so', async () => {
    const outcomes = await alice.workflow.execute<typeof workflows.Misses>('Misses', start('nobody'));
    assert.equal(outcomes.length, 2);
    assert.ok(outcomes.every((outcome) => /not found/i.test(outcome)), outcomes.join('; '));
  });

  for (const how of ['its token', 'its id'] as const) {
    it(`an activity is completed by another caller by ${how}`, async () => {
      const handle = await alice.workflow.start<typeof workflows.HandsOver>('HandsOver', start());
      const activity = await until('its heartbeat names the token', 10_000, async () => {
        const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
        return pending?.heartbeatDetails ? pending : undefined;
      });
      const [token] = await Promise.all((activity.heartbeatDetails?.payloads ?? []).map((p) => defaultPayloadConverter.fromPayload<string>(p)));
      await (how === 'its token'
        ? alice.activity.complete(Buffer.from(token!, 'base64'), 'by alice')
        : alice.activity.complete({ workflowId: handle.workflowId, activityId: activity.activityId! }, 'by alice'));
      assert.equal(await handle.result(), 'by alice');
    });
  }

  it('an activity is failed by another caller', async () => {
    const handle = await alice.workflow.start<typeof workflows.HandsOver>('HandsOver', start());
    const activity = await until('it is begun', 10_000, async () => (await handle.describe()).raw.pendingActivities?.find((a) => a.heartbeatDetails));
    await alice.activity.fail({ workflowId: handle.workflowId, activityId: activity.activityId! }, ApplicationFailure.nonRetryable('not by me'));
    const failed = await failure(() => handle.result());
    assert.ok(failed instanceof ActivityFailure && failed.cause?.message === 'not by me', String(failed));
  });

  it('a failed workflow task is tried again', async () => {
    const handle = await alice.workflow.start<typeof workflows.Stumbles>('Stumbles', start());
    assert.equal(await handle.result(), 'on its feet');
    assert.ok((await handle.fetchHistory()).events?.some((e) => e.workflowTaskFailedEventAttributes?.failure?.message?.includes('a mistake')));
  });

  it('a running id is refused a second start, or handed back, as the conflict policy says', async () => {
    const options = start();
    const first = await alice.workflow.start<typeof workflows.Hour>('Hour', options);
    await assert.rejects(alice.workflow.start('Hour', options), WorkflowExecutionAlreadyStartedError);
    const again = await alice.workflow.start('Hour', { ...options, workflowIdConflictPolicy: 'USE_EXISTING' });
    assert.equal(again.firstExecutionRunId, first.firstExecutionRunId);
    const instead = await alice.workflow.start('Hour', { ...options, workflowIdConflictPolicy: 'TERMINATE_EXISTING' });
    assert.notEqual(instead.firstExecutionRunId, first.firstExecutionRunId);
    assert.equal((await alice.workflow.getHandle(options.workflowId, first.firstExecutionRunId).describe()).status.name, 'TERMINATED');
    await instead.terminate();
  });

  it('a closed id is used again, or not, as the reuse policy says', async () => {
    const options = start('x');
    await alice.workflow.execute<typeof workflows.Echo<string>>('Echo', options);
    await assert.rejects(alice.workflow.start('Echo', { ...options, workflowIdReusePolicy: 'REJECT_DUPLICATE' }), WorkflowExecutionAlreadyStartedError);
    assert.equal(await alice.workflow.execute('Echo', options), 'x');
  });

  it('update-with-start is answered by the workflow that it starts', async () => {
    const { taskQueue, workflowId } = start();
    const operation = new WithStartWorkflowOperation<typeof workflows.Counter>('Counter', { workflowId, taskQueue, args: [3], workflowIdConflictPolicy: 'FAIL' });
    assert.equal(await alice.workflow.executeUpdateWithStart('addNow', { startWorkflowOperation: operation, args: [4] }), 7);
    await alice.workflow.getHandle(workflowId).terminate();
  });

  it('a long history comes in pages', async () => {
    const handle = await alice.workflow.start<typeof workflows.Counter>('Counter', start(0));
    for (let i = 0; i < 25; i++) {
      await handle.signal('add', 1);
    }

    await handle.signal('finish');
    assert.equal(await handle.result(), 25);
    let token: Uint8Array | undefined;
    let pages = 0;
    let events = 0;
    do {
      const page = await alice.workflowService.getWorkflowExecutionHistory({
        namespace: 'payments', execution: { workflowId: handle.workflowId }, maximumPageSize: 10, ...(token === undefined ? {} : { nextPageToken: token }),
      });
      pages++;
      events += page.history?.events?.length ?? 0;
      token = page.nextPageToken?.length ? page.nextPageToken : undefined;
    } while (token !== undefined);
    assert.ok(pages > 2, `${pages} pages`);
    assert.equal(events, (await handle.fetchHistory()).events?.length);
  });

  it('a history comes backwards, in pages', async () => {
    const handle = await alice.workflow.start<typeof workflows.Hour>('Hour', start());
    await handle.terminate();
    const ids: number[] = [];
    let token: Uint8Array | undefined;
    do {
      const page = await alice.workflowService.getWorkflowExecutionHistoryReverse({
        namespace: 'payments', execution: { workflowId: handle.workflowId }, maximumPageSize: 2, ...(token === undefined ? {} : { nextPageToken: token }),
      });
      ids.push(...(page.history?.events ?? []).map((e) => Number(e.eventId)));
      token = page.nextPageToken?.length ? page.nextPageToken : undefined;
    } while (token !== undefined);
    assert.ok(ids.length > 2);
    assert.deepEqual(ids, ids.map((_, i) => ids.length - i));
  });

  it('waiting for a history that does not grow ends when the client gives up', async () => {
    const handle = await alice.workflow.start<typeof workflows.Hour>('Hour', start());
    await assert.rejects(alice.withDeadline(Date.now() + 1_000, () => handle.result()), (e) => e instanceof Error);
    await handle.terminate();
  });

  it('list and count find what runs', async () => {
    const handle = await alice.workflow.start<typeof workflows.Hour>('Hour', start());
    const query = `WorkflowId = "${handle.workflowId}"`;
    const found = await until('the list has it', 10_000, async () => {
      for await (const execution of alice.workflow.list({ query })) {
        return execution;
      }

      return undefined;
    });
    assert.equal(found.runId, handle.firstExecutionRunId);
    assert.equal((await alice.workflow.count(query)).count, 1);
    await handle.terminate();
  });

  it('search attributes are made, set, changed, and asked for', async () => {
    const carol = await stage.person('carol');
    const namespace = 'payments';
    await carol.connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { Region: 2 } });
    assert.equal((await carol.connection.operatorService.listSearchAttributes({ namespace })).customAttributes?.['Region'], 2);
    const handle = await alice.workflow.start<typeof workflows.Moves>('Moves', {
      ...start('south'), typedSearchAttributes: [{ key: defineSearchAttributeKey('Region', 'KEYWORD'), value: 'north' }],
    });
    await until('it has moved', 10_000, async () => (await alice.workflow.count('Region = "south"')).count === 1);
    assert.equal((await alice.workflow.count('Region = "north"')).count, 0);
    await handle.terminate();
    const counted = await alice.workflow.count('Region IN ("south", "north") GROUP BY ExecutionStatus');
    assert.deepEqual(counted, { count: 1, groups: [{ count: 1, groupValues: [['Terminated']] }] });
    await carol.connection.operatorService.removeSearchAttributes({ namespace, searchAttributes: ['Region'] });
    assert.match((await refused(() => alice.workflow.count('Region = "south"'))).details, /invalid search attribute: Region/);
  });
});

async function failure(call: () => Promise<unknown>): Promise<Error | undefined> {
  try {
    await call();
  } catch (e) {
    if (e instanceof WorkflowFailedError) {
      return e.cause;
    }

    throw e;
  }

  throw new Error('it should have failed');
}
