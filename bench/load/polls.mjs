// Opens polls and keeps them open: polls.mjs PORT COUNT TOKEN. Prints "open" when all are, ends on end of input.
import http2 from 'node:http2';
import { frame, pollActivity, service } from './messages.mjs';

const [port, count, token] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const connections = 8;
const body = frame(pollActivity);
let failed = 0;
const sessions = await Promise.all(Array.from({ length: connections }, () => new Promise((done, fail) => {
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 65535 }, peerMaxConcurrentStreams: 10000 });
  session.once('remoteSettings', () => done(session));
  session.once('error', fail);
})));
for (let i = 0; i < count; i++) {
  const stream = sessions[i % connections].request({
    ':method': 'POST', ':path': `${service}PollActivityTaskQueue`, 'content-type': 'application/grpc', te: 'trailers',
    authorization: `Bearer ${token}`, 'grpc-timeout': '600S', 'client-name': 'temporal-go', 'client-version': '1.50.0', 'temporal-namespace': 'payments',
  });
  stream.on('error', () => { failed++; });
  stream.on('response', (headers) => { failed++; console.error('answered', headers[':status'], headers['grpc-status'] ?? '', headers['grpc-message'] ?? ''); });
  stream.on('data', () => {});
  stream.end(body);
  if (i % 250 === 249) await new Promise((r) => setTimeout(r, 20));
}
await new Promise((r) => setTimeout(r, 1500));
if (failed) { console.log(`failed ${failed}`); process.exit(1); }
console.log('open');
process.stdin.resume();
process.stdin.on('end', () => process.exit(failed ? 1 : 0));
