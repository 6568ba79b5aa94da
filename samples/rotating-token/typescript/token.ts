import { readFile } from 'node:fs/promises';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';

export interface Token {
  access_token: string;
  expires_in: number;
}

/** A token by the account's key: `endpoint` is the gate's /oauth/token. */
export async function byKey(endpoint: string, account: string, key: string): Promise<Token> {
  const authorization = `Basic ${Buffer.from(`${encodeURIComponent(account)}:${encodeURIComponent(key)}`).toString('base64')}`;
  return await ask(endpoint, { grant_type: 'client_credentials' }, { authorization });
}

/** A token for the platform's own, read anew from its file: a pod's service account needs no secret of the gate's. */
export async function byWorkloadFile(endpoint: string, file: string): Promise<Token> {
  const type = 'urn:ietf:params:oauth:token-type:jwt';
  return await ask(endpoint, { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: type, subject_token: (await readFile(file, 'utf8')).trim() });
}

async function ask(endpoint: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Token> {
  const answer = await fetch(endpoint, { method: 'POST', headers, body: new URLSearchParams(form) });
  if (!answer.ok) throw new Error(`no token (${answer.status}): ${await answer.text()}`);
  return (await answer.json()) as Token;
}

/** A worker's connection whose token is replaced at two thirds of its life; `stop` ends that. */
export async function connect(fresh: () => Promise<Token>, options: NativeConnectionOptions) {
  let [token, timer] = [await fresh(), undefined as NodeJS.Timeout | undefined];
  const connection = await NativeConnection.connect({ ...options, apiKey: token.access_token });
  const later = (seconds: number) => (timer = setTimeout(() => void renew(), seconds * 1000));
  const renew = async () => {
    const next = await fresh().catch((e: unknown) => console.warn('The old token serves on:', e));
    if (next) await connection.setApiKey((token = next).access_token);
    later(next ? next.expires_in * 0.66 : 1);
  };
  later(token.expires_in * 0.66);
  return { connection, stop: () => clearTimeout(timer) };
}
