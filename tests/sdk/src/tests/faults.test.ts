// What goes away, and comes back: the gate as it runs on a server, `postern serve`, with its neighbours in processes of their own.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { readAudit } from '../gate/audit.js';
import { clientOf, refused, RunningWorker } from '../gate/clients.js';
import { until } from '../gate/processes.js';
import { accountToken, personToken } from '../gate/tokens.js';
import type * as workflows from '../workflows/payments.js';
import { Neighbours } from './neighbours.js';
import { LIMIT, start, UNAVAILABLE } from './stage.js';

describe('a gate that is restarted under load', LIMIT, () => {
  const all = new Neighbours();
  let alice: Client;
  let worker: RunningWorker;

  before(async () => {
    await all.open();
    alice = await clientOf(all.at.gate, await personToken(all.at.issuer, 'alice@example.com'));
    worker = await RunningWorker.start(all.at.gate, await accountToken(all.at.issuer, 'payments-worker'));
  });
  after(async () => {
    await worker?.stop().catch(() => undefined);
    await all.close();
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`by ${signal} loses no workflow, and its workers come back`, async () => {
      const handles = await Promise.all(Array.from({ length: 100 }, () => alice.workflow.start<typeof workflows.Busy>('Busy', start(20))));
      await until('some are under way', 30_000, async () => ((await handles[0]!.fetchHistory()).events?.length ?? 0) > 12);

      const code = await all.gate.stop(signal);
      if (signal === 'SIGTERM') {
        assert.equal(code, 0, all.gate.errors);
      }

      await all.startGate();

      assert.deepEqual(await results(handles), handles.map(() => 200));
      assert.equal(worker.state, 'RUNNING');
    });
  }
});

describe('an issuer that is away', LIMIT, () => {
  const all = new Neighbours();
  let workerToken: string;
  let worker: RunningWorker;

  before(async () => {
    await all.open({ identity: ['--token-seconds', '20'], config: 'clockSkew: 0s' });
    workerToken = await accountToken(all.at.issuer, 'payments-worker');
    worker = await RunningWorker.start(all.at.gate, workerToken);
  });
  after(async () => {
    await worker?.stop().catch(() => undefined);
    await all.close();
  });

  it('lets tokens that it signed go on, says UNAVAILABLE for what cannot be told, and workers live through it', async () => {
    const [known, unseen] = [await personToken(all.at.issuer, 'alice@example.com'), await personToken(all.at.issuer, 'alice@example.com')];
    const alice = await clientOf(all.at.gate, known);
    await all.identity.process.stop('SIGKILL');

    assert.equal(await alice.workflow.execute<typeof workflows.Echo<string>>('Echo', start('known')), 'known');
    const other = await clientOf(all.at.gate, unseen);
    assert.equal(await other.workflow.execute<typeof workflows.Echo<string>>('Echo', start('unseen')), 'unseen');

    // A gate that starts meanwhile has no keys at all: it can't tell.
    await all.gate.stop('SIGKILL');
    await all.startGate();
    // Without the SDK's own retries, which would hide what the gate says.
    const connection = Connection.lazy({ address: all.at.gate, tls: false, apiKey: unseen, interceptors: [] });
    assert.equal((await refused(() => describeOnce(connection))).code, UNAVAILABLE);
    await until('the worker has met it', 15_000, () => readAudit(all.at.audit).some((r) => r.operation.endsWith('TaskQueue') && r.refusal === 'cannot-tell'));
    assert.equal(worker.state, 'RUNNING');

    await all.startIdentity();
    const again = await personToken(all.at.issuer, 'alice@example.com');
    worker.connection.setApiKey(await accountToken(all.at.issuer, 'payments-worker'));
    const back = await until('the gate has fetched the keys', 60_000, async () => {
      try {
        return await clientOf(all.at.gate, again);
      } catch {
        return undefined;
      }
    });
    assert.equal(await back.workflow.execute<typeof workflows.Echo<string>>('Echo', start('back')), 'back');
    assert.equal(worker.state, 'RUNNING');
  });
});

describe('an engine that recycles its connections', LIMIT, () => {
  const all = new Neighbours();
  let alice: Client;
  let worker: RunningWorker;

  before(async () => {
    await all.open({ engine: ['--engine-connection-seconds', '3'] });
    alice = await clientOf(all.at.gate, await personToken(all.at.issuer, 'alice@example.com'));
    worker = await RunningWorker.start(all.at.gate, await accountToken(all.at.issuer, 'payments-worker'));
  });
  after(async () => {
    await worker?.stop().catch(() => undefined);
    await all.close();
  });

  it('fails no call and no poll', async () => {
    const from = new Date().toISOString();
    const end = Date.now() + 15_000;
    let done = 0;
    const caller = async () => {
      while (Date.now() < end) {
        assert.equal(await alice.workflow.execute<typeof workflows.Busy>('Busy', start(3)), 30);
        done++;
      }
    };
    await Promise.all(Array.from({ length: 10 }, caller));

    assert.ok(done >= 10, `${done} workflows`);
    assert.equal(worker.state, 'RUNNING');
    const failed = readAudit(all.at.audit).filter((r) => r.event === 'call' && r.time > from && r.status !== 0);
    assert.deepEqual(failed, []);
  });
});

if (process.env['POSTERN_LONG']) {
  describe('for minutes', { timeout: 900_000 }, () => {
    const all = new Neighbours();
    let worker: RunningWorker;

    before(async () => {
      await all.open({ engine: ['--engine-connection-seconds', '300'] });
      worker = await RunningWorker.start(all.at.gate, await accountToken(all.at.issuer, 'payments-worker'));
    });
    after(async () => {
      await worker?.stop().catch(() => undefined);
      await all.close();
    });

    // Core ends a worker whose polls are refused for 60 s; what can't be told must not do that to it.
    it('a worker outlives an issuer that is away for longer than it would outlive a refusal', async () => {
      await all.identity.process.stop('SIGKILL');
      await all.gate.stop('SIGKILL');
      await all.startGate();
      await pause(100_000);
      assert.equal(worker.state, 'RUNNING');
      assert.ok(readAudit(all.at.audit).some((r) => r.refusal === 'cannot-tell'));

      await all.startIdentity();
      const alice = await until('the gate has fetched the keys', 60_000, async () =>
        clientOf(all.at.gate, await personToken(all.at.issuer, 'alice@example.com')).catch(() => undefined));
      assert.equal(await alice.workflow.execute<typeof workflows.Echo<string>>('Echo', start('back')), 'back');
    });

    it('an idle worker outlives a connection that the engine recycles after five minutes, without one failed poll', async () => {
      const from = new Date().toISOString();
      await pause(400_000);
      assert.equal(worker.state, 'RUNNING');
      const polls = readAudit(all.at.audit).filter((r) => r.event === 'call' && r.time > from && r.operation.startsWith('Poll'));
      assert.ok(polls.length > 20, `${polls.length} polls`);
      assert.deepEqual(polls.filter((r) => r.status !== 0), []);
    });
  });
}

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

async function results(handles: WorkflowHandle<typeof workflows.Busy>[]): Promise<number[]> {
  return await Promise.all(handles.map((handle) => handle.result()));
}

function describeOnce(connection: Connection): Promise<unknown> {
  return connection.withDeadline(Date.now() + 3_000, () => connection.workflowService.describeNamespace({ namespace: 'payments' }));
}
