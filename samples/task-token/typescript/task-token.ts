import { activityInfo } from '@temporalio/activity';

/** An account of the gate, and where the gate's token endpoint is: `https://gate.example.com`. */
export interface Account {
  gate: string;
  name: string;
  key: string;
}

async function ask(at: Account, path: string, form: Record<string, string>): Promise<Record<string, unknown>> {
  const authorization = `Basic ${Buffer.from(`${encodeURIComponent(at.name)}:${encodeURIComponent(at.key)}`).toString('base64')}`;
  const answer = await fetch(at.gate + path, { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

/** In an activity: a token that holds only while this attempt runs. For the engine, or for an API of the account's list. */
export async function taskToken(account: Account, api?: string): Promise<string> {
  const details = [{ type: 'temporal_activity', task_token: Buffer.from(activityInfo().taskToken).toString('base64url') }];
  const form = { grant_type: 'client_credentials', authorization_details: JSON.stringify(details), ...(api === undefined ? {} : { resource: api }) };
  return (await ask(account, '/oauth/token', form))['access_token'] as string;
}

/** The task that a token is bound to. */
export interface Task {
  namespace: string;
  workflow_id: string;
  run_id: string;
  activity_id: string;
  activity_type: string;
  attempt: number;
}

/** In an API: the task that calls, while it runs; null for every other token. Throws where the gate can't tell. */
export async function taskOf(account: Account, api: string, token: string): Promise<Task | null> {
  const answer = await ask(account, '/oauth/introspect', { token });
  const [task] = (answer['authorization_details'] ?? []) as (Task & { type: string })[];
  return answer['active'] === true && answer['aud'] === api && task?.type === 'temporal_activity' ? task : null;
}
