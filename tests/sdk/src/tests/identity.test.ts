// Whose name the engine's history has.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { findCall } from '../gate/audit.js';
import type * as workflows from '../workflows/payments.js';
import { LIMIT, Stage, start } from './stage.js';

type Event = temporal.api.history.v1.IHistoryEvent;
const GZIP = 2;

for (const [encoding, channelArgs] of [['uncompressed', {}], ['gzip', { 'grpc.default_compression_algorithm': GZIP }]] as const) {
  describe(`who called, ${encoding}`, LIMIT, () => {
    let stage: Stage;
    let alice: Client;
    let forger: Client;

    before(async () => {
      stage = await Stage.open();
      alice = await stage.person('alice', { channelArgs });
      forger = await stage.person('alice', { channelArgs, identity: 'ceo@example.com', metadata: { 'temporal-principal-name': 'ceo', 'caller-name': 'ceo' } });
      await stage.worker();
    });
    after(() => stage.close());

    const events = async (workflowId: string): Promise<Event[]> => (await alice.workflow.getHandle(workflowId).fetchHistory()).events ?? [];

    it('a start names the caller in front of what the client says, and as principal', async () => {
      const handle = await forger.workflow.start<typeof workflows.Hour>('Hour', start());
      const [started] = await events(handle.workflowId);
      assertNamed(started!.workflowExecutionStartedEventAttributes!.identity);
      assert.equal(started!.principal?.name, 'dev/alice@example.com');
      await handle.terminate();
    });

    it('a signal, a cancellation and a termination name the caller', async () => {
      const counter = await forger.workflow.start<typeof workflows.Counter>('Counter', start(0));
      await counter.signal('add', 1);
      await counter.cancel();
      // Only then does its history have what came while a task was out.
      await assert.rejects(counter.result());
      const hour = await forger.workflow.start<typeof workflows.Hour>('Hour', start());
      await hour.terminate();
      const all = await events(counter.workflowId);
      assertNamed(all.find((e) => e.workflowExecutionSignaledEventAttributes)?.workflowExecutionSignaledEventAttributes?.identity);
      assertNamed(all.find((e) => e.workflowExecutionCancelRequestedEventAttributes)?.workflowExecutionCancelRequestedEventAttributes?.identity);
      assertNamed((await events(hour.workflowId)).at(-1)?.workflowExecutionTerminatedEventAttributes?.identity);
    });

    it('signal-with-start names the caller in both events', async () => {
      const handle = await forger.workflow.signalWithStart('Counter', { ...start(0), signal: 'add', signalArgs: [1] });
      const all = await events(handle.workflowId);
      assertNamed(all[0]?.workflowExecutionStartedEventAttributes?.identity);
      assertNamed(all.find((e) => e.workflowExecutionSignaledEventAttributes)?.workflowExecutionSignaledEventAttributes?.identity);
      await handle.terminate();
    });

    it('an update names the caller in the nested message', async () => {
      const handle = await forger.workflow.start<typeof workflows.Counter>('Counter', start(0));
      assert.equal(await handle.executeUpdate('addNow', { args: [1] }), 1);
      const accepted = (await events(handle.workflowId)).find((e) => e.workflowExecutionUpdateAcceptedEventAttributes);
      assertNamed(accepted?.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.meta?.identity);
      await handle.terminate();
    });

    it("the worker's own identity stays on its answers", async () => {
      const handle = await alice.workflow.start<typeof workflows.Refund>('Refund', start('o', 1));
      await handle.result();
      const done = (await events(handle.workflowId)).find((e) => e.activityTaskCompletedEventAttributes);
      assert.match(done!.activityTaskCompletedEventAttributes!.identity!, /^\d+@/);
      assert.equal(done!.principal?.name, 'dev/payments-worker');
    });

    it('a very long client identity is cut, and the caller still stands in front', async () => {
      const long = await stage.person('alice', { channelArgs, identity: `x${'y'.repeat(5_000)}\u0007` });
      const handle = await long.workflow.start<typeof workflows.Hour>('Hour', start());
      const identity = (await events(handle.workflowId))[0]!.workflowExecutionStartedEventAttributes!.identity!;
      assert.ok(identity.includes('alice@example.com') && identity.length < 1_500, `${identity.length} characters`);
      assert.doesNotMatch(identity, /\p{Cc}/u);
      await handle.terminate();
    });

    it('the audit record has caller, token, resources and rule, and no payload', async () => {
      const options = start('a-secret-order', 77);
      await alice.workflow.start<typeof workflows.Refund>('Refund', options);
      const record = await findCall(stage.at.audit, 'the start', (r) => r.workflowId === options.workflowId && r.operation.endsWith('StartWorkflowExecution'));
      assert.deepEqual(
        { caller: record.caller, kind: record.kind, namespace: record.namespace, taskQueue: record.taskQueue, workflowType: record.workflowType, decision: record.decision, status: record.status },
        { caller: 'dev/alice@example.com', kind: 'human', namespace: 'payments', taskQueue: 'payments', workflowType: 'Refund', decision: 'allow', status: 0 },
      );
      assert.match(record.rule ?? '', /bindings\[0\]/);
      assert.ok(!JSON.stringify(record).includes('a-secret-order'));
    });
  });
}

/** The caller first, the client's own words behind. */
function assertNamed(identity: string | null | undefined): void {
  assert.match(identity ?? '', /^\S*alice@example\.com\b.*ceo@example\.com/);
}
