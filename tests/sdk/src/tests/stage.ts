import { randomUUID } from 'node:crypto';
import type { Client, ConnectionOptions } from '@temporalio/client';
import type { WorkerOptions } from '@temporalio/worker';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { clientOf, RunningWorker } from '../gate/clients.js';
import { Dev } from '../gate/processes.js';
import { accountToken, personToken } from '../gate/tokens.js';

// What Core warns of (a lost connection, a refused poll) is what these tests cause.
Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { forward: {}, filter: 'OFF' } } });

export * from './limits.js';

/** A postern-dev, and everybody of postern-dev.yaml to call it. */
export class Stage {
  readonly #opened: Client[] = [];
  readonly #workers: RunningWorker[] = [];

  private constructor(readonly dev: Dev) {}

  static async open(args: string[] = []): Promise<Stage> {
    return new Stage(await Dev.start(args));
  }

  get at() {
    return this.dev.at;
  }

  async person(name: string, options: ConnectionOptions & { identity?: string; namespace?: string } = {}): Promise<Client> {
    return await this.client(await personToken(this.at.issuer, `${name}@example.com`), options);
  }

  async account(id: string, options: ConnectionOptions & { identity?: string; namespace?: string } = {}): Promise<Client> {
    return await this.client(await accountToken(this.at.issuer, id), options);
  }

  async client(token: string | undefined, { namespace = 'payments', ...options }: ConnectionOptions & { identity?: string; namespace?: string } = {}): Promise<Client> {
    const client = await clientOf(this.at.gate, token, namespace, options);
    this.#opened.push(client);
    return client;
  }

  async worker(options: Partial<WorkerOptions> = {}, account = 'payments-worker'): Promise<RunningWorker> {
    const worker = await RunningWorker.start(this.at.gate, await accountToken(this.at.issuer, account), options);
    this.#workers.push(worker);
    return worker;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#workers.map((worker) => worker.stop()));
    await Promise.allSettled(this.#opened.map((client) => client.connection.close()));
    await this.dev.stop();
  }
}

/** Options of a start that no other test has. */
export function start<A extends unknown[]>(...args: A): { workflowId: string; taskQueue: string; args: A } {
  return { workflowId: `w-${randomUUID()}`, taskQueue: 'payments', args };
}
