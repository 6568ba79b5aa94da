import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import Provider from 'oidc-provider';

/** A certified OpenID provider (npm's oidc-provider) on loopback where people log in: everybody may, under any name, and is of the group `payments`. */
export class LoginProvider {
  /** The gate, as the provider knows it. */
  static readonly gate = { id: 'postern gate', secret: 'a secret: of/the gate+' };
  #server: Server | undefined;

  private constructor(readonly issuer: string) {}

  static async start(port: number, redirect: string): Promise<LoginProvider> {
    const real = new LoginProvider(`http://127.0.0.1:${port}`);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const provider = new Provider(real.issuer, {
      clients: [
        { client_id: LoginProvider.gate.id, client_secret: LoginProvider.gate.secret, redirect_uris: [redirect], grant_types: ['authorization_code'], id_token_signed_response_alg: 'ES256' },
      ],
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'one' }] },
      cookies: { keys: ['of this test'] },
      claims: { openid: ['sub'], groups: ['groups'] },
      // What the scopes bring stands in the ID token, as with most providers, and not at an endpoint of its own.
      conformIdTokenClaims: false,
      pkce: { required: () => true },
      findAccount: (_: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub, groups: ['payments'] }) }),
    });
    const answer = provider.callback();
    real.#server = createServer((request, response) => answer(request, response));
    await new Promise<void>((done) => real.#server!.listen(port, '127.0.0.1', done));
    return real;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise<unknown>((done) => (this.#server === undefined ? done(undefined) : this.#server.close(done)));
  }
}

/** A person with a browser: keeps cookies by host, follows where it is sent, and says yes to whatever a provider's page asks. */
export class Person {
  readonly #cookies = new Map<string, Map<string, string>>();

  constructor(readonly name: string) {}

  /** Goes on until it is sent to an address that begins so, or a page is there that is none of the provider's. */
  async go(address: string, until: string): Promise<{ address: string; page: string }> {
    for (let i = 0; i < 20; i++) {
      const answer = await this.#fetch(address);
      const next = answer.headers.get('location');
      if (next !== null) {
        address = new URL(next, address).href;
        if (address.startsWith(until)) {
          return { address, page: '' };
        }

        continue;
      }

      const page = await answer.text();
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
      const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
      if (prompt === undefined || action === undefined) {
        return { address, page };
      }

      const sent = await this.#fetch(new URL(action, address).href, new URLSearchParams({ prompt, login: this.name, password: 'any' }));
      address = new URL(sent.headers.get('location') ?? '', address).href;
    }

    throw new Error(`still being sent about: ${address}`);
  }

  async press(address: string, form: Record<string, string>): Promise<Response> {
    return await this.#fetch(address, new URLSearchParams(form));
  }

  async #fetch(address: string, body?: URLSearchParams): Promise<Response> {
    const origin = new URL(address).origin;
    const cookies = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, cookies);
    const answer = await fetch(address, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body === undefined ? {} : { method: 'POST', body }),
    });
    for (const set of answer.headers.getSetCookie()) {
      const pair = set.split(';')[0]!;
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }

    return answer;
  }
}
