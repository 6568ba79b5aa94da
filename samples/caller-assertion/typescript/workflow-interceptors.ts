// For the workflow sandbox: has the gate's assertion verified, offers the caller to workflow code, and hands the assertion on to activities and children.
//
// Verified in a local activity, whose result the history keeps: a replay sees the same caller, whatever keys there are by then.
import { defaultPayloadConverter, type Headers, type Payload } from '@temporalio/common';
import { AsyncLocalStorage, patched, proxyLocalActivities, workflowInfo, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { CALLER_HEADER, type CallerActivities, type CallerBinding, type VerifiedCaller } from './caller.js';

const { verifyPosternCaller } = proxyLocalActivities<CallerActivities>({ startToCloseTimeout: '10s', retry: { initialInterval: '1s', maximumInterval: '10s' } });

interface Told {
  caller: VerifiedCaller | null;
  assertion: Payload;
}

const current = new AsyncLocalStorage<Told | undefined>();

/** Who started this workflow; in a signal or update handler, who sent that. Null where nobody is proven. */
export function workflowCaller(): VerifiedCaller | null {
  return current.getStore()?.caller ?? null;
}

/** Calls the handler as whoever the assertion proves, once it is verified. */
async function as<T>(headers: Headers, at: Date | undefined, call: () => Promise<T>): Promise<T> {
  const assertion = headers[CALLER_HEADER];
  // Workflows that ran before this interceptor came have no such local activity in their history.
  if (assertion === undefined || !patched('postern-caller')) {
    return await current.run(undefined, call);
  }

  let token: unknown;
  try {
    token = defaultPayloadConverter.fromPayload(assertion);
  } catch {
    token = undefined;
  }

  const caller = typeof token === 'string' ? await verifyPosternCaller(token, binding(at)) : null;
  return await current.run({ caller, assertion }, call);
}

function binding(at: Date | undefined): CallerBinding {
  const { namespace, workflowId, parent, root } = workflowInfo();
  return {
    namespace,
    workflowId,
    ancestors: [...(parent === undefined ? [] : [parent]), ...(root === undefined || parent?.namespace !== namespace ? [] : [{ namespace, workflowId: root.workflowId }])].map(
      (ancestor) => ({ namespace: ancestor.namespace, workflowId: ancestor.workflowId }),
    ),
    at: (at ?? new Date()).getTime(),
  };
}

function withAssertion<I extends { headers: Headers }>(input: I): I {
  const told = current.getStore();
  return told === undefined ? input : { ...input, headers: { ...input.headers, [CALLER_HEADER]: told.assertion } };
}

export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      // The time at which the first run was started: what is valid then stays so through every continue-as-new.
      execute: (input, next) => as(input.headers, workflowInfo().startTime, () => next(input)),
      // The workflow's time: in the sandbox `Date` says that, and says it again on replay.
      handleSignal: (input, next) => as(input.headers, undefined, () => next(input)),
      handleUpdate: (input, next) => as(input.headers, undefined, () => next(input)),
    },
  ],
  outbound: [
    {
      scheduleActivity: (input, next) => next(withAssertion(input)),
      scheduleLocalActivity: (input, next) => next(withAssertion(input)),
      startChildWorkflowExecution: (input, next) => next(withAssertion(input)),
      continueAsNew: (input, next) => next(withAssertion(input)),
    },
  ],
});
