import { createHash, randomBytes } from 'node:crypto';

/** A service's or agent's token, by client credentials. */
export async function accountToken(issuer: string, id: string, secret = `${id}-secret`): Promise<string> {
  const answer = await fetch(await endpoint(issuer, 'token_endpoint'), {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  return await accessToken(answer);
}

/** A person's token: the authorization code flow with PKCE, with a program in the place of the browser and of the hand that chooses. */
export async function personToken(issuer: string, email: string): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');
  // Nobody listens there: the answer is read from the redirect, not followed.
  const redirect = 'http://127.0.0.1:8976/callback';
  const page = await fetch(
    `${await endpoint(issuer, 'authorization_endpoint')}?${new URLSearchParams({
      response_type: 'code',
      client_id: 'postern-demo',
      redirect_uri: redirect,
      scope: 'openid',
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })}`,
  );
  const html = await page.text();
  const login = /name="login" value="([^"]+)"/.exec(html)?.[1];
  const action = /<form method="post" action="([^"]+)"/.exec(html)?.[1];
  if (login === undefined || action === undefined) {
    throw new Error(`the login page has no form (${page.status}): ${html}`);
  }

  const chosen = await fetch(new URL(action, issuer), { method: 'POST', redirect: 'manual', body: new URLSearchParams({ login, user: email }) });
  const back = new URL(chosen.headers.get('location') ?? `${redirect}?error=no_redirect`);
  const code = back.searchParams.get('code');
  if (code === null || back.searchParams.get('state') !== state || back.searchParams.get('iss') !== issuer) {
    throw new Error(`the login failed: ${back.search || chosen.status}`);
  }

  return await accessToken(
    await fetch(await endpoint(issuer, 'token_endpoint'), {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'authorization_code', client_id: 'postern-demo', code, redirect_uri: redirect, code_verifier: verifier }),
    }),
  );
}

async function endpoint(issuer: string, name: string): Promise<string> {
  const document = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
  return document[name] as string;
}

async function accessToken(answer: Response): Promise<string> {
  const body = (await answer.json()) as { access_token?: string; error?: string; error_description?: string };
  if (body.access_token === undefined) {
    throw new Error(`no token (${answer.status}): ${body.error} ${body.error_description}`);
  }

  return body.access_token;
}
