// The workflows of the demo and of the tests. Bundled by the SDK, run in its sandbox.
import {
  ApplicationFailure, CancellationScope, ParentClosePolicy, condition, continueAsNew, createNexusServiceClient, defineQuery, defineSignal, defineUpdate, executeChild, getExternalWorkflowHandle, isCancellation,
  proxyActivities, setHandler, sleep, startChild, upsertSearchAttributes, workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, NexusOperationFailure } from '@temporalio/common';
import type * as activities from './activities.js';
import { ledgerService } from './ledger.js';

const { refund, flaky, failForGood, size } = proxyActivities<typeof activities>({
  startToCloseTimeout: '30s',
  retry: { initialInterval: '100ms', maximumInterval: '200ms' },
});

export const addSignal = defineSignal<[number]>('add');
export const finishSignal = defineSignal('finish');
export const totalQuery = defineQuery<number>('total');
export const addUpdate = defineUpdate<number, [number]>('addNow');

/** The demo's: one activity. */
export async function Refund(order: string, cents: number): Promise<string> {
  return await refund(order, cents);
}

export async function Echo<T>(value: T): Promise<T> {
  return value;
}

/** Adds what signals and updates bring until it is told to finish. */
export async function Counter(start: number): Promise<number> {
  let total = start;
  let finished = false;
  setHandler(addSignal, (n) => void (total += n));
  setHandler(finishSignal, () => void (finished = true));
  setHandler(totalQuery, () => total);
  setHandler(addUpdate, (n) => (total += n), {
    validator: (n) => {
      if (n < 0) {
        throw new Error('only upwards');
      }
    },
  });
  await condition(() => finished);
  return total;
}

export async function Timed(milliseconds: number): Promise<string> {
  await sleep(milliseconds);
  return 'rang';
}

export async function Retried(failures: number): Promise<number> {
  return await flaky(failures);
}

export async function FailsForGood(): Promise<void> {
  await failForGood();
}

export async function OwnFailure(): Promise<void> {
  throw ApplicationFailure.nonRetryable('no such order', 'OrderMissing', { order: 'o-404' });
}

/** Each of the four time-outs, by name. */
export async function TimesOut(which: 'startToClose' | 'scheduleToClose' | 'scheduleToStart' | 'heartbeat'): Promise<void> {
  const none = { maximumAttempts: 1 };
  switch (which) {
    case 'startToClose':
      return await proxyActivities<typeof activities>({ startToCloseTimeout: '1s', retry: none }).slow(20_000);
    case 'scheduleToClose':
      return await proxyActivities<typeof activities>({ scheduleToCloseTimeout: '1s', retry: { initialInterval: '100ms' } }).failAgain();
    case 'scheduleToStart':
      return await proxyActivities<typeof activities>({ taskQueue: 'payments-nobody', scheduleToStartTimeout: '1s', startToCloseTimeout: '5s' }).slow(1);
    case 'heartbeat':
      return await proxyActivities<typeof activities>({ startToCloseTimeout: '30s', heartbeatTimeout: '1s', retry: none }).silent(20_000);
  }
}

/** The second attempt goes on where the first one's heartbeat said it was. */
export async function Beats(): Promise<number> {
  return await proxyActivities<typeof activities>({ startToCloseTimeout: '30s', heartbeatTimeout: '5s', retry: { initialInterval: '100ms' } }).beating(5);
}

/** An activity that learns of its cancellation by its heartbeat. */
export async function CancelsActivity(): Promise<string> {
  try {
    await CancellationScope.cancellable(async () => {
      const running = proxyActivities<typeof activities>({ startToCloseTimeout: '60s', heartbeatTimeout: '3s', cancellationType: 'WAIT_CANCELLATION_COMPLETED' }).untilCancelled();
      await sleep(500);
      CancellationScope.current().cancel();
      await running;
    });
    return 'not cancelled';
  } catch (e) {
    return isCancellation(e) ? 'cancelled' : 'failed';
  }
}

/** Runs until it is cancelled, and says so. */
export async function UntilCancelled(): Promise<string> {
  try {
    await sleep('1 hour');
    return 'rang';
  } catch (e) {
    if (isCancellation(e)) {
      return 'tidied up';
    }

    throw e;
  }
}

export async function Hour(): Promise<void> {
  await sleep('1 hour');
}

export async function Again(left: number): Promise<string> {
  if (left > 0) {
    return await continueAsNew<typeof Again>(left - 1);
  }

  return workflowInfo().continuedFromExecutionRunId === undefined ? 'first' : 'continued';
}

export async function Parent(children: number): Promise<string[]> {
  return await Promise.all(Array.from({ length: children }, (_, i) => executeChild(Echo<string>, { args: [`child ${i}`] })));
}

/** Signals another workflow of the namespace. */
export async function Outsider(target: string): Promise<void> {
  await getExternalWorkflowHandle(target).signal(addSignal, 5);
}

/** Cancels another workflow of the namespace. */
export async function Canceller(target: string): Promise<void> {
  await getExternalWorkflowHandle(target).cancel();
}

/** Signals and cancels what isn't there; says what became of it. */
export async function Misses(target: string): Promise<string[]> {
  const other = getExternalWorkflowHandle(target);
  const outcome = (call: Promise<void>) => call.then(() => 'reached', (e: Error) => e.message);
  return [await outcome(other.signal(addSignal, 1)), await outcome(other.cancel())];
}

/** An activity that its worker leaves to somebody else. */
export async function HandsOver(): Promise<string> {
  return await proxyActivities<typeof activities>({ startToCloseTimeout: '60s', retry: { maximumAttempts: 1 } }).handedOver();
}

/** An activity that calls an API, or has somebody call back, with a token of its own. */
export async function CallsBack(): Promise<string> {
  return await proxyActivities<{ callsBack(): Promise<string> }>({ startToCloseTimeout: '60s', retry: { initialInterval: '100ms', maximumAttempts: 2 } }).callsBack();
}

export const regionKey = defineSearchAttributeKey('Region', 'KEYWORD');

/** Moves: sets its search attribute anew, and waits. */
export async function Moves(to: string): Promise<void> {
  upsertSearchAttributes([{ key: regionKey, value: to }]);
  await sleep('1 hour');
}

/** Leaves a child behind that outlives it. */
export async function LeavesChild(): Promise<string> {
  const child = await startChild(Hour, { parentClosePolicy: ParentClosePolicy.ABANDON });
  return child.workflowId;
}

/** The first attempt of its first workflow task throws something that isn't a failure of the workflow. */
export async function Stumbles(): Promise<string> {
  if (workflowInfo().unsafe.now() - workflowInfo().startTime.getTime() < 500) {
    throw new Error('a mistake in the code, not the workflow’s end');
  }

  return 'on its feet';
}

export async function Sizes(bytes: number): Promise<number> {
  return await size('x'.repeat(bytes));
}

/** A few activities and timers, for load. */
export async function Busy(steps: number): Promise<number> {
  let sum = 0;
  for (let i = 0; i < steps; i++) {
    sum += (await size('x'.repeat(10))) as number;
    await sleep(10);
  }

  return sum;
}

const ledger = (endpoint: string) => createNexusServiceClient({ endpoint, service: ledgerService });

/** Calls another namespace: one operation that answers at once, one that a workflow over there stands behind. */
export async function Bookkeeping(endpoint: string): Promise<string[]> {
  return [await ledger(endpoint).executeOperation('quote', { id: '1' }), await ledger(endpoint).executeOperation('book', { id: '2' })];
}

/** What becomes of a call that the handler refuses, and of one whose workflow fails. */
export async function BadBookkeeping(endpoint: string): Promise<string[]> {
  const outcome = (call: Promise<string>) => call.then(() => 'done', (e: Error) => (e instanceof NexusOperationFailure ? `${e.cause?.message}` : `no Nexus failure: ${e}`));
  return [await outcome(ledger(endpoint).executeOperation('quote', { id: 'bad' })), await outcome(ledger(endpoint).executeOperation('book', { id: 'bad' }))];
}

/** Starts an operation without end, and cancels it. */
export async function Reconsiders(endpoint: string): Promise<string> {
  try {
    await CancellationScope.cancellable(async () => {
      const operation = await ledger(endpoint).startOperation('book', { id: 'forever' });
      CancellationScope.current().cancel();
      await operation.result();
    });
    return 'not cancelled';
  } catch (e) {
    return isCancellation(e) ? 'cancelled' : `failed: ${e}`;
  }
}

/** Behind the operation 'book'. */
export async function Book(id: string): Promise<string> {
  if (id === 'bad') {
    throw ApplicationFailure.nonRetryable('no such account');
  }

  await sleep(id === 'forever' ? '1 hour' : 10);
  return `booked ${id}`;
}

/** Starts a child in a namespace of others, as an SDK that lets one name it would. */
export async function Reaches(namespace: string): Promise<string> {
  Object.assign(workflowInfo(), { namespace });
  return await executeChild(Payroll, { taskQueue: 'payroll' });
}

/** Only its name is asked about: a payroll run. */
export async function Payroll(): Promise<string> {
  return 'paid';
}
