// The demo: Temporal's own SDK in front of a gate, step by step. Exit code 0 only if each step did what it should.
import { mkdirSync, rmSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { Dev } from '../gate/processes.js';
import { bold, dim, Steps } from './steps.js';
import { PrefectStory } from './prefect-story.js';
import { Story } from './story.js';
import { whatToTry } from './what-to-try.js';

const { values: options } = parseArgs({ options: { once: { type: 'boolean', default: false }, engine: { type: 'string', default: 'embedded' } } });
// The SDK's own log would stand between the steps.
Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } } });

// Each play begins with the first policy, since the story edits it.
const folder = resolve('.demo');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
console.log(dim(`Starting postern-dev: the gate, an identity provider and ${options.engine === 'embedded' ? 'embedded engines' : options.engine}; files in ${relative('.', folder)}`));
// The real Prefect server stands beside the embedded engine, since each story has its own.
const isPrefect = options.engine === 'prefect';
const dev = await Dev.start(isPrefect ? ['--prefect', 'prefect-cli'] : ['--engine', options.engine], folder, options.once ? 'free' : 'usual');

const steps = new Steps();
const story = new Story(dev.at);
if (!isPrefect) {
  await story.play(steps);
}

await new PrefectStory(dev.at).play(steps);

const ok = steps.failed.length === 0;
console.log(`\n${bold(ok ? 'Each step did what it should.' : `${steps.failed.length} of the steps did not do what they should: ${steps.failed.join('; ')}`)}`);
if (!ok && dev.process.errors) {
  console.log(dim(`\npostern-dev wrote:\n${dev.process.errors}`));
}

if (!options.once) {
  console.log(whatToTry(dev.at, story.workflowId));
  setInterval(() => void story.renewWorkerToken().catch(() => undefined), 30 * 60_000).unref();
  await new Promise<void>((done) => {
    process.once('SIGINT', () => done());
    process.once('SIGTERM', () => done());
    void dev.process.exited.then(() => done());
  });
}

await story.end();
await dev.stop();
process.exit(ok ? 0 : 1);
