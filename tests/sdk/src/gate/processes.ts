import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What postern-dev says when it is ready. */
export interface Addresses {
  gate: string;
  issuer: string;
  admin: string;
  keys: string;
  oauth: string;
  engine: string;
  /** Prefect's API through the gate. */
  prefect: string;
  prefectServer: string;
  engineKind: string;
  data: string;
  config: string;
  policy: string;
  audit: string;
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..');
/** A program as it was built. */
export const built = (project: string, program: string) => join(root, 'artifacts/bin', project, process.env['POSTERN_BUILD'] ?? 'release', program);

/** A child process that ends with the test, whatever becomes of the test. */
export class Running {
  readonly #child: ChildProcess;
  readonly exited: Promise<number | null>;
  errors = '';

  constructor(program: string, args: string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.exited = new Promise((done) => {
      this.#child.once('exit', (code) => done(code));
      this.#child.once('error', (e) => {
        this.errors += `${program}: ${e.message}`;
        done(-1);
      });
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
      if (process.env['POSTERN_LOGS']) {
        process.stderr.write(text);
      }
    });
    const end = () => this.#child.kill('SIGKILL');
    process.once('exit', end);
    void this.exited.then(() => process.removeListener('exit', end));
  }

  lines(): AsyncIterable<string> {
    return createInterface({ input: this.#child.stdout! });
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal);
    return await this.exited;
  }
}

/** postern-dev, or some of its parts, on free ports. */
export class Dev {
  private constructor(
    readonly process: Running,
    readonly at: Addresses,
    private readonly ownFolder: string | undefined,
  ) {}

  static async start(args: string[] = [], folder?: string, ports: 'free' | 'usual' = 'free'): Promise<Dev> {
    const own = folder === undefined ? mkdtempSync(join(tmpdir(), 'postern-sdk-')) : undefined;
    for (let attempt = 1; ; attempt++) {
      const running = new Running(built('Postern.Dev', 'postern-dev'), ['--data', folder ?? own!, ...(ports === 'free' ? ['--free-ports'] : []), '--output', 'json', ...args]);
      for await (const line of running.lines()) {
        return new Dev(running, JSON.parse(line) as Addresses, own);
      }

      await running.exited;
      // Between finding a free port and listening on it, another process may have taken it.
      if (attempt === 3 || ports === 'usual' || !/address already in use|can't listen/i.test(running.errors)) {
        throw new Error(`postern-dev ended by itself:\n${running.errors}`);
      }
    }
  }

  async stop(): Promise<void> {
    await this.process.stop(this.at.engineKind === 'temporal-cli' ? 'SIGTERM' : 'SIGKILL');
    if (this.ownFolder !== undefined) {
      rmSync(this.ownFolder, { recursive: true, force: true });
    }
  }
}

/** The gate alone, as it runs on a server: `postern serve`. */
export async function serve(config: string, gate: string): Promise<Running> {
  const running = new Running(built('Postern', 'postern'), ['serve', '--config', config]);
  void (async () => {
    for await (const line of running.lines()) {
      running.errors += line + '\n';
    }
  })();
  await listening(gate, running);
  return running;
}

async function listening(address: string, running: Running): Promise<void> {
  const [host, port] = address.split(':') as [string, string];
  let ended = false;
  void running.exited.then(() => (ended = true));
  await until(`somebody listens on ${address}`, 30_000, async () => {
    if (ended) {
      throw new Error(`the process ended by itself:\n${running.errors}`);
    }

    return await new Promise<boolean>((done) => {
      const socket = connect(Number(port), host);
      socket.once('connect', () => (socket.destroy(), done(true)));
      socket.once('error', () => done(false));
    });
  });
}

/** Waits until something is so; what it waits for stands in the error. */
export async function until<T>(what: string, milliseconds: number, ask: () => T | Promise<T>): Promise<NonNullable<Exclude<T, false>>> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (answer) {
      return answer as NonNullable<Exclude<T, false>>;
    }

    if (Date.now() > end) {
      throw new Error(`waited ${milliseconds} ms in vain: ${what}`);
    }

    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A port on loopback that nobody has at the moment. */
export const freePort = () =>
  new Promise<number>((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
