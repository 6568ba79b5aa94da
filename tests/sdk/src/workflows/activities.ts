import { ApplicationFailure, CompleteAsyncError, Context, heartbeat, sleep } from '@temporalio/activity';

export async function refund(order: string, cents: number): Promise<string> {
  return `refunded ${(cents / 100).toFixed(2)} for ${order}`;
}

/** Fails so many times; says at which attempt it succeeded. */
export async function flaky(failures: number): Promise<number> {
  const { attempt } = Context.current().info;
  if (attempt <= failures) {
    throw new Error(`attempt ${attempt}`);
  }

  return attempt;
}

export async function failForGood(): Promise<void> {
  throw ApplicationFailure.nonRetryable('the card is gone', 'CardGone');
}

export async function failAgain(): Promise<void> {
  throw new Error('again');
}

export async function slow(milliseconds: number): Promise<void> {
  await sleep(milliseconds);
}

/** Never says that it lives. */
export async function silent(milliseconds: number): Promise<void> {
  await sleep(milliseconds);
}

/** The sleep throws when a heartbeat's answer brings the cancellation. */
export async function untilCancelled(): Promise<void> {
  for (;;) {
    heartbeat();
    await sleep(200);
  }
}

/** Says how far it is; its first attempt dies in the middle, the second begins there and says where that was. */
export async function beating(steps: number): Promise<number> {
  const { attempt, heartbeatDetails } = Context.current().info;
  const from = (heartbeatDetails as number | undefined) ?? 0;
  for (let i = from; i < steps; i++) {
    heartbeat(i);
    if (attempt === 1 && i === 3) {
      await sleep(500);
      throw new Error('half way');
    }
  }

  return from;
}

export async function size(text: string): Promise<number> {
  return text.length;
}

/** Somebody else will end it: its heartbeat says by which token. */
export async function handedOver(): Promise<string> {
  heartbeat(Context.current().info.base64TaskToken);
  throw new CompleteAsyncError();
}
