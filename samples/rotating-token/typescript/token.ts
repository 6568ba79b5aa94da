import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';

/** A token by the account's key: `endpoint` is the gate's /oauth/token. */
async function ask(endpoint: string, account: string, key: string): Promise<{ access_token: string; expires_in: number }> {
  const authorization = `Basic ${Buffer.from(`${encodeURIComponent(account)}:${encodeURIComponent(key)}`).toString('base64')}`;
  const answer = await fetch(endpoint, { method: 'POST', headers: { authorization }, body: new URLSearchParams({ grant_type: 'client_credentials' }) });
  if (!answer.ok) throw new Error(`no token (${answer.status}): ${await answer.text()}`);
  return (await answer.json()) as { access_token: string; expires_in: number };
}

/** A worker's connection whose token is replaced at two thirds of its life; `stop` ends that. */
export async function connect(endpoint: string, account: string, key: string, options: NativeConnectionOptions) {
  let [token, timer] = [await ask(endpoint, account, key), undefined as NodeJS.Timeout | undefined];
  const connection = await NativeConnection.connect({ ...options, apiKey: token.access_token });
  const later = (seconds: number) => (timer = setTimeout(() => void renew(), seconds * 1000));
  const renew = async () => {
    const next = await ask(endpoint, account, key).catch((e: unknown) => console.warn('The old token serves on:', e));
    if (next) await connection.setApiKey((token = next).access_token);
    later(next ? next.expires_in * 0.66 : 1);
  };
  later(token.expires_in * 0.66);
  return { connection, stop: () => clearTimeout(timer) };
}
