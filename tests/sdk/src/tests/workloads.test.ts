// Workers that hold no secret of the gate's: a client certificate, the token of a Kubernetes service account, the same beside an agent. Stock SDK, over TLS.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Client, Connection, type TLSConfig } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { decodeJwt } from 'jose';
import { Authority, type Pair } from '../gate/authority.js';
import { clientOf, refused, RunningWorker } from '../gate/clients.js';
import { Cluster } from '../gate/cluster.js';
import { Management } from '../gate/management.js';
import { built, freePort, Running, until } from '../gate/processes.js';
import { personToken } from '../gate/tokens.js';
import { byWorkloadFile, connect } from '../rotating-token/token.js';
import { Neighbours } from './neighbours.js';
import { LIMIT, LONG, start, UNAUTHENTICATED } from './stage.js';

const ACCOUNT = 'refund-worker';

describe('a worker without a secret of the gate', LIMIT, () => {
  const all = new Neighbours();
  let workers: Authority;
  let cluster: Cluster;
  let serverAuthority: string;
  let secure: string;
  let management: Management;
  let alice: Client;

  before(async () => {
    workers = await Authority.create('CN=Workers');
    const servers = await Authority.create('CN=Servers');
    const file = (name: string, text: string) => (writeFileSync(join(all.folder, name), text, { mode: 0o600 }), join(all.folder, name));
    const server = await servers.server();
    serverAuthority = file('servers.pem', servers.pem);
    const [certificate, key, authority] = [file('gate.pem', server.certificate), file('gate.key', server.key), file('workers.pem', workers.pem)];
    cluster = await Cluster.start(await freePort());
    secure = `127.0.0.1:${await freePort()}`;
    await all.open({
      change: (config) =>
        config
          .replace('listen:\n', `listen:\n  - { address: "${secure}", tls: { certificate: "${certificate}", key: "${key}", clientCertificates: optional, clientAuthorities: ["${authority}"] } }\n`)
          .replace(
            '  accounts: enabled\n',
            `  accounts: enabled
  certificates:
    - { name: workers, authorities: ["${authority}"], filters: [{ organizationalUnit: payments }], account: ${ACCOUNT} }
  federated:
    - name: cluster
      issuer: "${cluster.issuer}"
      audiences: [${Cluster.audience}]
      clockSkew: 0s
      rules: [{ claims: { sub: "system:serviceaccount:payments:worker" }, account: ${ACCOUNT} }]
`,
          )
          .replace(/tokens: \{ issuer: ("[^"]+") \}/, 'tokens: { issuer: $1, lifetime: 20s }'),
    });
    alice = await clientOf(all.at.gate, await personToken(all.at.issuer, 'alice@example.com'));
    management = await Management.open(all.at);
    await management.account(ACCOUNT);
  });
  after(async () => {
    await alice?.connection.close();
    await cluster?.stop();
    await all.close();
  });

  const tls = (pair?: Pair): TLSConfig => ({
    serverRootCACertificate: readFileSync(serverAuthority),
    serverNameOverride: 'localhost',
    ...(pair === undefined ? {} : { clientCertPair: { crt: Buffer.from(pair.certificate), key: Buffer.from(pair.key) } }),
  });

  const refund = async () => {
    const handle = await alice.workflow.start('Refund', start('order', 1250));
    assert.equal(await handle.result(), 'refunded 12.50 for order');
    const { events } = await handle.fetchHistory();
    assert.equal(events?.some((e) => e.workflowTaskFailedEventAttributes ?? e.workflowTaskTimedOutEventAttributes ?? e.activityTaskFailedEventAttributes ?? e.activityTaskTimedOutEventAttributes), false);
    return events?.find((e) => e.activityTaskCompletedEventAttributes)?.principal?.name;
  };

  const openPolls = async () => Number(/^postern_polls_open(?:\{[^}]*\})? (\d+)/m.exec(await (await fetch(`${all.at.admin}/metrics`)).text())?.[1]);

  /** A poll of a queue where nothing ever is, once it waits; and the gate's answer to it. */
  const quietPoll = async (connection: Client['connection']) => {
    await until('the polls of others have ended', 30_000, async () => (await openPolls()) === 0);
    const ended = refused(() =>
      connection.withDeadline(Date.now() + 60_000, () =>
        connection.workflowService.pollWorkflowTaskQueue({ namespace: 'payments', taskQueue: { name: 'payments-quiet' }, identity: 'waiting' }),
      ),
    );
    ended.catch(() => undefined);
    await until('the poll waits', 30_000, async () => (await openPolls()) === 1);
    return { ended };
  };

  it('runs workflows with a client certificate, as its account', async () => {
    const worker = await RunningWorker.on(await NativeConnection.connect({ address: secure, tls: tls(await workers.client('CN=worker-1, OU=payments')) }));
    try {
      assert.equal(await refund(), `postern/${ACCOUNT}`);
    } finally {
      await worker.stop();
    }
  });

  it('is nobody without its certificate, with that of another unit, and with a token beside it', async () => {
    const token = await personToken(all.at.issuer, 'alice@example.com');
    const own = await workers.client('CN=worker-2, OU=payments');
    for (const [pair, apiKey] of [[undefined, undefined], [await workers.client('CN=worker-3, OU=billing'), undefined], [own, token]] as const) {
      const connection = Connection.lazy({ address: secure, tls: tls(pair), ...(apiKey === undefined ? {} : { apiKey }) });
      const no = await refused(() => connection.workflowService.describeNamespace({ namespace: 'payments' }));
      assert.equal(no.code, UNAUTHENTICATED, no.details);
      await connection.close();
    }
  });

  it('has its polls ended when its certificate is revoked, and its account goes on with another', async () => {
    const [lost, next] = [await workers.client('CN=lost, OU=payments'), await workers.client('CN=next, OU=payments')];
    const connection = Connection.lazy({ address: secure, tls: tls(lost) });
    const { ended } = await quietPoll(connection);
    const worker = await RunningWorker.on(await NativeConnection.connect({ address: secure, tls: tls(next) }));
    try {
      await management.revokeNamed('certificate', lost.id);
      const no = await ended;
      assert.equal(no.code, UNAUTHENTICATED);
      assert.match(no.details, /revoked/);
      assert.equal((await refused(() => connection.workflowService.describeNamespace({ namespace: 'payments' }))).code, UNAUTHENTICATED);
      assert.equal(await refund(), `postern/${ACCOUNT}`);
      assert.equal(worker.state, 'RUNNING');
    } finally {
      await worker.stop();
      await connection.close();
    }
  });

  it(`lives ${LONG ? '5 minutes' : '45 seconds'} on tokens of 20 seconds for those of its pod's service account`, async () => {
    const folder = join(all.folder, 'volume');
    mkdirSync(folder);
    const file = await cluster.mount(folder, 'payments', 'worker', 15);
    const endpoint = `${all.at.oauth}/oauth/token`;
    const { connection, stop } = await connect(() => byWorkloadFile(endpoint, file), { address: secure, tls: tls() });
    const worker = await RunningWorker.on(connection);
    try {
      const end = Date.now() + (LONG ? 300_000 : 45_000);
      for (let done = 0; Date.now() < end; done++) {
        assert.equal(await refund(), `postern/${ACCOUNT}`);
        await new Promise((later) => setTimeout(later, 250));
      }

      assert.equal(worker.state, 'RUNNING');
    } finally {
      stop();
      await worker.stop();
    }

    const other = join(folder, 'other');
    writeFileSync(other, await cluster.token('billing', 'worker'));
    await assert.rejects(byWorkloadFile(endpoint, other), /no token \(400\): .*invalid_/);

    // What was exchanged ends with what it was exchanged for.
    const own = join(folder, 'own');
    writeFileSync(own, await cluster.token('payments', 'worker'));
    const token = await byWorkloadFile(endpoint, own);
    const poller = await clientOf(secure, token.access_token, 'payments', { tls: tls() });
    const { ended } = await quietPoll(poller.connection);
    await management.revokeNamed('token', decodeJwt(readFileSync(own, 'utf8')).jti!);
    const no = await ended;
    assert.equal(no.code, UNAUTHENTICATED);
    assert.match(no.details, /revoked/);
    await poller.connection.close();
  });

  it('needs nothing at all beside an agent in its pod, which reaches the gate over TLS and ends with the account', async () => {
    const folder = join(all.folder, 'volume-of-agent');
    mkdirSync(folder);
    const file = await cluster.mount(folder, 'payments', 'worker', 15);
    const listen = `127.0.0.1:${await freePort()}`;
    const agent = new Running(built('Postern', 'postern'), [
      'agent', '--gate', `https://${secure}`, '--token-endpoint', `${all.at.oauth}/oauth/token`, '--workload-file', file, '--authority', serverAuthority, '--listen', listen,
    ]);
    await until('the agent listens', 30_000, () => agent.errors.includes('Listens on'));
    const worker = await RunningWorker.start(listen, undefined);
    try {
      // Longer than one token lives.
      const end = Date.now() + 25_000;
      while (Date.now() < end) {
        assert.equal(await refund(), `postern/${ACCOUNT}`);
        await new Promise((later) => setTimeout(later, 500));
      }

      assert.equal(worker.state, 'RUNNING');
    } finally {
      await worker.stop();
    }

    const connection = await Connection.connect({ address: listen, tls: false });
    const { ended } = await quietPoll(connection);
    await management.disable(ACCOUNT);
    try {
      assert.equal((await ended).code, UNAUTHENTICATED);
      assert.equal(await agent.exited, 1);
      assert.match(agent.errors, /The gate refuses this identity, so the agent ends: .*disabled/);
    } finally {
      await management.disable(ACCOUNT, false);
      await connection.close();
    }
  });
});
