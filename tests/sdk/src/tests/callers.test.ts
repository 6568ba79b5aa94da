// Workflow and activity code that knows who called, by the sample's interceptors and the gate's assertion.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { assertionIn, CallerVerifier } from '../caller-assertion/worker.js';
import { CALLER_HEADER } from '../caller-assertion/caller.js';
import { callerAware, clientOf, refused } from '../gate/clients.js';
import { until } from '../gate/processes.js';
import type * as workflows from '../workflows/callers.js';
import { LIMIT, Stage, start, UNAUTHENTICATED } from './stage.js';

describe('who called, as workflow code knows it', LIMIT, () => {
  let stage: Stage;
  let alice: Client;
  let forger: Client;
  let callers: CallerVerifier;

  before(async () => {
    stage = await Stage.open();
    alice = await stage.person('alice');
    callers = new CallerVerifier({ keySet: `${stage.at.keys}/caller`, issuer: 'postern/dev' });
    await stage.worker(callerAware(stage.at.keys));
    const forged = { [CALLER_HEADER]: defaultPayloadConverter.toPayload('eyJhbGciOiJub25lIn0.eyJzdWIiOiJjZW8ifQ.'), own: defaultPayloadConverter.toPayload(7) };
    forger = new Client({
      connection: alice.connection,
      namespace: 'payments',
      interceptors: { workflow: [{ startWithDetails: (input, next) => next({ ...input, headers: { ...input.headers, ...forged } }) }] },
    });
  });
  after(() => stage.close());

  const assertionOf = async (workflowId: string): Promise<string> => {
    const [started] = (await alice.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
    return assertionIn((started?.workflowExecutionStartedEventAttributes?.header?.fields ?? {}) as Parameters<typeof assertionIn>[0])!;
  };

  it('workflow and activity know who started the workflow', async () => {
    const { workflow, activity } = await alice.workflow.execute<typeof workflows.WhoStartedMe>('WhoStartedMe', start());
    assert.deepEqual(
      { ...workflow, callId: '' },
      { name: 'dev/alice@example.com', kind: 'human', actors: [], method: 'StartWorkflowExecution', callId: '', inherited: false },
    );
    assert.match(workflow!.callId, /^[0-9A-Z]{26}$/);
    assert.deepEqual(activity, workflow);
  });

  it('a service is one, too', async () => {
    const agent = await stage.account('report-agent');
    const { workflowId, taskQueue } = start();
    await agent.workflow.start('Refund', { workflowId, taskQueue, args: ['o', 1] });
    assert.equal((await callers.verify(await assertionOf(workflowId), { namespace: 'payments', workflowId }))?.kind, 'agent');
  });

  it('what a client writes into the headers itself is overridden, and its other headers stay', async () => {
    const handle = await forger.workflow.start<typeof workflows.WhoStartedMe>('WhoStartedMe', start());
    assert.equal((await handle.result()).workflow?.name, 'dev/alice@example.com');
    const [started] = (await handle.fetchHistory()).events ?? [];
    assert.deepEqual(Object.keys(started?.workflowExecutionStartedEventAttributes?.header?.fields ?? {}).sort(), ['own', CALLER_HEADER].sort());
  });

  it('signal-with-start names its caller', async () => {
    const handle = await alice.workflow.signalWithStart<typeof workflows.WhoStartedMe>('WhoStartedMe', { ...start(), signal: 'unheard' });
    assert.equal((await handle.result()).workflow?.method, 'SignalWithStartWorkflowExecution');
  });

  it('a child knows who started its parent, and says so', async () => {
    const { own, child } = await alice.workflow.execute<typeof workflows.Parent>('Parent', start());
    assert.equal(own?.inherited, false);
    assert.deepEqual(child.workflow, { ...own, inherited: true });
    // An activity isn't told whose child its workflow is: what it was handed proves nothing there.
    assert.equal(child.activity, null);
  });

  it('who started the first run is known in those that follow', async () => {
    const { workflow, activity } = await alice.workflow.execute<typeof workflows.AgainAsNew>('AgainAsNew', start(2));
    assert.equal(workflow?.name, 'dev/alice@example.com');
    assert.deepEqual(activity, workflow);
  });

  it('an assertion proves nothing anywhere else', async () => {
    const handle = await alice.workflow.start<typeof workflows.Hour>('Hour', start());
    const { workflowId } = handle;
    const assertion = await assertionOf(workflowId);
    const here = { namespace: 'payments', workflowId };
    assert.equal((await callers.verify(assertion, here))?.name, 'dev/alice@example.com');
    for (const elsewhere of [
      { namespace: 'payroll', workflowId },
      { namespace: 'payments', workflowId: `${workflowId}-2` },
      { namespace: 'payments', activityId: workflowId },
      { namespace: 'payments', workflowId: 'child', ancestors: [{ namespace: 'payroll', workflowId }] },
      { ...here, at: Date.now() + 31 * 24 * 3_600_000 },
    ]) {
      assert.equal(await callers.verify(assertion, elsewhere), null, JSON.stringify(elsewhere));
    }

    const [head, claims, signature] = assertion.split('.') as [string, string, string];
    const ceo = Buffer.from(Buffer.from(claims, 'base64url').toString().replace('alice', 'carol')).toString('base64url');
    assert.equal(await callers.verify(`${head}.${ceo}.${signature}`, here), null);
    assert.equal(await new CallerVerifier({ keySet: `${stage.at.keys}/engine` }).verify(assertion, here), null);
    assert.equal(await new CallerVerifier({ keySet: `${stage.at.keys}/caller`, issuer: 'postern/other' }).verify(assertion, here), null);
    // No keys: nobody knows, and nobody is told that there was no caller.
    await assert.rejects(new CallerVerifier({ keySet: `${stage.at.keys}/nothing` }).verify(assertion, here));
    await handle.terminate();
  });

  it('it is no credential', async () => {
    const handle = await alice.workflow.start<typeof workflows.Hour>('Hour', start());
    const no = await refused(async () => {
      const client = await clientOf(stage.at.gate, await assertionOf(handle.workflowId));
      await client.workflow.getHandle(handle.workflowId).terminate();
    });
    assert.equal(no.code, UNAUTHENTICATED);
    await handle.terminate();
  });

  it('signals and updates name their own callers where that is configured', async () => {
    writeFileSync(stage.at.config, readFileSync(stage.at.config, 'utf8').replace('- name: dev\n', '- name: dev\n      identity: { assertion: writes }\n'));
    const carol = await stage.person('carol');
    const greeted = await until('a signal and an update that name their caller', 20_000, async () => {
      const handle = await alice.workflow.start<typeof workflows.Greeted>('Greeted', start());
      await carol.workflow.getHandle(handle.workflowId).signal('greet');
      assert.ok([null, 'dev/carol@example.com'].includes(await carol.workflow.getHandle(handle.workflowId).executeUpdate<string | null, []>('hail')));
      const names = await handle.result();
      // The reload may fall between the two.
      return names[1] !== null && names[2] !== null && names;
    });
    assert.deepEqual(greeted, ['dev/alice@example.com', 'dev/carol@example.com', 'dev/carol@example.com']);
  });
});
