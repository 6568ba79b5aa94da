// Prefect's chapter of the demo: what its own clients send, in front of the gate and the embedded server.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Dev } from '../gate/processes.js';
import { PrefectStory } from '../story/prefect-story.js';
import { Steps } from '../story/steps.js';
import { LIMIT } from './limits.js';

describe("Prefect's chapter of the demo", LIMIT, () => {
  it('does in each step what it should', async () => {
    const dev = await Dev.start();
    try {
      const steps = new Steps();
      await new PrefectStory(dev.at).play(steps);
      assert.deepEqual(steps.failed, []);
    } finally {
      await dev.stop();
    }
  });
});
