// A certified OpenID provider in front of the gate: its JWTs by discovery, its opaque tokens by introspection.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { clientOf, refused } from '../gate/clients.js';
import { freePort, until } from '../gate/processes.js';
import { GATE, RealProvider } from '../gate/real-provider.js';
import { findCall } from '../gate/audit.js';
import { Neighbours } from './neighbours.js';
import { LIMIT, UNAUTHENTICATED, UNAVAILABLE } from './limits.js';

describe('a certified identity provider', LIMIT, () => {
  const all = new Neighbours();
  let provider: RealProvider;

  before(async () => {
    await all.open();
    provider = await RealProvider.start(await freePort());
    const config = readFileSync(all.at.config, 'utf8');
    writeFileSync(
      all.at.policy,
      'bindings:\n  - { who: ["account:opaque/worker", "account:real/worker"], role: viewer, where: { temporal: payments } }\n',
    );
    writeFileSync(
      all.at.config,
      config.replace(
        '  accounts: enabled\n',
        `    - { name: real, issuer: "${provider.issuer}", audiences: [postern], kind: service }
  accounts: enabled
  introspection:
    - { name: opaque, endpoint: "${provider.issuer}/token/introspection", clientId: ${GATE.id}, clientSecret: "${GATE.secret}", issuer: "${provider.issuer}", subject: client_id, kind: service, cache: 1s }
`,
      ),
    );
    await until('the gate took the configuration', 30_000, async () => {
      const answer = await fetch(`${all.at.admin}/reload`, { method: 'POST' });
      return answer.ok || Promise.reject(new Error(await answer.text()));
    });
  });
  after(async () => {
    await provider?.goAway();
    await all.close();
  });

  const describeNamespace = async (token: string) => {
    const client = await clientOf(all.at.gate, token);
    try {
      return await client.workflowService.describeNamespace({ namespace: 'payments' });
    } finally {
      await client.connection.close();
    }
  };

  it('is found by discovery, and its JWT names the caller', async () => {
    const token = await provider.token(RealProvider.resource);
    assert.equal(token.split('.').length, 3);
    await describeNamespace(token);
    await findCall(all.at.audit, 'the JWT', (call) => call.caller === 'real/worker');
    assert.equal(provider.asked, 0);
  });

  it('is asked about its opaque tokens, and about nothing else', async () => {
    const token = await provider.token();
    assert.ok(!token.includes('.'));
    await describeNamespace(token);
    await findCall(all.at.audit, 'the opaque token', (call) => call.caller === 'opaque/worker');
    assert.equal((await refused(() => describeNamespace('made-up'))).code, UNAUTHENTICATED);
  });

  it('revokes a token, and the gate notices within the cache', async () => {
    const token = await provider.token();
    await describeNamespace(token);
    await provider.revoke(token);
    await until('the token is refused', 30_000, async () => {
      try {
        await describeNamespace(token);
        return false;
      } catch (e) {
        return (await refused(() => Promise.reject(e))).code === UNAUTHENTICATED;
      }
    });
  });

  it('away, makes the gate unable to tell, and is asked again when it is back', async () => {
    const token = await provider.token();
    await provider.goAway();
    assert.equal((await refused(() => describeNamespace(token))).code, UNAVAILABLE);
    await provider.comeBack();
    await until('the token counts again', 30_000, () => describeNamespace(token).then(() => true, () => false));
  });
});
