// What the policy doesn't allow, in the words that the SDK shows.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Client, ConnectionOptions } from '@temporalio/client';
import { Connection } from '@temporalio/client';
import { findCall } from '../gate/audit.js';
import { refused, RunningWorker } from '../gate/clients.js';
import { accountToken, personToken } from '../gate/tokens.js';
import type * as workflows from '../workflows/payments.js';
import { LIMIT, PERMISSION_DENIED, Stage, start, UNAUTHENTICATED } from './stage.js';

const CALL = / \[call ([0-9A-Za-z]+)\]$/;

describe('refused', LIMIT, () => {
  let stage: Stage;
  let alice: Client;
  let bob: Client;
  let worker: Client;
  let running: string;

  before(async () => {
    stage = await Stage.open();
    [alice, bob, worker] = [await stage.person('alice'), await stage.person('bob'), await stage.account('payments-worker')];
    running = (await alice.workflow.start<typeof workflows.Hour>('Hour', start())).workflowId;
  });
  after(() => stage.close());

  /** The whole text but for the call's id, which must lead to the audit record. */
  async function expectRefusal(call: () => Promise<unknown>, text: string): Promise<void> {
    const { code, details } = await refused(call);
    const id = CALL.exec(details)?.[1];
    assert.deepEqual({ code, text: details.replace(CALL, '') }, { code: PERMISSION_DENIED, text });
    const record = await findCall(stage.at.audit, `call ${id}`, (r) => r.id === id);
    assert.equal(record.decision, 'deny');
    assert.equal(record.refusal, 'not-allowed');
    assert.equal(record.status, PERMISSION_DENIED);
  }

  const no = (who: string, permission: string, where: string) => `Request unauthorized. ${who} may not ${permission} in namespace ${where}: no binding allows it.`;

  it('a viewer who starts', () => expectRefusal(() => bob.workflow.start('Refund', start('o', 1)), no('bob@example.com', 'workflow.start', 'payments')));

  it('a viewer who signals', () => expectRefusal(() => bob.workflow.getHandle(running).signal('add', 1), no('bob@example.com', 'workflow.signal', 'payments')));

  it('a viewer who cancels', () => expectRefusal(() => bob.workflow.getHandle(running).cancel(), no('bob@example.com', 'workflow.cancel', 'payments')));

  it('a viewer who terminates', () => expectRefusal(() => bob.workflow.getHandle(running).terminate(), no('bob@example.com', 'workflow.terminate', 'payments')));

  it('a viewer who updates', () => expectRefusal(() => bob.workflow.getHandle(running).executeUpdate('addNow', { args: [1] }), no('bob@example.com', 'workflow.update', 'payments')));

  it('a developer in a namespace of others', () =>
    expectRefusal(
      () => alice.workflowService.describeWorkflowExecution({ namespace: 'payroll', execution: { workflowId: 'x' } }),
      no('alice@example.com', 'workflow.read', 'payroll'),
    ));

  it('a namespace that does not exist, in the same words', () =>
    expectRefusal(
      () => alice.workflowService.describeWorkflowExecution({ namespace: 'no-such-namespace', execution: { workflowId: 'x' } }),
      no('alice@example.com', 'workflow.read', 'no-such-namespace'),
    ));

  it('a worker who starts', () => expectRefusal(() => worker.workflow.start('Refund', start('o', 1)), no('payments-worker', 'workflow.start', 'payments')));

  it("a worker who polls another team's queue", () =>
    expectRefusal(
      () => worker.withDeadline(Date.now() + 10_000, () => worker.workflowService.pollWorkflowTaskQueue({ namespace: 'payments', taskQueue: { name: 'payroll' } })),
      no('payments-worker', 'worker.poll', 'payments'),
    ));

  it("a worker who polls another team's queue as the sticky queue of its own", () =>
    expectRefusal(
      () =>
        worker.withDeadline(Date.now() + 10_000, () =>
          worker.workflowService.pollWorkflowTaskQueue({ namespace: 'payments', taskQueue: { name: 'sticky', kind: 2, normalName: 'payroll' } }),
        ),
      no('payments-worker', 'worker.poll', 'payments'),
    ));

  it('a person who polls', () =>
    expectRefusal(
      () => bob.withDeadline(Date.now() + 10_000, () => bob.workflowService.pollActivityTaskQueue({ namespace: 'payments', taskQueue: { name: 'payments' } })),
      no('bob@example.com', 'worker.poll', 'payments'),
    ));

  it('an SDK worker in a namespace of others, before its first poll', async () => {
    const token = await accountToken(stage.at.issuer, 'payments-worker');
    await assert.rejects(
      // In debug mode the SDK starts no threads; those of a worker that can't be made would keep this process alive.
      RunningWorker.start(stage.at.gate, token, { namespace: 'payroll', taskQueue: 'payroll', debugMode: true }),
      // As of a namespace that isn't there: whoever may not see it can't tell.
      /code: NotFound, message: "Namespace payroll is not found\."/,
    );
  });

  it('an agent outside of the workflow types that are its own', async () => {
    const agent = await stage.account('report-agent');
    await agent.workflow.start('Refund', start('o', 1));
    await expectRefusal(() => agent.workflow.start('Hour', start()), no('report-agent', 'workflow.start', 'payments'));
  });

  it('a namespace header that says otherwise changes nothing', async () => {
    const sneaky = await stage.person('alice', { metadata: { 'temporal-namespace': 'payments' } });
    await expectRefusal(
      () => sneaky.workflowService.describeWorkflowExecution({ namespace: 'payroll', execution: { workflowId: 'x' } }),
      no('alice@example.com', 'workflow.read', 'payroll'),
    );
  });

  const lazy = (options: ConnectionOptions) => Connection.lazy({ address: stage.at.gate, tls: false, ...options });
  const list = (connection: Connection) => refused(() => connection.workflowService.listWorkflowExecutions({ namespace: 'payments' }));

  it('a call without a token', async () => assert.equal((await list(lazy({}))).code, UNAUTHENTICATED));

  it('a token that somebody else signed', async () => {
    const [head, body] = (await personToken(stage.at.issuer, 'alice@example.com')).split('.') as [string, string];
    assert.equal((await list(lazy({ apiKey: `${head}.${body}.${Buffer.alloc(64, 1).toString('base64url')}` }))).code, UNAUTHENTICATED);
  });

  it('a token without a signature', async () => {
    const body = (await personToken(stage.at.issuer, 'alice@example.com')).split('.')[1]!;
    const head = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
    assert.equal((await list(lazy({ apiKey: `${head}.${body}.` }))).code, UNAUTHENTICATED);
  });

  it('words that are no token', async () => assert.equal((await list(lazy({ apiKey: 'hello' }))).code, UNAUTHENTICATED));

  it('no refusal says what a token holds', async () => {
    const token = await personToken(stage.at.issuer, 'alice@example.com');
    const { details } = await list(lazy({ apiKey: `${token}x` }));
    assert.ok(!details.includes(token.slice(0, 20)), details);
  });
});
