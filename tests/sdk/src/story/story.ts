import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { CALLER_HEADER } from '../caller-assertion/caller.js';
import { findCall, readAudit, type AuditRecord } from '../gate/audit.js';
import { callerAware, clientOf, refused, RunningWorker } from '../gate/clients.js';
import { Management } from '../gate/management.js';
import { type Addresses, until } from '../gate/processes.js';
import { accountToken, personToken } from '../gate/tokens.js';
import type { WhoStartedMe } from '../workflows/callers.js';
import type { Reaches } from '../workflows/payments.js';
import { check, type Steps } from './steps.js';

const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;

/** What a newcomer should see, in the order in which it makes sense. */
export class Story {
  readonly #order = `order-${Date.now().toString(36)}`;
  readonly workflowId = `refund-${this.#order}`;
  #alice!: Client;
  #bob!: Client;
  #aliceToken = '';
  #workerToken = '';
  #worker: RunningWorker | undefined;

  constructor(private readonly at: Addresses) {}

  async play(steps: Steps): Promise<void> {
    const { at } = this;

    await steps.play('alice logs in', async (told) => {
      told.who('alice@example.com, a human in the group payments');
      told.asked(`a token of ${at.issuer}, by authorization code and PKCE`);
      this.#aliceToken = await personToken(at.issuer, 'alice@example.com');
      this.#alice = await clientOf(at.gate, this.#aliceToken);
      const claims = JSON.parse(Buffer.from(this.#aliceToken.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
      told.answer(`a JWT for ${String(claims['sub'])}, audience ${String(claims['aud'])}, groups ${String(claims['groups'])}; the SDK sends it as its API key`);
    });

    await steps.play('without a token nothing goes through', async (told) => {
      told.who('nobody');
      told.asked('ListWorkflowExecutions in namespace payments');
      // A connection that asks nothing at its start, so that its first question is this one.
      const connection = Connection.lazy({ address: at.gate, tls: false });
      const no = await refused(() => connection.workflowService.listWorkflowExecutions({ namespace: 'payments' }));
      told.error(no.details);
      check(no.code === UNAUTHENTICATED, `expected UNAUTHENTICATED, got ${no.code}`);
      told.decision(await this.#call('the call of nobody', (r) => r.operation.endsWith('ListWorkflowExecutions') && r.caller === undefined));
    });

    await steps.play('alice starts a Refund', async (told) => {
      told.who('alice@example.com');
      told.asked(`StartWorkflowExecution Refund ${this.workflowId} in namespace payments, task queue payments`);
      const handle = await this.#alice.workflow.start('Refund', { workflowId: this.workflowId, taskQueue: 'payments', args: [this.#order, 1250] });
      told.answer(`run ${handle.firstExecutionRunId}`);
      told.decision(await this.#call("alice's start", (r) => isStart(r) && r.workflowId === this.workflowId));
    });

    await steps.play("the payments-worker account's worker runs it", async (told) => {
      told.who('payments-worker, a service, with a token by client credentials');
      told.asked('PollWorkflowTaskQueue and PollActivityTaskQueue payments, and to answer the tasks');
      this.#workerToken = await accountToken(at.issuer, 'payments-worker');
      this.#worker = await RunningWorker.start(at.gate, this.#workerToken, callerAware(at.keys));
      const result = (await this.#alice.workflow.getHandle(this.workflowId).result()) as string;
      told.answer(`the workflow is done: "${result}"`);
      check(result === `refunded 12.50 for ${this.#order}`, `unexpected result: ${result}`);
      told.decision(await this.#call("the worker's poll", (r) => r.operation.endsWith('PollWorkflowTaskQueue') && r.caller === 'dev/payments-worker' && r.decision === 'allow'));
    });

    await steps.play("the workflow's history names alice", async (told) => {
      told.who('alice@example.com');
      told.asked(`GetWorkflowExecutionHistory ${this.workflowId}`);
      const started = (await this.#alice.workflow.getHandle(this.workflowId).fetchHistory()).events?.[0];
      const identity = started?.workflowExecutionStartedEventAttributes?.identity ?? '';
      told.answer(`WorkflowExecutionStarted.identity  = "${identity}"`);
      check(identity.includes('alice@example.com'), 'the history does not name alice');
      if (at.engineKind === 'embedded') {
        told.answer(`WorkflowExecutionStarted.principal = "${started?.principal?.name}", which the engine read from the gate's own token`);
        check(started?.principal?.name === 'dev/alice@example.com', 'the event has another principal');
      } else {
        told.note('This engine checks no tokens, so it writes no principal.');
      }
    });

    await steps.play('workflow code knows who started it', async (told) => {
      told.who('alice@example.com, whose client also writes "postern-caller: ceo" into the headers itself');
      told.asked('StartWorkflowExecution WhoStartedMe, whose code reads the gate\'s signed assertion and verifies it against the gate\'s public keys');
      const forged = { [CALLER_HEADER]: defaultPayloadConverter.toPayload('ceo') };
      const forging = new Client({
        connection: this.#alice.connection,
        namespace: 'payments',
        interceptors: { workflow: [{ startWithDetails: (input, next) => next({ ...input, headers: { ...input.headers, ...forged } }) }] },
      });
      const { workflow, activity } = await forging.workflow.execute<typeof WhoStartedMe>('WhoStartedMe', { workflowId: `${this.workflowId}-who`, taskQueue: 'payments' });
      told.answer(`the workflow: "I was started by ${workflow?.name}, a ${workflow?.kind}, call ${workflow?.callId}"`);
      told.answer(`its activity: "my workflow was started by ${activity?.name}"`);
      check(workflow?.name === 'dev/alice@example.com' && activity?.name === 'dev/alice@example.com', 'the workflow does not know alice');
      told.decision(await this.#call("alice's start", (r) => isStart(r) && r.id === workflow?.callId));
    });

    await steps.play('bob, a viewer, reads it', async (told) => {
      told.who('bob@example.com, a human in the group support');
      told.asked(`DescribeWorkflowExecution ${this.workflowId}`);
      this.#bob = await clientOf(at.gate, await personToken(at.issuer, 'bob@example.com'));
      const { type, status } = await this.#bob.workflow.getHandle(this.workflowId).describe();
      told.answer(`${type} is ${status.name}`);
      check(status.name === 'COMPLETED', `unexpected status ${status.name}`);
      told.decision(await this.#call("bob's describe", (r) => r.operation.endsWith('DescribeWorkflowExecution') && r.caller === 'dev/bob@example.com'));
    });

    await steps.play('bob is refused a start', async (told) => {
      told.who('bob@example.com');
      told.asked('StartWorkflowExecution Refund in namespace payments');
      const no = await refused(() => this.#bobStarts('refused'));
      told.error(no.details);
      check(no.code === PERMISSION_DENIED, `expected PERMISSION_DENIED, got ${no.code}`);
      check(/^Request unauthorized\. bob@example\.com may not workflow\.start in namespace payments: .+\. \[call .+\]$/.test(no.details), 'the text is not as documented');
      told.decision(await this.#call("bob's start", (r) => isStart(r) && r.caller === 'dev/bob@example.com' && r.decision === 'deny'));
    });

    await steps.play('the payments worker is refused the payroll task queue', async (told) => {
      told.who('payments-worker');
      told.asked('PollWorkflowTaskQueue payroll in namespace payments');
      const { connection } = await clientOf(at.gate, this.#workerToken);
      const poll = { namespace: 'payments', taskQueue: { name: 'payroll' }, identity: 'curious' };
      const no = await refused(() => connection.withDeadline(Date.now() + 10_000, () => connection.workflowService.pollWorkflowTaskQueue(poll)));
      told.error(no.details);
      check(no.code === PERMISSION_DENIED, `expected PERMISSION_DENIED, got ${no.code}`);
      told.decision(await this.#call("the worker's poll of payroll", (r) => r.operation.endsWith('PollWorkflowTaskQueue') && r.taskQueue === 'payroll'));

      told.asked('to start an SDK worker on payroll in namespace payroll');
      const error = await RunningWorker.start(at.gate, this.#workerToken, { namespace: 'payroll', taskQueue: 'payroll' }).then(
        async (worker) => await worker.stop(),
        (e: unknown) => e,
      );
      check(error instanceof Error && error.message.includes('Namespace payroll is not found'), `the worker started, or failed otherwise: ${String(error)}`);
      // What follows are the same words again, as bytes.
      told.error(`${String(error).split(', details: b"')[0]} …`);
      told.decision(await this.#call("the worker's first call", (r) => r.namespace === 'payroll' && r.caller === 'dev/payments-worker'));
    });

    await steps.play('a workflow that reaches into a namespace of others is refused, and its history says why', async (told) => {
      const workflowId = `${this.workflowId}-reaches`;
      told.who("payments-worker, by what its workflow's code commands");
      told.asked('a child workflow Payroll in namespace payroll, inside its answer to a workflow task in payments');
      const handle = await this.#alice.workflow.start<typeof Reaches>('Reaches', { workflowId, taskQueue: 'payments', args: ['payroll'] });
      const failed = await until('the workflow task has failed', 20_000, async () =>
        (await handle.fetchHistory()).events?.find((e) => e.workflowTaskFailedEventAttributes)?.workflowTaskFailedEventAttributes);
      const text = failed.failure?.message ?? '';
      told.answer(`WorkflowTaskFailed = "${text}"`);
      check(text.startsWith('Request unauthorized. payments-worker may not workflow.start in namespace payroll: '), 'the history does not say why');
      told.decision(await this.#call("the worker's answer", (r) => r.operation.endsWith('RespondWorkflowTaskCompleted') && text.includes(r.id)));
      await handle.terminate();
    });

    await steps.play('a stolen task token is worth nothing to another worker', async (told) => {
      const taskQueue = 'payments-theft';
      const workflowId = `${this.workflowId}-stolen`;
      const handle = await this.#alice.workflow.start('Refund', { workflowId, taskQueue, args: [this.#order, 1] });
      const { connection } = await clientOf(at.gate, this.#workerToken);
      const poll = { namespace: 'payments', taskQueue: { name: taskQueue }, identity: 'robbed' };
      const { taskToken } = await connection.withDeadline(Date.now() + 20_000, () => connection.workflowService.pollWorkflowTaskQueue(poll));
      check((taskToken?.length ?? 0) > 0, 'no task came');
      told.who('payroll-worker, who got hold of the token of a task that payments-worker polled');
      const thief = await clientOf(at.gate, await accountToken(at.issuer, 'payroll-worker'), 'payroll');
      for (const namespace of ['payments', 'payroll']) {
        told.asked(`RespondWorkflowTaskCompleted in namespace ${namespace} with that token`);
        const no = await refused(() => thief.workflowService.respondWorkflowTaskCompleted({ namespace, taskToken, identity: 'thief' }));
        told.error(no.details);
        check(no.code === (namespace === 'payments' ? PERMISSION_DENIED : INVALID_ARGUMENT), `unexpected code ${no.code}`);
        const id = /\[call ([0-9A-Za-z]+)\]$/.exec(no.details)?.[1];
        told.decision(await this.#call("the thief's answer", (r) => r.id === id));
      }

      await thief.connection.close();
      await connection.close();
      await handle.terminate();
    });

    await steps.play('a forged identity is overwritten', async (told) => {
      const forger = await clientOf(at.gate, this.#aliceToken, 'payments', { identity: 'ceo@example.com' });
      const workflowId = `${this.workflowId}-forged`;
      told.who('alice@example.com, whose client calls itself "ceo@example.com"');
      told.asked(`StartWorkflowExecution Refund ${workflowId}`);
      const handle = await forger.workflow.start('Refund', { workflowId, taskQueue: 'payments', args: ['order-forged', 100] });
      const identity = (await handle.fetchHistory()).events?.[0]?.workflowExecutionStartedEventAttributes?.identity ?? '';
      told.answer(`WorkflowExecutionStarted.identity = "${identity}"`);
      check(identity.includes('alice@example.com') && !identity.startsWith('ceo@'), 'the forged identity stands first');
      told.decision(await this.#call('the forged start', (r) => isStart(r) && r.workflowId === workflowId));
      await handle.result();
    });

    await steps.play('the policy is edited, and the same call changes its answer', async (told) => {
      const binding = '  - who:   [user:bob@example.com]\n    role:  runner\n    where: { temporal: payments, workflowType: Refund }\n';
      told.who('whoever may edit policy.yaml');
      told.asked(`to add to ${relative('.', at.policy)}:\n${binding.trimEnd()}`);
      writeFileSync(at.policy, readFileSync(at.policy, 'utf8').replace('bindings:\n', `bindings:\n${binding}`));
      let tries = 0;
      const handle = await until("bob's start is allowed", 20_000, () => this.#bobStarts(`allowed-${++tries}`).catch(() => undefined));
      told.who('bob@example.com');
      told.asked('StartWorkflowExecution Refund in namespace payments, as before');
      told.answer(`run ${handle.firstExecutionRunId}: "${(await handle.result()) as string}". Nothing was restarted.`);
      told.decision(await this.#call("bob's second start", (r) => isStart(r) && r.caller === 'dev/bob@example.com' && r.decision === 'allow'));
    });

    await steps.play("an account of the gate's own works with a key", async (told) => {
      const management = await Management.open(at);
      told.who('carol@example.com, a human in the group platform');
      told.asked(`POST ${at.admin}/v1/accounts refund-worker, and a key for it`);
      await management.account('refund-worker');
      const key = await management.key('refund-worker');
      told.answer(`key ${key.id}: ${key.text.slice(0, 12)}…, shown this once; the store keeps a keyed hash`);
      const taskQueue = 'payments-own';
      const refund = async (n: number) => {
        const handle = await this.#alice.workflow.start('Refund', { workflowId: `${this.workflowId}-own-${n}`, taskQueue, args: [this.#order, 500] });
        return (await handle.result()) as string;
      };
      const worker = await RunningWorker.start(at.gate, key.text, { taskQueue });
      told.who('refund-worker, a service of the gate itself');
      told.answer(`it runs a workflow: "${await refund(1)}"`);
      told.decision(await this.#call("the worker's poll", (r) => r.operation.endsWith('PollWorkflowTaskQueue') && r.caller === 'postern/refund-worker'));

      told.who('carol@example.com');
      told.asked(`POST /v1/keys/${key.id}/rotate while the worker runs`);
      const next = await management.rotate(key.id, 3600);
      told.answer(`key ${next.id}; the old one goes on for an hour. The worker still works: "${await refund(2)}"`);
      await worker.connection.setApiKey(next.text);
      told.answer(`and with the new one: "${await refund(3)}"`);
      await worker.stop();

      const { connection } = await clientOf(at.gate, next.text);
      const poll = { namespace: 'payments', taskQueue: { name: taskQueue }, identity: 'waiting' };
      const waiting = refused(() => connection.withDeadline(Date.now() + 60_000, () => connection.workflowService.pollWorkflowTaskQueue(poll)));
      await new Promise((later) => setTimeout(later, 500));
      told.asked(`POST /v1/keys/${next.id}/revoke while a poll is open`);
      await management.revoke(next.id);
      const no = await waiting;
      told.error(no.details);
      check(no.code === UNAUTHENTICATED, `expected UNAUTHENTICATED, got ${no.code}`);
      await management.revoke(key.id);
      await connection.close();
    });

    await steps.play('its token of minutes comes from the gate, and names what it may not widen', async (told) => {
      const management = await Management.open(at);
      const key = await management.key('refund-worker');
      told.who('refund-worker, with a key');
      told.asked(`${at.oauth}/oauth/token by client credentials, narrowed to scope "namespace:payments role:worker"`);
      const answer = await fetch(`${at.oauth}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`refund-worker:${key.text}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'namespace:payments role:worker' }),
      });
      const { access_token: token, expires_in: life } = (await answer.json()) as { access_token: string; expires_in: number };
      check(answer.status === 200, `no token: ${answer.status}`);
      const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
      told.answer(`a JWT for ${String(claims['sub'])}, ${life} s, scope "${String(claims['scope'])}"`);
      const own = await clientOf(at.gate, token);
      const no = await refused(() => own.workflow.start('Refund', { workflowId: `${this.workflowId}-own-start`, taskQueue: 'payments', args: [this.#order, 1] }));
      told.error(no.details);
      check(no.code === PERMISSION_DENIED, `expected PERMISSION_DENIED, got ${no.code}`);
      await own.connection.close();
      await management.revoke(key.id);
    });

    await steps.play('the audit file has all of it', async (told) => {
      told.who('whoever may read the folder');
      told.asked(`the calls in ${relative('.', at.audit)}, without the worker's own and without bob's tries`);
      const records = readAudit(at.audit).filter((r) => r.event === 'call' && !(r.decision === 'deny' && r.workflowId?.includes('-bob-allowed-')));
      for (const r of records.filter((r) => !/GetSystemInfo|DescribeNamespace|Poll.*Queue|Respond|Heartbeat/.test(r.operation) || r.decision === 'deny').slice(0, 20)) {
        const target = [r.namespace, r.taskQueue, r.workflowType, r.workflowId].filter(Boolean).join(' ');
        told.answer(`${r.time.slice(11, 23)} ${(r.caller ?? '-').padEnd(21)} ${r.operation.split('/').at(-1)!.padEnd(28)} ${r.decision.padEnd(5)} ${(r.rule ?? '-').padEnd(12)} ${target}`);
      }

      for (const caller of ['dev/alice@example.com', 'dev/bob@example.com', 'dev/payments-worker']) {
        check(records.some((r) => r.caller === caller && r.decision === 'allow'), `nothing that ${caller} was allowed stands there`);
      }

      check(records.some((r) => r.caller === 'dev/bob@example.com' && r.decision === 'deny'), "bob's refusal is missing");
      check(!JSON.stringify(records).includes(this.#aliceToken.split('.')[2]!), 'a token stands in the audit file');
    });
  }

  /** A token lasts an hour, and a worker whose token is refused for a minute ends. */
  async renewWorkerToken(): Promise<void> {
    this.#worker?.connection.setApiKey(await accountToken(this.at.issuer, 'payments-worker'));
  }

  async end(): Promise<void> {
    await this.#worker?.stop().catch(() => undefined);
  }

  #bobStarts(what: string) {
    return this.#bob.workflow.start('Refund', { workflowId: `${this.workflowId}-bob-${what}`, taskQueue: 'payments', args: ['order-of-bob', 100] });
  }

  #call(what: string, fits: (record: AuditRecord) => boolean): Promise<AuditRecord> {
    return findCall(this.at.audit, what, fits);
  }
}

const isStart = (record: AuditRecord) => record.operation.endsWith('StartWorkflowExecution');
