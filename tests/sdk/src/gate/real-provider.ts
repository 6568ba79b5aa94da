import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import Provider from 'oidc-provider';

/** What the gate is to the provider: a client that may ask about tokens. */
export const GATE = { id: 'postern', secret: 'postern:secret/1' };
const WORKER = { id: 'worker', secret: 'worker-secret' };

/** A certified OpenID provider (npm's oidc-provider) on loopback. Its tokens are opaque, or JWTs where one is asked for by its resource. */
export class RealProvider {
  static readonly resource = 'urn:postern';
  #server: Server | undefined;
  asked = 0;

  private constructor(
    readonly port: number,
    private readonly provider: Provider,
  ) {}

  get issuer(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  static async start(port: number): Promise<RealProvider> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const client = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'], id_token_signed_response_alg: 'ES256' };
    const provider = new Provider(`http://127.0.0.1:${port}`, {
      clients: [
        { ...client, client_id: GATE.id, client_secret: GATE.secret },
        { ...client, client_id: WORKER.id, client_secret: WORKER.secret },
      ],
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'one' }] },
      scopes: ['temporal'],
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        revocation: { enabled: true },
        introspection: { enabled: true, allowedPolicy: (_: unknown, asking: { clientId: string }) => asking.clientId === GATE.id },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({ audience: 'postern', scope: 'temporal', accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } } }),
        },
      },
    });
    const real = new RealProvider(port, provider);
    await real.comeBack();
    return real;
  }

  async comeBack(): Promise<void> {
    const answer = this.provider.callback();
    this.#server = createServer((request, response) => {
      this.asked += request.url === '/token/introspection' ? 1 : 0;
      answer(request, response);
    });
    await new Promise<void>((done) => this.#server!.listen(this.port, '127.0.0.1', done));
  }

  async goAway(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise<unknown>((done) => (this.#server === undefined ? done(undefined) : this.#server.close(done)));
    this.#server = undefined;
  }

  async token(resource?: string): Promise<string> {
    const answer = await this.#post('/token', { grant_type: 'client_credentials', ...(resource === undefined ? {} : { resource, scope: 'temporal' }) });
    return ((await answer.json()) as { access_token: string }).access_token;
  }

  async revoke(token: string): Promise<void> {
    await this.#post('/token/revocation', { token });
  }

  async #post(path: string, form: Record<string, string>): Promise<Response> {
    const answer = await fetch(this.issuer + path, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${WORKER.id}:${WORKER.secret}`).toString('base64')}` },
      body: new URLSearchParams(form),
    });
    if (!answer.ok) {
      throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    }

    return answer;
  }
}
