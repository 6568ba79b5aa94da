// Messages of every size that matters, with and without gzip. The SDK's workers compress whatever they send; its client does when it is told to.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import { findCall } from '../gate/audit.js';
import { refused } from '../gate/clients.js';
import type * as workflows from '../workflows/payments.js';
import { LIMIT, Stage, start } from './stage.js';

const RESOURCE_EXHAUSTED = 8;
const MIB = 1024 * 1024;
const GZIP = 2;

for (const [encoding, channelArgs] of [['uncompressed', {}], ['gzip', { 'grpc.default_compression_algorithm': GZIP }]] as const) {
  describe(`sizes, ${encoding}`, LIMIT, () => {
    let stage: Stage;
    let alice: Client;
    let once: Client;

    before(async () => {
      stage = await Stage.open();
      alice = await stage.person('alice', { channelArgs });
      // The SDK's client tries RESOURCE_EXHAUSTED again for 40 s, also where the text says that it is about size.
      once = await stage.person('alice', { channelArgs, interceptors: [] });
      await stage.worker();
    });
    after(() => stage.close());

    it('nothing at all', async () => assert.equal(await alice.workflow.execute<typeof workflows.Echo<string>>('Echo', start('')), ''));

    it('600 kB that compress well go there and back', async () => {
      const text = 'x'.repeat(600_000);
      assert.equal(await alice.workflow.execute<typeof workflows.Echo<string>>('Echo', start(text)), text);
    });

    it('1.9 MB that do not compress go there and back', async () => {
      const text = randomBytes(1_425_000).toString('base64');
      assert.equal(await alice.workflow.execute<typeof workflows.Echo<string>>('Echo', start(text)), text);
    });

    it('2.2 MB are refused by the engine, whose words arrive', async () => {
      const { code, details } = await refused(() => alice.workflow.start('Echo', start('x'.repeat(2_200_000))));
      assert.equal(code, 3);
      assert.match(details, /exceeds/i);
    });

    it('a message over 4 MiB is refused by the gate, however small it travels', async () => {
      const options = start('x'.repeat(4 * MIB + 1));
      const { code, details } = await refused(() => once.workflow.start('Echo', options));
      assert.equal(code, RESOURCE_EXHAUSTED);
      assert.match(details, /^grpc: received message larger than max.* \[call \w+\]$/);
      const id = /\[call (\w+)\]$/.exec(details)![1]!;
      const record = await findCall(stage.at.audit, 'the large call', (r) => r.id === id);
      assert.equal(record.refusal, 'too-large');
    });

    it('after a refusal for size the connection goes on', async () => {
      await refused(() => once.workflow.start('Echo', start('x'.repeat(6 * MIB))));
      assert.equal(await once.workflow.execute<typeof workflows.Echo<string>>('Echo', start('still here')), 'still here');
    });
  });
}
