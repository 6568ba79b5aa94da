// Workflows that know who started them, by the sample's interceptors; and all of the others.
import { condition, continueAsNew, defineSignal, defineUpdate, executeChild, proxyActivities, setHandler, sleep } from '@temporalio/workflow';
import type { VerifiedCaller } from '../caller-assertion/caller.js';
import { workflowCaller } from '../caller-assertion/workflow-interceptors.js';
import type { whoAmI } from './caller-activities.js';

export * from './payments.js';

const activities = proxyActivities<{ whoAmI: typeof whoAmI }>({ startToCloseTimeout: '10s', retry: { maximumAttempts: 3 } });

export interface Callers {
  workflow: VerifiedCaller | null;
  activity: VerifiedCaller | null;
}

/** Who started it, as workflow code and as activity code knows it. */
export async function WhoStartedMe(): Promise<Callers> {
  return { workflow: workflowCaller(), activity: await activities.whoAmI() };
}

export async function Parent(): Promise<{ own: VerifiedCaller | null; child: Callers }> {
  return { own: workflowCaller(), child: await executeChild(WhoStartedMe) };
}

export async function AgainAsNew(runs: number): Promise<Callers> {
  if (runs > 0) {
    await continueAsNew<typeof AgainAsNew>(runs - 1);
  }

  return await WhoStartedMe();
}

export const greet = defineSignal('greet');
export const hail = defineUpdate<string | null, []>('hail');

/** Who signalled and who updated it. */
export async function Greeted(): Promise<(string | null)[]> {
  const greetings: (string | null)[] = [];
  setHandler(greet, () => void greetings.push(workflowCaller()?.name ?? null));
  setHandler(hail, async () => {
    await sleep(1);
    greetings.push(workflowCaller()?.name ?? null);
    return workflowCaller()?.name ?? null;
  });
  await condition(() => greetings.length === 2);
  return [workflowCaller()?.name ?? null, ...greetings];
}
