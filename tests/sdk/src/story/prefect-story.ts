import { randomUUID } from 'node:crypto';
import { findCall, readAudit, type AuditRecord } from '../gate/audit.js';
import { type Key, Management } from '../gate/management.js';
import { type Answer, PrefectClient, type PrefectSocket } from '../gate/prefect.js';
import { type Addresses } from '../gate/processes.js';
import { accountToken, personToken } from '../gate/tokens.js';
import { check, type Steps } from './steps.js';

/** What Prefect's own clients do, request by request as they do it, in front of the same gate. */
export class PrefectStory {
  readonly #deployments = new Map<string, string>();
  #alice!: PrefectClient;
  #management!: Management;
  #key!: Key;
  #worker!: PrefectClient;
  #channel!: PrefectSocket;
  #runId = '';

  constructor(private readonly at: Addresses) {}

  async play(steps: Steps): Promise<void> {
    const { at } = this;

    await steps.play('Prefect: alice deploys', async (told) => {
      told.who('carol@example.com, a human in the group platform, by `prefect work-pool create` with PREFECT_API_AUTH_STRING=any:<token>');
      told.asked(`${at.prefect}: the work pool payments`);
      const carol = new PrefectClient(at.prefect, await personToken(at.issuer, 'carol@example.com'));
      told.answer(`pool ${made(await carol.post('/work_pools/', { name: 'payments', type: 'process', base_job_template: {} })).id}`);
      told.who('alice@example.com, by `prefect deploy`');
      told.asked('the flows refund and report with a deployment each');
      this.#alice = new PrefectClient(at.prefect, await personToken(at.issuer, 'alice@example.com'));
      for (const [flow, deployment] of [['refund', 'nightly'], ['report', 'report-weekly']] as const) {
        const { id: flowId } = made(await this.#alice.post('/flows/', { name: flow, tags: [], labels: {} }));
        const { id } = made(await this.#alice.post('/deployments/', { name: deployment, flow_id: flowId, work_pool_name: 'payments', work_queue_name: 'default', tags: [flow], parameters: {}, enforce_parameter_schema: false, entrypoint: `${flow}.py:${flow}` }));
        this.#deployments.set(flow, id as string);
        told.answer(`${flow}/${deployment} is ${id}`);
      }

      told.decision(await this.#call('the deployment', (r) => r.operation.endsWith('create_deployment') && r.caller === 'dev/alice@example.com'));
    });

    await steps.play('Prefect: a run names who started it, whatever the client claims', async (told) => {
      told.who('alice@example.com, whose client writes the label postern.caller=ceo itself');
      told.asked('POST /deployments/{refund/nightly}/create_flow_run');
      const run = made(await this.#alice.post(`/deployments/${this.#deployments.get('refund')}/create_flow_run`, { state: { type: 'SCHEDULED', name: 'Scheduled' }, parameters: {}, tags: ['cli'], labels: { 'postern.caller': 'ceo' } }));
      this.#runId = run.id as string;
      told.answer(`run ${run.name}, labels["postern.caller"] = "${run.labels['postern.caller']}"`);
      check(run.labels['postern.caller'] === 'dev/alice@example.com', 'the run names somebody else');
      told.decision(await this.#call('the run', (r) => r.operation.endsWith('create_flow_run_from_deployment') && r.flowRunId === this.#runId));
    });

    await steps.play("Prefect: a worker with a key of the gate's runs it", async (told) => {
      this.#management = await Management.open(at);
      await this.#management.account('refund-worker');
      this.#key = await this.#management.key('refund-worker');
      this.#worker = new PrefectClient(at.prefect, this.#key.text, { 'X-Prefect-Worker-Name': 'worker-1' });
      told.who('refund-worker, a service of the gate itself, by `prefect worker start --pool payments` with PREFECT_API_AUTH_STRING=any:<key>');
      told.asked('its pool, its queues, its channel, and what is scheduled');
      made(await this.#worker.get('/work_pools/payments'));
      made(await this.#worker.post('/work_pools/payments/queues/filter', { work_queues: null, limit: null, offset: null }));
      this.#channel = await this.#worker.socket('/work_pools/payments/workers/connect');
      check((await this.#channel.hear())['type'] === 'auth_success', 'the channel takes no key');
      this.#channel.say({ type: 'worker.hello.v1', id: randomUUID(), sent_at: new Date().toISOString(), payload: hello() });
      told.answer(`on its channel: ${String((await this.#channel.hear())['type'])}`);
      const due = made(await this.#worker.post('/work_pools/payments/get_scheduled_flow_runs', { work_queue_names: [], scheduled_before: new Date(Date.now() + 10_000).toISOString() })) as unknown as { flow_run: { id: string } }[];
      check(due.some((one) => one.flow_run.id === this.#runId), 'the run was not handed out');
      for (const type of ['PENDING', 'RUNNING', 'COMPLETED']) {
        const answer = made(await this.#worker.post(`/flow_runs/${this.#runId}/set_state`, { state: { type, name: type[0] + type.slice(1).toLowerCase(), state_details: { flow_run_id: this.#runId } }, force: false }));
        check(answer.status === 'ACCEPT', `${type} was not accepted`);
      }

      made(await this.#worker.post('/logs/', [{ name: 'prefect.flow_runs', level: 20, message: 'refunded', timestamp: new Date().toISOString(), flow_run_id: this.#runId }]));
      told.answer(`the run is ${(made(await this.#alice.get(`/flow_runs/${this.#runId}`)) as { state_type: string }).state_type}`);
      told.decision(await this.#call("the worker's poll", (r) => r.permission === 'work-pool.poll' && r.caller === 'postern/refund-worker'));

      told.asked('what is scheduled in the pool payroll');
      told.error(refused(await this.#worker.post('/work_pools/payroll/get_scheduled_flow_runs'), 403));
      told.decision(await this.#call("the worker's poll of payroll", (r) => r.permission === 'work-pool.poll' && r.decision === 'deny'));
    });

    await steps.play('Prefect: who may run may not choose where and what', async (told) => {
      const agent = new PrefectClient(at.prefect, await accountToken(at.issuer, 'report-agent'));
      const path = `/deployments/${this.#deployments.get('report')}/create_flow_run`;
      told.who('report-agent, an agent that may run deployments whose name begins with report');
      told.asked('a run of report/report-weekly');
      told.answer(`run ${made(await agent.post(path, { parameters: {} })).name}`);
      told.asked('the same with job_variables: { image: "mine", env: … }, which would be code of its own on the worker');
      told.error(refused(await agent.post(path, { parameters: {}, job_variables: { image: 'mine' } }), 403));
      told.decision(await this.#call("the agent's override", (r) => r.operation.endsWith('create_flow_run_from_deployment') && r.caller === 'dev/report-agent' && r.decision === 'deny'));
      told.asked('a run of refund/nightly');
      told.error(refused(await agent.post(`/deployments/${this.#deployments.get('refund')}/create_flow_run`), 403));
    });

    await steps.play('Prefect: a list shows what may be seen, and counts it so', async (told) => {
      const bob = new PrefectClient(at.prefect, await personToken(at.issuer, 'bob@example.com'));
      const all = await this.#alice.post('/flow_runs/filter', { sort: 'EXPECTED_START_TIME_DESC', limit: 20 });
      const seen = await bob.post('/flow_runs/filter', { sort: 'EXPECTED_START_TIME_DESC', limit: 20 });
      const counted = await bob.post('/flow_runs/count', {});
      told.who('bob@example.com, who views the flow refund');
      told.asked('POST /flow_runs/filter, as `prefect flow-run ls` asks');
      told.answer(`${made(seen).length} of ${made(all).length} runs; /flow_runs/count says ${counted.body}`);
      check(made(seen).length === 1 && counted.body === 1 && made(all).length === 2, 'bob sees other runs');
      told.decision(await this.#call("bob's list", (r) => r.operation.endsWith('read_flow_runs') && r.caller === 'dev/bob@example.com'));
    });

    await steps.play('Prefect: a revoked key closes its socket', async (told) => {
      told.who('carol@example.com, a human in the group platform');
      told.asked(`POST /v1/keys/${this.#key.id}/revoke while the worker's channel is open`);
      await this.#management.revoke(this.#key.id);
      const end = await this.#channel.end();
      told.answer(`the channel closed: ${end.code} ${end.reason}`);
      check(end.code === 1008, `expected 1008, got ${end.code}`);
      told.error(refused(await this.#worker.get('/work_pools/payments'), 401));
    });

    await steps.play("Prefect: a run's whole story is one search", async (told) => {
      told.who('whoever may read the folder');
      told.asked(`the lines of ${this.#runId}`);
      const records = readAudit(at.audit).filter((r) => r.event === 'call' && r.flowRunId === this.#runId);
      for (const r of records) {
        told.answer(`${r.time.slice(11, 23)} ${(r.caller ?? '-').padEnd(24)} ${r.operation.split('/').at(-1)!.padEnd(34)} ${r.decision}`);
      }

      check(records.some((r) => r.caller === 'dev/alice@example.com') && records.some((r) => r.caller === 'postern/refund-worker'), 'the story lacks somebody');
    });
  }

  #call(what: string, fits: (record: AuditRecord) => boolean): Promise<AuditRecord> {
    return findCall(this.at.audit, what, fits);
  }
}

const hello = () => ({
  consumer_id: randomUUID(), worker_name: 'worker-1', worker_type: 'process', heartbeat_interval_seconds: 30, supported_channel_versions: ['work_pool_worker_channel.v1'], requested_capabilities: ['worker_heartbeat.v1', 'work_pool_snapshot.v1'],
  work_queue_names: [], handled_cleanup_kinds: [], max_cleanup_concurrency: 0, create_pool_if_not_found: true, default_base_job_template: {}, worker_metadata: { integrations: [] },
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any
function made(answer: Answer): any {
  check(answer.status >= 200 && answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

function refused(answer: Answer, status: number): string {
  check(answer.status === status, `expected ${status}, got ${answer.status} ${JSON.stringify(answer.body)}`);
  return (answer.body as { detail: string }).detail;
}
