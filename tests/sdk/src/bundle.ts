// Bundles the workflows once, so that each test's worker starts without doing it again.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const built = (path: string) => fileURLToPath(new URL(path, import.meta.url));

async function bundle(workflows: string, to: string, interceptors: string[] = []): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: built(workflows),
    workflowInterceptorModules: interceptors.map(built),
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error },
  });
  writeFileSync(built(to), code);
}

await bundle('./workflows/payments.js', './workflow-bundle.js');
await bundle('./workflows/callers.js', './caller-bundle.js', ['./caller-assertion/workflow-interceptors.js']);
