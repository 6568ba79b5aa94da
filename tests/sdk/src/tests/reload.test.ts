// A policy that is edited while everything runs.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import { refused } from '../gate/clients.js';
import { until } from '../gate/processes.js';
import type * as workflows from '../workflows/payments.js';
import { LIMIT, PERMISSION_DENIED, Stage, start } from './stage.js';

describe('reload', LIMIT, () => {
  let stage: Stage;
  let alice: Client;
  let bob: Client;
  let first: string;

  before(async () => {
    stage = await Stage.open();
    [alice, bob] = [await stage.person('alice'), await stage.person('bob')];
    first = readFileSync(stage.at.policy, 'utf8');
  });
  after(() => stage.close());

  const edit = (text: string) => writeFileSync(stage.at.policy, text);
  const allowing = () => first.replace('bindings:\n', 'bindings:\n  - { who: [user:bob@example.com], role: runner, where: { temporal: payments } }\n');
  const bobMay = () => bob.workflow.start('Hour', start()).then(() => true, () => false);
  const ready = async () => await (await fetch(`${stage.at.admin}/readyz`)).text();

  it('a binding that is added, then taken away, is in force without a restart; open polls go on', async () => {
    const open = await alice.workflow.start<typeof workflows.Timed>('Timed', start(3_000));
    const worker = await stage.worker();
    const result = open.result();
    assert.equal((await refused(() => bob.workflow.start('Hour', start()))).code, PERMISSION_DENIED);

    edit(allowing());
    await until('bob may start', 20_000, bobMay);
    edit(first);
    await until('bob may not start any more', 20_000, async () => !(await bobMay()));

    assert.equal(await result, 'rang');
    assert.equal(worker.state, 'RUNNING');
  });

  it('a broken policy changes nothing, and is seen where one looks', async () => {
    edit(allowing());
    await until('bob may start', 20_000, bobMay);
    edit('bindings: [{ whoo: x }]\n');
    await until('readiness speaks of it', 20_000, async () => /whoo/.test(await ready()));
    assert.ok(await bobMay());
  });

  it('a policy whose own tests fail is not taken', async () => {
    edit(first);
    await until('bob may not start', 20_000, async () => !(await bobMay()));
    edit(`${allowing()}  - caller: { user: bob@example.com }\n    call: temporal/StartWorkflowExecution\n    with: { namespace: payments, workflowType: Hour, taskQueue: payments }\n    expect: deny\n`);
    await until('readiness speaks of it', 20_000, async () => /refused/.test(await ready()));
    assert.ok(!(await bobMay()));
  });
});
