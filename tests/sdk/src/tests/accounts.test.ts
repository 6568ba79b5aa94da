// Workers as accounts of the gate's own: by key, by tokens of seconds, beside an agent. Stock SDK, real processes.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Client, Connection } from '@temporalio/client';
import { clientOf, refused, RunningWorker } from '../gate/clients.js';
import { type Key, Management } from '../gate/management.js';
import { built, freePort, Running, until } from '../gate/processes.js';
import { byKey, connect } from '../rotating-token/token.js';
import { LIMIT, LONG, PERMISSION_DENIED, Stage, start, UNAUTHENTICATED } from './stage.js';

const ACCOUNT = 'refund-worker';

describe("a worker of the gate's own account", LIMIT, () => {
  let stage: Stage;
  let alice: Client;
  let management: Management;
  let folder: string;

  before(async () => {
    stage = await Stage.open();
    folder = mkdtempSync(join(tmpdir(), 'postern-sdk-keys-'));
    // What minutes are in production are seconds here.
    writeFileSync(stage.at.config, readFileSync(stage.at.config, 'utf8').replace(/tokens: \{ issuer: ("[^"]+") \}/, 'tokens: { issuer: $1, lifetime: 20s }'));
    alice = await stage.person('alice');
    management = await Management.open(stage.at);
    await management.account(ACCOUNT);
    const { id, text } = await management.key(ACCOUNT);
    await until('tokens live for 20 s', 20_000, async () => {
      const answer = await fetch(`${stage.at.oauth}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${ACCOUNT}:${text}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      return ((await answer.json()) as { expires_in?: number }).expires_in === 20;
    });
    await management.revoke(id);
  });
  after(async () => {
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const refund = async () => {
    const handle = await alice.workflow.start('Refund', start('order', 1250));
    assert.equal(await handle.result(), 'refunded 12.50 for order');
    return handle;
  };

  it('runs workflows with a key, and its name stands in their history', async () => {
    const worker = await RunningWorker.start(stage.at.gate, (await management.key(ACCOUNT)).text);
    try {
      const { events } = await (await refund()).fetchHistory();
      assert.equal(events?.find((e) => e.workflowTaskStartedEventAttributes) !== undefined, true);
      assert.equal(events?.find((e) => e.activityTaskCompletedEventAttributes)?.principal?.name, `postern/${ACCOUNT}`);
    } finally {
      await worker.stop();
    }
  });

  it('may not do what its binding does not name', async () => {
    const client = await clientOf(stage.at.gate, (await management.key(ACCOUNT)).text);
    const no = await refused(() => client.workflow.start('Refund', start('order', 1)));
    assert.equal(no.code, PERMISSION_DENIED);
    assert.match(no.details, /refund-worker may not workflow\.start in namespace payments/);
    await client.connection.close();
  });

  it('goes on while its key is rotated, and ends when the key is revoked', async () => {
    const old = await management.key(ACCOUNT);
    const worker = await RunningWorker.start(stage.at.gate, old.text);
    await refund();
    const next: Key = await management.rotate(old.id, 3600);
    await refund();
    await worker.connection.setApiKey(next.text);
    await management.revoke(old.id);
    // The old key's polls have ended by then; those with the new one have taken over.
    const connection = Connection.lazy({ address: stage.at.gate, tls: false, apiKey: old.text });
    const no = await refused(() => connection.workflowService.describeNamespace({ namespace: 'payments' }));
    assert.equal(no.code, UNAUTHENTICATED);
    assert.match(no.details, /revoked/);
    await connection.close();
    for (let i = 0; i < 5; i++) {
      await refund();
    }

    assert.equal(worker.state, 'RUNNING');
    await worker.stop();
  });

  it(`lives ${LONG ? '5 minutes' : '45 seconds'} on tokens of 20 seconds without one failed task`, async () => {
    const { text } = await management.key(ACCOUNT);
    const { connection, stop } = await connect(() => byKey(`${stage.at.oauth}/oauth/token`, ACCOUNT, text), { address: stage.at.gate, tls: false });
    const worker = await RunningWorker.on(connection);
    try {
      const end = Date.now() + (LONG ? 300_000 : 45_000);
      let done = 0;
      while (Date.now() < end) {
        const { events } = await (await refund()).fetchHistory();
        assert.equal(events?.some((e) => e.workflowTaskFailedEventAttributes ?? e.workflowTaskTimedOutEventAttributes ?? e.activityTaskFailedEventAttributes ?? e.activityTaskTimedOutEventAttributes), false);
        done++;
        await new Promise((later) => setTimeout(later, 250));
      }

      assert.ok(done > 20, `${done} workflows`);
      assert.equal(worker.state, 'RUNNING');
    } finally {
      stop();
      await worker.stop();
    }
  });

  it('needs no credential beside an agent, which ends with its account', async () => {
    const name = 'refund-worker';
    const file = join(folder, 'key');
    writeFileSync(file, (await management.key(name)).text);
    const listen = `127.0.0.1:${await freePort()}`;
    const agent = new Running(built('Postern', 'postern'), [
      'agent', '--gate', `http://${stage.at.gate}`, '--token-endpoint', `${stage.at.oauth}/oauth/token`, '--account', name, '--key-file', file, '--listen', listen,
    ]);
    await until('the agent listens', 30_000, () => agent.errors.includes('Listens on'));
    const worker = await RunningWorker.start(listen, undefined);
    // Longer than one token lives.
    const end = Date.now() + 25_000;
    while (Date.now() < end) {
      await refund();
      await new Promise((later) => setTimeout(later, 500));
    }

    assert.equal(worker.state, 'RUNNING');
    await worker.stop();
    await management.disable(name);
    try {
      assert.equal(await agent.exited, 1);
      assert.match(agent.errors, /The gate refuses this identity, so the agent ends: .*disabled/);
    } finally {
      await management.disable(name, false);
    }
  });

  it('is dead within a minute when its account is disabled, and says why', async () => {
    const client = await clientOf(stage.at.gate, (await management.key(ACCOUNT)).text);
    const poll = client.connection.withDeadline(Date.now() + 60_000, () =>
      client.workflowService.pollWorkflowTaskQueue({ namespace: 'payments', taskQueue: { name: 'payments-quiet' }, identity: 'waiting' }));
    const ended = refused(() => poll);
    await new Promise((later) => setTimeout(later, 1_000));
    await management.disable(ACCOUNT);
    try {
      const no = await ended;
      assert.equal(no.code, UNAUTHENTICATED);
      assert.match(no.details, /revoked/);
    } finally {
      await management.disable(ACCOUNT, false);
      await client.connection.close();
    }
  });
});
