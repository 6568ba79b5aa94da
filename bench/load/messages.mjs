// The messages that are measured, and the credential they come with. Hand-encoded: the load generator needs bytes, not an SDK.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const varint = (n) => {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128);
  out.push(n);
  return Buffer.from(out);
};
export const bytes = (field, value) => {
  const data = Buffer.isBuffer(value) ? value : Buffer.from(value);
  return Buffer.concat([varint(field * 8 + 2), varint(data.length), data]);
};
export const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
export const frame = (message, compressed = false) => {
  const data = compressed ? gzipSync(message) : message;
  const head = Buffer.alloc(5);
  head[0] = compressed ? 1 : 0;
  head.writeUInt32BE(data.length, 1);
  return Buffer.concat([head, data]);
};

const payloads = (json) => bytes(1, Buffer.concat([bytes(1, Buffer.concat([bytes(1, 'encoding'), bytes(2, 'json/plain')])), bytes(2, json)]));
const run = '019a2030-6a9e-7d95-b1a5-b4d44bfb625c';
const token = Buffer.concat([bytes(1, run), bytes(2, 'refund-4711'), bytes(3, run), number(4, 5), number(5, 1), bytes(6, '1'), bytes(8, 'charge')]);

export const service = '/temporal.api.workflowservice.v1.WorkflowService/';
/** A worker's answer with the token that it was handed. */
export const respondActivity = (handed) => Buffer.concat([bytes(1, handed), bytes(2, payloads('{"ok":true,"amount":4711}')), bytes(3, '4711@worker-7'), bytes(4, 'payments')]);
export const startWorkflow = Buffer.concat([
  bytes(1, 'payments'), bytes(2, 'refund-4711'), bytes(3, bytes(1, 'Refund')), bytes(4, bytes(1, 'payments')),
  bytes(5, payloads('{"order":4711}')), bytes(9, '4711@client-1'), bytes(10, run),
]);
/** What the engine answers a poll: a task with its token. */
export const activityTask = Buffer.concat([
  bytes(1, token), bytes(2, 'payments'), bytes(3, bytes(1, 'Refund')), bytes(4, Buffer.concat([bytes(1, 'refund-4711'), bytes(2, run)])),
  bytes(5, bytes(1, 'charge')), bytes(6, '1'), bytes(8, payloads('{"order":4711}')), number(12, 1),
]);
export const pollActivity = Buffer.concat([bytes(1, 'payments'), bytes(2, Buffer.concat([bytes(1, 'payments'), number(2, 1)])), bytes(3, '4711@worker-7')]);

/** The token in an answer to a poll, sealed as whoever handed it out seals it. */
export const tokenOf = (body) => {
  let at = 6;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = body[at++];
    length += (byte & 127) << shift;
    if (byte < 128) break;
  }
  if (body[5] !== 10) throw new Error('the answer to a poll begins with something else than a token');
  return body.subarray(at, at + length);
};

/** A signing key with its set, a token for the worker's account, and one for who makes accounts. */
export function identity() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url').slice(0, 16);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const mint = (claims) => {
    const body = `${part({ alg: 'ES256', kid, typ: 'JWT' })}.${part({
      iss: 'https://issuer.test', aud: 'postern', iat: now, exp: now + 4 * 3600, jti: randomBytes(8).toString('hex'), ...claims,
    })}`;
    return `${body}.${sign('sha256', Buffer.from(body), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  return {
    keySet: JSON.stringify({ keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] }),
    token: mint({ sub: 'payments-worker', kind: 'service', groups: ['payments', 'everyone'] }),
    administrator: mint({ sub: 'root', groups: ['administrators'] }),
  };
}
