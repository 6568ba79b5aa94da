import { fileURLToPath } from 'node:url';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { CallerVerifier } from '../caller-assertion/worker.js';
import * as activities from '../workflows/activities.js';
import * as callerActivities from '../workflows/caller-activities.js';

export const workflowBundle = { codePath: fileURLToPath(new URL('../workflow-bundle.js', import.meta.url)) };

/** What makes a worker's workflows and activities know who called, by the sample's interceptors. */
export function callerAware(keys: string): Pick<WorkerOptions, 'workflowBundle' | 'activities' | 'interceptors'> {
  const callers = new CallerVerifier({ keySet: `${keys}/caller`, issuer: 'postern/dev' });
  return {
    workflowBundle: { codePath: fileURLToPath(new URL('../caller-bundle.js', import.meta.url)) },
    activities: { ...activities, ...callerActivities, ...callers.activities },
    interceptors: { activity: [callers.activityInterceptors] },
  };
}

/** A client of the SDK. With an API key the SDK switches TLS on by itself, and the gate is in clear text on loopback here. */
export async function clientOf(gate: string, token: string | undefined, namespace = 'payments', options: ConnectionOptions & { identity?: string } = {}): Promise<Client> {
  const { identity, ...rest } = options;
  const connection = await Connection.connect({ address: gate, tls: false, ...(token === undefined ? {} : { apiKey: token }), ...rest });
  return new Client({ connection, namespace, ...(identity === undefined ? {} : { identity }) });
}

/** A worker that runs until `stop`. */
export class RunningWorker {
  private constructor(
    readonly worker: Worker,
    readonly connection: NativeConnection,
    private readonly running: Promise<void>,
  ) {}

  /** Without a token it sends none: where something stands before the gate that does. */
  static async start(gate: string, token: string | undefined, options: Partial<WorkerOptions> = {}): Promise<RunningWorker> {
    return await RunningWorker.on(await NativeConnection.connect({ address: gate, tls: false, ...(token === undefined ? {} : { apiKey: token }) }), options);
  }

  /** On a connection that is the worker's from now on. */
  static async on(connection: NativeConnection, options: Partial<WorkerOptions> = {}): Promise<RunningWorker> {
    try {
      const worker = await Worker.create({ connection, namespace: 'payments', taskQueue: 'payments', workflowBundle, activities, ...options });
      const running = worker.run();
      // Who stops the worker hears of its failure; until then it must not end the process.
      running.catch(() => undefined);
      return new RunningWorker(worker, connection, running);
    } catch (e) {
      await connection.close();
      throw e;
    }
  }

  get state() {
    return this.worker.getState();
  }

  async stop(): Promise<void> {
    if (this.worker.getState() === 'RUNNING') {
      this.worker.shutdown();
    }

    try {
      await this.running;
    } finally {
      await this.connection.close();
    }
  }
}

/** The text that the SDK has of a refusal, and its code: in the cause, where grpc-js puts them. */
export interface Refused {
  code: number;
  details: string;
}

export async function refused(call: () => Promise<unknown>): Promise<Refused> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (e) {
    for (let error: unknown = e; error instanceof Error; error = error.cause) {
      const { code, details } = error as { code?: unknown; details?: unknown };
      if (typeof code === 'number' && typeof details === 'string') {
        return { code, details };
      }
    }

    throw e;
  }

  throw new Error(`this should have been refused, and was answered: ${JSON.stringify(answer)}`);
}
