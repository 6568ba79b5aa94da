// Two gates with the same keys in front of one engine, behind a balancer that knows nothing of what it carries.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { clientOf, RunningWorker } from '../gate/clients.js';
import { freePort, type Running, serve, until } from '../gate/processes.js';
import { accountToken, personToken } from '../gate/tokens.js';
import type * as workflows from '../workflows/payments.js';
import { Neighbours } from './neighbours.js';
import { LIMIT, start } from './stage.js';

/** A TCP balancer: each connection to the next gate in turn, or to the other where that one doesn't listen. */
class Balancer {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly carried = new Map<string, number>();
  #turn = 0;

  constructor(private readonly targets: string[]) {
    this.#server = createServer((from) => {
      this.#keep(from);
      this.#join(from, this.#turn++, this.targets.length);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#open.forEach((socket) => socket.destroy());
  }

  #join(from: Socket, turn: number, tries: number): void {
    const target = this.targets[turn % this.targets.length]!;
    const [host, port] = target.split(':') as [string, string];
    const to = connect(Number(port), host);
    const next = () => (tries > 1 ? this.#join(from, turn + 1, tries - 1) : from.destroy());
    to.once('error', next);
    to.once('connect', () => {
      to.removeListener('error', next);
      this.#keep(to);
      this.carried.set(target, (this.carried.get(target) ?? 0) + 1);
      from.pipe(to).pipe(from);
      from.once('close', () => to.destroy());
      to.once('close', () => from.destroy());
    });
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#open.delete(socket));
  }
}

describe('two gates behind a balancer', LIMIT, () => {
  const all = new Neighbours();
  let second: Running;
  let secondConfig: string;
  let secondGate: string;
  let balancer: Balancer;
  let clients: Client[];
  let workers: RunningWorker[];

  const startSecond = async () => (second = await serve(secondConfig, secondGate));

  before(async () => {
    await all.open();
    secondGate = `127.0.0.1:${await freePort()}`;
    secondConfig = join(all.folder, 'second.yaml');
    mkdirSync(join(all.folder, 'gate-2'));
    symlinkSync(join(all.folder, 'gate', 'keys'), join(all.folder, 'gate-2', 'keys'));
    const first = readFileSync(all.at.config, 'utf8');
    writeFileSync(
      secondConfig,
      first
        .replace(/- address: .*/, `- address: ${secondGate}`)
        .replace(/^  - .*protocol: http.*\n/m, '')
        .replace(/^admin: .*/m, `admin: { address: 127.0.0.1:${await freePort()} }`)
        .replace(/^keys: .*/m, `keys: { address: 127.0.0.1:${await freePort()} }`)
        .replace(/^data: .*/m, 'data: gate-2')
        .replace(/^audit: .*/m, 'audit: { file: audit-2 }'),
    );
    await startSecond();

    balancer = new Balancer([all.at.gate, secondGate]);
    const address = await balancer.listen();
    // Several connections of each kind, so that both gates carry both.
    const [alice, account] = [await personToken(all.at.issuer, 'alice@example.com'), await accountToken(all.at.issuer, 'payments-worker')];
    clients = [await clientOf(address, alice), await clientOf(address, alice)];
    workers = [await RunningWorker.start(address, account), await RunningWorker.start(address, account)];
    assert.ok([all.at.gate, secondGate].every((gate) => (balancer.carried.get(gate) ?? 0) > 0), JSON.stringify([...balancer.carried]));
  });
  after(async () => {
    await Promise.allSettled(workers?.map((worker) => worker.stop()) ?? []);
    await Promise.allSettled(clients?.map((client) => client.connection.close()) ?? []);
    balancer?.close();
    await second?.stop('SIGKILL');
    await all.close();
  });

  const busy = async (): Promise<WorkflowHandle<typeof workflows.Busy>[]> => {
    const handles = await Promise.all(Array.from({ length: 60 }, (_, i) => clients[i % 2]!.workflow.start<typeof workflows.Busy>('Busy', start(20))));
    await until('some are under way', 30_000, async () => ((await handles[0]!.fetchHistory()).events?.length ?? 0) > 12);
    return handles;
  };

  const allEnd = async (handles: WorkflowHandle<typeof workflows.Busy>[]) => {
    const results = await Promise.all(handles.map(async (handle) => {
      for (;;) {
        try {
          return await handle.result();
        } catch (e) {
          // A client's own wait may be cut off with its connection; the workflow must not be.
          if ((e as { cause?: { code?: number } }).cause?.code !== 14) throw e;
        }
      }
    }));
    assert.deepEqual(results, handles.map(() => 200));
    assert.ok(workers.every((worker) => worker.state === 'RUNNING'));
  };

  it('one is killed under load, and no workflow is lost: what it handed out is answered through the other', async () => {
    const handles = await busy();
    await all.gate.stop('SIGKILL');
    await allEnd(handles);
    await all.startGate();
  });

  it('both are restarted one after the other, and no workflow is lost', async () => {
    const handles = await busy();
    assert.equal(await all.gate.stop('SIGTERM'), 0, all.gate.errors);
    await all.startGate();
    assert.equal(await second.stop('SIGTERM'), 0, second.errors);
    await startSecond();
    await allEnd(handles);
  });
});
