import { randomBytes, randomUUID } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** What Prefect 3.9's own clients send, in their order. */
const CLIENT = { Accept: '*/*', 'Accept-Encoding': 'identity', Connection: 'close', 'User-Agent': 'prefect/3.9.1 (API 0.8.4)', 'X-PREFECT-API-VERSION': '0.8.4' };

export interface Answer {
  status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

/** A client that speaks as Prefect's own does, with PREFECT_API_AUTH_STRING: the password is a token or a key. */
export class PrefectClient {
  #knowsCsrf = false;

  constructor(
    readonly api: string,
    private readonly credential: string,
    private readonly attribution: Record<string, string> = {},
  ) {}

  get authString(): string {
    return `any:${this.credential}`;
  }

  get(path: string): Promise<Answer> {
    return this.#send('GET', path);
  }

  /** A change, or a list: before its first one a client asks for a CSRF token. */
  async post(path: string, body: unknown = {}): Promise<Answer> {
    if (!this.#knowsCsrf) {
      this.#knowsCsrf = true;
      await this.#send('GET', `/csrf-token?client=${randomUUID()}`);
    }

    return await this.#send('POST', path, body);
  }

  async socket(path: string): Promise<PrefectSocket> {
    return await PrefectSocket.open(`${this.api}${path}`, this.authString);
  }

  #send(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...CLIENT,
      Authorization: `Basic ${Buffer.from(this.authString).toString('base64')}`,
      ...(text === undefined ? {} : { 'Content-Length': Buffer.byteLength(text), 'Content-Type': 'application/json' }),
      ...this.attribution,
    };
    return new Promise((done, fail) => {
      const call = request(`${this.api}${path}`, { method, headers }, (answer) => void read(answer).then(done, fail));
      call.once('error', fail);
      call.end(text);
    });
  }
}

async function read(answer: IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = [];
  for await (const piece of answer) {
    pieces.push(piece as Buffer);
  }

  const text = Buffer.concat(pieces).toString();
  return { status: answer.statusCode!, body: text === '' ? undefined : JSON.parse(text) };
}

/** A socket as Prefect's clients open it: the first frame says who it is. Text frames of less than 64 KiB, which is all that is said here. */
export class PrefectSocket {
  readonly #said: unknown[] = [];
  #wake: () => void = () => undefined;
  #rest: Buffer = Buffer.alloc(0);
  /** Code and reason of the server's close; code 1006 where the connection ended without one. */
  closed: { code: number; reason: string } | undefined;

  private constructor(private readonly connection: Socket) {
    connection.on('data', (bytes: Buffer) => this.#take(bytes));
    connection.once('close', () => this.#end({ code: 1006, reason: '' }));
    connection.on('error', () => undefined);
  }

  static async open(url: string, authString: string): Promise<PrefectSocket> {
    const headers = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': randomBytes(16).toString('base64'), 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Protocol': 'prefect', 'User-Agent': CLIENT['User-Agent'] };
    const socket = await new Promise<PrefectSocket>((done, fail) => {
      const call = request(url, { headers });
      call.once('upgrade', (_, connection, head) => {
        const opened = new PrefectSocket(connection);
        opened.#take(head);
        done(opened);
      });
      call.once('response', (answer) => fail(new Error(`no socket: ${answer.statusCode}`)));
      call.once('error', fail);
      call.end();
    });
    socket.say({ type: 'auth', token: authString });
    return socket;
  }

  say(message: unknown): void {
    const payload = Buffer.from(JSON.stringify(message));
    const key = randomBytes(4);
    const length = payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 0xff];
    this.connection.write(Buffer.concat([Buffer.from([0x81, ...length]), key, payload.map((byte, i) => byte ^ key[i & 3]!)]));
  }

  /** The next message. */
  async hear(): Promise<Record<string, unknown>> {
    await this.#until(() => this.#said.length > 0);
    if (this.#said.length === 0) {
      throw new Error(`the socket closed: ${this.closed?.code} ${this.closed?.reason}`);
    }

    return this.#said.shift() as Record<string, unknown>;
  }

  async end(): Promise<{ code: number; reason: string }> {
    await this.#until(() => false);
    return this.closed!;
  }

  close(): void {
    this.connection.destroy();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds() && this.closed === undefined) {
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  #end(how: { code: number; reason: string }): void {
    this.closed ??= how;
    this.#wake();
  }

  #take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const [first, second] = this.#rest;
      if (first === undefined || second === undefined) {
        return;
      }

      const wide = second === 127 ? 8 : second === 126 ? 2 : 0;
      if (this.#rest.length < 2 + wide) {
        return;
      }

      const length = wide === 8 ? Number(this.#rest.readBigUInt64BE(2)) : wide === 2 ? this.#rest.readUInt16BE(2) : second;
      const end = 2 + wide + length;
      if (this.#rest.length < end) {
        return;
      }

      const payload = this.#rest.subarray(2 + wide, end);
      this.#rest = this.#rest.subarray(end);
      switch (first & 0x0f) {
        case 1:
          this.#said.push(JSON.parse(payload.toString()));
          this.#wake();
          break;
        case 8:
          this.#end({ code: payload.length >= 2 ? payload.readUInt16BE(0) : 1005, reason: payload.subarray(2).toString() });
          break;
        case 9: {
          const key = randomBytes(4);
          this.connection.write(Buffer.concat([Buffer.from([0x8a, 0x80 | payload.length]), key, payload.map((byte, i) => byte ^ key[i & 3]!)]));
          break;
        }
      }
    }
  }
}
