import { personToken } from './tokens.js';
import type { Addresses } from './processes.js';

/** The gate's management API, as an administrator: carol@example.com of postern-dev's group platform. */
export class Management {
  private constructor(
    private readonly at: Addresses,
    private readonly token: string,
  ) {}

  static async open(at: Addresses): Promise<Management> {
    return new Management(at, await personToken(at.issuer, 'carol@example.com'));
  }

  /** An account of this name; one that is there is as good. */
  async account(name: string, kind: 'service' | 'agent' = 'service', audiences: Record<string, string[]> = {}): Promise<void> {
    await this.#call('POST', '/v1/accounts', { name, kind, audiences }).catch((e: unknown) => {
      if (!String(e).includes(': 409 ')) {
        throw e;
      }
    });
  }

  /** A key's id, and its text. */
  async key(account: string): Promise<Key> {
    return keyOf(await this.#call('POST', `/v1/accounts/${account}/keys`, { name: 'test' }));
  }

  /** The key that takes over from another, which goes on for so many seconds. */
  async rotate(id: string, retireAfterSeconds: number): Promise<Key> {
    return keyOf(await this.#call('POST', `/v1/keys/${id}/rotate`, { retireAfterSeconds }));
  }

  async revoke(id: string): Promise<void> {
    await this.#call('POST', `/v1/keys/${id}/revoke`);
  }

  /** Revokes what isn't the gate's own: a token by its jti, a certificate by issuer and serial number, all that a caller was given until now. */
  async revokeNamed(kind: 'token' | 'session' | 'certificate' | 'caller', value: string): Promise<void> {
    await this.#call('POST', '/v1/revocations', { kind, value });
  }

  async disable(name: string, disabled = true): Promise<void> {
    await this.#call('PUT', `/v1/accounts/${name}`, { disabled });
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(this.at.admin + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json', ...(method === 'PUT' ? { 'if-match': '*' } : {}) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    }

    return answer.status === 204 ? undefined : await answer.json();
  }
}

export interface Key {
  id: string;
  text: string;
}

function keyOf(answer: unknown): Key {
  const { key, text } = answer as { key: { id: string }; text: string };
  return { id: key.id, text };
}
