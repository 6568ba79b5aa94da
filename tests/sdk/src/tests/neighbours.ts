import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientOf } from '../gate/clients.js';
import { Dev, type Running, serve, until } from '../gate/processes.js';
import { personToken } from '../gate/tokens.js';

export const portOf = (address: string) => new URL(address.includes('://') ? address : `http://${address}`).port;

/** Identity provider, engine and gate, each to be killed alone. */
export class Neighbours {
  readonly folder = mkdtempSync(join(tmpdir(), 'postern-sdk-'));
  identity!: Dev;
  engine!: Dev;
  gate!: Running;

  async open({ engine = [], identity = [], config = '', change = (text: string) => text }: { engine?: string[]; identity?: string[]; config?: string; change?: (text: string) => string } = {}): Promise<void> {
    this.engine = await Dev.start(['--parts', 'engine', ...engine], this.folder);
    this.#identityArguments = identity;
    await this.startIdentity();
    const text = readFileSync(this.at.config, 'utf8').replace('kind: { claim', `${config ? `${config}\n      ` : ''}kind: { claim`) + 'shutdown: { grace: 2s }\n';
    writeFileSync(this.at.config, change(text));
    await this.startGate();
    // The engine was there first and has no key yet: like a stock server it refuses every token until it next asks for the key set.
    await until('the engine knows the keys of the gate', 30_000, async () => {
      const alice = await clientOf(this.at.gate, await personToken(this.at.issuer, 'alice@example.com'));
      try {
        return await alice.workflowService.describeNamespace({ namespace: 'payments' }).then(() => true, () => false);
      } finally {
        await alice.connection.close();
      }
    });
  }

  #identityArguments: string[] = [];

  get at() {
    return this.engine.at;
  }

  async startIdentity(): Promise<void> {
    // With the ports of the engine's process, since the one file of the gate's configuration names them all.
    const { gate, admin, keys, oauth, issuer, engine, prefectServer } = this.at;
    const ports = ['--port', portOf(gate), '--admin-port', portOf(admin), '--keys-port', portOf(keys), '--identity-port', portOf(issuer), '--engine-port', portOf(engine), '--oauth-port', portOf(oauth), '--prefect-port', portOf(prefectServer)];
    const before = this.gate === undefined ? undefined : readFileSync(this.at.config, 'utf8');
    this.identity = await Dev.start(['--parts', 'identity', ...ports, ...this.#identityArguments], this.folder);
    if (before !== undefined) {
      writeFileSync(this.at.config, before);
    }
  }

  async startGate(): Promise<void> {
    this.gate = await serve(this.at.config, this.at.gate);
  }

  async close(): Promise<void> {
    await this.gate?.stop('SIGKILL');
    await this.engine?.stop();
    await this.identity?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
