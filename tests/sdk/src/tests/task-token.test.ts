// An activity's token that holds only while its task does: at an API behind it, and back at the gate. Stock SDK, the sample's code.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { activityInfo, CompleteAsyncError } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { clientOf, refused, RunningWorker } from '../gate/clients.js';
import { Management } from '../gate/management.js';
import { until } from '../gate/processes.js';
import { type Account, type Task, taskOf, taskToken } from '../task-token/task-token.js';
import { LIMIT, PERMISSION_DENIED, Stage, start, UNAUTHENTICATED } from './stage.js';

const API = 'https://billing.example.com';

/** What an activity hands out while it runs. */
interface Handed {
  task: Uint8Array;
  attempt: number;
  forGate: string;
  forApi: string;
}

describe('a token that holds while its task does', LIMIT, () => {
  let stage: Stage;
  let alice: Client;
  let account: Account;
  let worker: RunningWorker;
  let api: Server;
  let handed: (it: Handed) => Promise<string>;

  /** The API's answer to a token: its status, and the task that it saw. */
  const call = async (token: string): Promise<{ status: number; task: Task | undefined }> => {
    const answer = await fetch(`http://127.0.0.1:${(api.address() as AddressInfo).port}/invoices`, { headers: { authorization: `Bearer ${token}` } });
    return { status: answer.status, task: answer.ok ? ((await answer.json()) as Task) : undefined };
  };

  before(async () => {
    stage = await Stage.open();
    alice = await stage.person('alice');
    const management = await Management.open(stage.at);
    await management.account('refund-worker', 'service', { [API]: ['invoices:read'] });
    await management.account('billing-api');
    account = { gate: stage.at.oauth, name: 'refund-worker', key: (await management.key('refund-worker')).text };
    const billing = { gate: stage.at.oauth, name: 'billing-api', key: (await management.key('billing-api')).text };
    api = createServer((request, response) => {
      void taskOf(billing, API, (request.headers.authorization ?? '').slice('Bearer '.length)).then(
        (task) => response.writeHead(task === null ? 401 : 200).end(JSON.stringify(task)),
        (e: unknown) => response.writeHead(503).end(String(e)),
      );
    });
    await new Promise<void>((done) => api.listen(0, '127.0.0.1', done));
    const callsBack = async () => {
      const { taskToken: task, attempt } = activityInfo();
      return await handed({ task, attempt, forGate: await taskToken(account), forApi: await taskToken(account, API) });
    };
    worker = await RunningWorker.start(stage.at.gate, account.key, { activities: { callsBack } });
  });
  after(async () => {
    api.close();
    await worker.stop();
    await stage.close();
  });

  /** A program beside the worker that has nothing but the token. */
  const beside = async <T>(token: string, work: (client: Client) => Promise<T>): Promise<T> => {
    const client = await clientOf(stage.at.gate, token);
    try {
      return await work(client);
    } finally {
      await client.connection.close();
    }
  };

  it('names its task to an API, and counts until the activity has ended', async () => {
    let seen: Handed | undefined;
    let end!: (result: string) => void;
    handed = (it) => ((seen = it), new Promise((done) => (end = done)));
    const handle = await alice.workflow.start('CallsBack', start());
    const { forApi, forGate, task } = await until('the activity runs', 20_000, () => seen);

    const answer = await call(forApi);
    assert.equal(answer.status, 200);
    assert.deepEqual(
      { namespace: answer.task?.namespace, workflow: answer.task?.workflow_id, run: answer.task?.run_id, type: answer.task?.activity_type, attempt: answer.task?.attempt },
      { namespace: 'payments', workflow: handle.workflowId, run: handle.firstExecutionRunId, type: 'callsBack', attempt: 1 },
    );
    // The one for the engine is no token for the API.
    assert.equal((await call(forGate)).status, 401);
    await beside(forGate, async (client) => {
      await client.activity.heartbeat(task, 'half way');
      assert.equal((await refused(() => client.workflow.start('Refund', start('order', 1)))).code, PERMISSION_DENIED);
      assert.equal((await refused(() => client.workflow.getHandle(handle.workflowId).signal('add', 1))).code, PERMISSION_DENIED);
      end('done');
      assert.equal(await handle.result(), 'done');
      await until('the API hears that the task has ended', 10_000, async () => (await call(forApi)).status === 401);
      await assert.rejects(client.activity.complete(task, 'again'), /unauthenticated\. The task that the token is bound to no longer runs/);
    });
  });

  it('lets somebody else end the task, who has nothing but the token', async () => {
    let seen: Handed | undefined;
    handed = (it) => {
      seen = it;
      throw new CompleteAsyncError();
    };
    const handle = await alice.workflow.start('CallsBack', start());
    const { forGate, task } = await until('the activity was left to others', 20_000, () => seen);
    await beside(forGate, async (client) => await client.activity.complete(task, 'from outside'));
    assert.equal(await handle.result(), 'from outside');
  });

  it('ends with its attempt, though the activity is tried again', async () => {
    const seen: Handed[] = [];
    let end!: (result: string) => void;
    handed = async (it) => {
      seen.push(it);
      if (it.attempt === 1) {
        throw new Error('the first attempt fails');
      }

      return await new Promise((done) => (end = done));
    };
    const handle = await alice.workflow.start('CallsBack', start());
    const [first, second] = (await until('the second attempt runs', 20_000, () => seen.length === 2 && seen)) as [Handed, Handed];

    await until('the first token has ended', 10_000, async () => (await call(first.forApi)).status === 401);
    assert.equal((await call(second.forApi)).task?.attempt, 2);
    await beside(second.forGate, async (client) => {
      await client.activity.heartbeat(second.task);
      await assert.rejects(client.activity.heartbeat(first.task), /unauthorized\. The token is bound to one activity task, and the call is no answer to it/);
    });
    const no = await refused(() => beside(first.forGate, async (client) => await client.activity.heartbeat(first.task)));
    assert.equal(no.code, UNAUTHENTICATED);
    assert.match(no.details, /no longer runs/);
    end('at last');
    assert.equal(await handle.result(), 'at last');
  });
});
