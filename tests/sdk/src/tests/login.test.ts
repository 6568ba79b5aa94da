// People log in through the gate with a certified OpenID provider, by browser and for a device, and the SDK calls with what they get.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { clientOf, refused } from '../gate/clients.js';
import { LoginProvider, Person } from '../gate/login-provider.js';
import { freePort, until } from '../gate/processes.js';
import { Neighbours } from './neighbours.js';
import { LIMIT, UNAUTHENTICATED } from './limits.js';

interface Tokens {
  access_token: string;
  refresh_token: string;
  error?: string;
}

const CLIENT = 'postern-cli';
const LOOPBACK = 'http://127.0.0.1:8977/callback';

describe('a login with a certified identity provider', LIMIT, () => {
  const all = new Neighbours();
  let provider: LoginProvider;

  before(async () => {
    await all.open();
    provider = await LoginProvider.start(await freePort(), `${all.at.oauth}/oauth/callback`);
    writeFileSync(all.at.policy, 'bindings:\n  - { who: ["group:real/payments"], role: viewer, where: { temporal: payments } }\n');
    const { id, secret } = LoginProvider.gate;
    writeFileSync(
      all.at.config,
      readFileSync(all.at.config, 'utf8').replace(
        '  accounts: enabled\n',
        `    - { name: real, issuer: "${provider.issuer}", audiences: [postern], groups: groups, login: { clientId: "${id}", clientSecret: "${secret}", scopes: [openid, groups] } }\n  accounts: enabled\n`,
      ),
    );
    await until('the gate took the configuration', 30_000, async () => {
      const answer = await fetch(`${all.at.admin}/reload`, { method: 'POST' });
      return answer.ok || Promise.reject(new Error(await answer.text()));
    });
  });
  after(async () => {
    await provider?.stop();
    await all.close();
  });

  const post = async (path: string, form: Record<string, string>): Promise<Tokens & Record<string, string>> =>
    (await (await fetch(all.at.oauth + path, { method: 'POST', body: new URLSearchParams(form) })).json()) as Tokens & Record<string, string>;

  const describeNamespace = async (token: string) => {
    const client = await clientOf(all.at.gate, token);
    try {
      return await client.workflowService.describeNamespace({ namespace: 'payments' });
    } finally {
      await client.connection.close();
    }
  };

  it('by browser, and its session lasts over refreshes until it is revoked', async () => {
    const verifier = randomBytes(32).toString('base64url');
    const authorize = `${all.at.oauth}/oauth/authorize?${new URLSearchParams({
      response_type: 'code',
      client_id: CLIENT,
      redirect_uri: LOOPBACK,
      state: 'mine',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })}`;
    const back = new URL((await new Person('carol').go(authorize, LOOPBACK)).address);
    assert.equal(back.searchParams.get('state'), 'mine', back.search);

    const first = await post('/oauth/token', { grant_type: 'authorization_code', client_id: CLIENT, code: back.searchParams.get('code')!, redirect_uri: LOOPBACK, code_verifier: verifier });
    await describeNamespace(first.access_token);
    const second = await post('/oauth/token', { grant_type: 'refresh_token', client_id: CLIENT, refresh_token: first.refresh_token });
    await describeNamespace(second.access_token);
    assert.equal(JSON.parse(Buffer.from(second.access_token.split('.')[1]!, 'base64url').toString()).sub, 'real/carol');

    await fetch(`${all.at.oauth}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ client_id: CLIENT, token: second.refresh_token }) });
    assert.equal((await refused(() => describeNamespace(second.access_token))).code, UNAUTHENTICATED);
  });

  it('for a device, once its user confirms', async () => {
    const device = await post('/oauth/device_authorization', { client_id: CLIENT });
    const poll = () => post('/oauth/token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: CLIENT, device_code: device['device_code']! });
    assert.equal((await poll()).error, 'authorization_pending');

    const dave = new Person('dave');
    const { page } = await dave.go(device['verification_uri_complete']!, LOOPBACK);
    assert.match(page, new RegExp(device['user_code']!));
    const confirmation = /name="confirmation" value="([^"]+)"/.exec(page)![1]!;
    assert.equal((await dave.press(`${all.at.oauth}/oauth/device`, { confirmation, decision: 'allow' })).status, 200);

    await describeNamespace((await poll()).access_token);
  });
});
