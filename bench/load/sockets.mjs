// Sockets of Prefect clients: sockets.mjs PORT COUNT KEY [FRAMES PER-WRITE]. Opens them on /api/events/in and prints "open" when all are let in. With frames, each socket sends so
// many, as fast as they go, closes, and "done" is printed when the server has answered all; without, they stay open until the end of input.
import net from 'node:net';
import { pathToFileURL } from 'node:url';

/** A frame; with a mask, as a client sends it. */
const frame = (opcode, payload, mask) => {
  const length = payload.length < 126 ? Buffer.from([payload.length]) : Buffer.from([126, payload.length >> 8, payload.length & 255]);
  if (mask) length[0] |= 128;
  return Buffer.concat([Buffer.from([128 | opcode]), length, ...mask ? [mask, payload.map((byte, i) => byte ^ mask[i & 3])] : [payload]]);
};

const mask = Buffer.from([0x9a, 0x31, 0xc4, 0x5e]);
const normal = Buffer.from([1000 >> 8, 1000 & 255]);
export const authSuccess = frame(1, Buffer.from('{"type":"auth_success"}'));
export const goodbye = frame(8, normal, mask);
export const serverGoodbye = frame(8, normal);

/** An event as a flow emits it. */
const event = frame(1, Buffer.from(JSON.stringify({
  occurred: '2026-06-01T12:00:00.000000Z', event: 'order.packed', resource: { 'prefect.resource.id': 'order.42', 'prefect.resource.name': 'order 42' },
  related: [{ 'prefect.resource.id': 'prefect.flow-run.5a1f0c6e-3b7d-4d55-9a53-0d6a3f6c9c11', 'prefect.resource.role': 'flow-run' }],
  payload: { parcels: 3, weight: 12.5 }, id: '0b5d3d5e-9d63-4d3c-8f0e-0f6a2f1d9f10', follows: null,
})), mask);

async function open(port, key) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', (fault) => { console.log(`failed: ${fault.message}`); process.exit(1); });
  let received = Buffer.alloc(0);
  let check = () => {};
  socket.on('data', (bytes) => { received = Buffer.concat([received, bytes]); check(); });
  socket.on('close', () => { if (!socket.isDone) { console.log(`failed: closed after ${received.toString('latin1')}`); process.exit(1); } });
  socket.expect = (bytes) => new Promise((done) => {
    check = () => {
      const at = received.indexOf(bytes);
      if (at < 0) return;
      received = received.subarray(at + bytes.length);
      check = () => {};
      done();
    };
    check();
  });
  socket.write(`GET /api/events/in HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: prefect/3.9.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: prefect\r\n\r\n`);
  await socket.expect(Buffer.from('\r\n\r\n'));
  socket.write(frame(1, Buffer.from(JSON.stringify({ type: 'auth', token: key })), mask));
  await socket.expect(authSuccess);
  return socket;
}

async function send(socket, count, perWrite) {
  const burst = Buffer.concat(Array(perWrite).fill(event));
  for (let i = 0; i < count / perWrite; i++) {
    if (!socket.write(burst)) await new Promise((done) => socket.once('drain', done));
    // Each socket in its turn.
    else if (i % 8 === 7) await new Promise((done) => setImmediate(done));
  }
  socket.write(goodbye);
  await socket.expect(serverGoodbye);
  socket.isDone = true;
  socket.destroy();
}

async function main([port, count, key, frames, perWrite]) {
  const all = [];
  while (all.length < count) all.push(...await Promise.all(Array.from({ length: Math.min(50, count - all.length) }, () => open(port, key))));
  console.log('open');
  if (frames > 0) {
    await Promise.all(all.map((socket) => send(socket, frames, perWrite)));
    console.log('done');
    return;
  }
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.argv.slice(2).map((value, i) => i === 2 ? value : Number(value)));
