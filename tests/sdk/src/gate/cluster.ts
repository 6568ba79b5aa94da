import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { SignJWT } from 'jose';

/** What stands for a Kubernetes cluster: it issues tokens of service accounts, publishes their keys, and keeps a pod's projected volume fresh as the kubelet does. */
export class Cluster {
  static readonly audience = 'temporal.example.com';
  readonly #server: Server;
  readonly #key: KeyObject;
  readonly #kubelets: NodeJS.Timeout[] = [];

  private constructor(
    readonly issuer: string,
    server: Server,
    key: KeyObject,
  ) {
    this.#server = server;
    this.#key = key;
  }

  static async start(port: number): Promise<Cluster> {
    const issuer = `http://127.0.0.1:${port}`;
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const documents: Record<string, object> = {
      '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/openid/v1/jwks`, response_types_supported: ['id_token'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'] },
      '/openid/v1/jwks': { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'one' }] },
    };
    const server = createServer((request, response) => {
      const document = documents[request.url ?? ''];
      response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(document ?? {}));
    });
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    return new Cluster(issuer, server, privateKey);
  }

  /** A token as the API server signs it for a projected volume. */
  async token(namespace: string, account: string, seconds = 600): Promise<string> {
    return await new SignJWT({ 'kubernetes.io': { namespace, pod: { name: 'worker-0', uid: randomUUID() }, serviceaccount: { name: account, uid: randomUUID() } } })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuer(this.issuer)
      .setSubject(`system:serviceaccount:${namespace}:${account}`)
      .setAudience([Cluster.audience])
      .setJti(randomUUID())
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime(`${seconds}s`)
      .sign(this.#key);
  }

  /** Mounts a volume, whose `token` is replaced every few seconds by way of a link, as the kubelet does it; answers the file. */
  async mount(folder: string, namespace: string, account: string, everySeconds: number): Promise<string> {
    let turn = 0;
    let last: string | undefined;
    const project = async () => {
      const data = `..data-${turn++}`;
      mkdirSync(join(folder, data));
      writeFileSync(join(folder, data, 'token'), await this.token(namespace, account, everySeconds * 4), { mode: 0o600 });
      symlinkSync(data, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
      if (last !== undefined) {
        rmSync(join(folder, last), { recursive: true });
      }

      last = data;
    };
    await project();
    symlinkSync(join('..data', 'token'), join(folder, 'token'));
    this.#kubelets.push(setInterval(() => void project(), everySeconds * 1000));
    return join(folder, 'token');
  }

  async stop(): Promise<void> {
    this.#kubelets.forEach(clearInterval);
    this.#server.closeAllConnections();
    await new Promise<unknown>((done) => this.#server.close(done));
  }
}
