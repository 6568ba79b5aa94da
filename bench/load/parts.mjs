// Starts the parts, reads what the kernel accounts to each.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']).toString());
const running = [];

export const freePort = () => new Promise((done) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => done(port)); });
});

export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  child.output = '';
  child.stdout.on('data', (d) => { child.output += d; });
  child.stderr.on('data', (d) => { child.output += d; });
  running.push(child);
  return child;
}

// nginx ends its workers itself; killed at once it would leave them behind.
export function stopAll() { for (const child of running) if (child.exitCode === null) child.kill(child.spawnfile === 'nginx' ? 'SIGTERM' : 'SIGKILL'); }

export async function until(what, test, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) { if (await test()) return; await new Promise((r) => setTimeout(r, 5)); }
  throw new Error(`${what}: not within ${seconds} s`);
}

export const accepts = (port) => new Promise((done) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); done(true); });
  socket.on('error', () => done(false));
});

const children = (pid) => {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return list ? list.split(' ').map(Number) : [];
};

/** CPU seconds of a process and its children. */
export const cpu = (pid) => [pid, ...children(pid)].reduce((sum, p) => {
  const fields = readFileSync(`/proc/${p}/stat`, 'utf8').split(') ')[1].split(' ');
  return sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}, 0);

/** Resident bytes of a process and its children. */
export const resident = (pid) => [pid, ...children(pid)].reduce((sum, p) =>
  sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${p}/status`, 'utf8'))?.[1] ?? 0) * 1024, 0);

export function nginx(folder, port, upstream) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'nginx.conf'), `
daemon off; worker_processes 2; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
events { worker_connections 20000; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 100000000; client_max_body_size 8m;
  upstream engine { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} http2; http2_max_concurrent_streams 10000; http2_max_requests 100000000;
    location / { grpc_pass grpc://engine; grpc_read_timeout 3600s; grpc_send_timeout 3600s; }
  }
}`);
  return start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')]);
}

/** A gate's certificate, an authority of workers, and one worker's certificate. */
export function certificates(folder) {
  const own = (name) => join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  openssl('req', '-x509', ...made, '-subj', '/CN=gate', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', own('gate.key'), '-out', own('gate.pem'));
  openssl('req', '-x509', ...made, '-subj', '/CN=workers', '-keyout', own('workers.key'), '-out', own('workers.pem'));
  openssl('req', ...made.slice(0, -2), '-subj', '/O=load/CN=worker', '-keyout', own('worker.key'), '-out', own('worker.csr'));
  writeFileSync(own('worker.ext'), 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n');
  openssl('x509', '-req', '-in', own('worker.csr'), '-CA', own('workers.pem'), '-CAkey', own('workers.key'), '-CAcreateserial', '-days', '30', '-extfile', own('worker.ext'), '-out', own('worker.pem'));
  return { certificate: own('gate.pem'), key: own('gate.key'), authority: own('workers.pem'), client: own('worker.pem'), clientKey: own('worker.key') };
}

export function gate(folder, postern, { port, admin, upstream, keySet, assertion = 'off', oauth, tls }) {
  mkdirSync(join(folder, 'data'), { recursive: true });
  writeFileSync(join(folder, 'keys.json'), keySet);
  writeFileSync(join(folder, 'postern.yaml'), `
listen: [{ address: 127.0.0.1:${port}, protocol: grpc }${oauth ? `, { address: 127.0.0.1:${oauth}, protocol: http }` : ''}${tls ? `, { address: 127.0.0.1:${tls.port}, tls: { certificate: ${tls.certificate}, key: ${tls.key}, clientCertificates: optional, clientAuthorities: [${tls.authority}] } }` : ''}]
admin: { address: 127.0.0.1:${admin} }
data: ${folder}/data
engines:
  temporal:
    - { name: main, addresses: ["127.0.0.1:${upstream}"], credential: { mint: { audience: temporal, lifetime: 10m } }, identity: { stamp: true, assertion: ${assertion} } }
identity:
  issuers:
    - { name: test, issuer: "https://issuer.test", keySet: ${folder}/keys.json, audiences: [postern], groups: groups, kind: { claim: kind, service: [service] } }
${tls ? `  certificates: [{ name: workers, authorities: [${tls.authority}], filters: [{ organization: load }], account: payments-worker }]` : ''}
${oauth ? `  accounts: enabled\ntokens: { issuer: "http://127.0.0.1:${oauth}", lifetime: 1h }` : ''}
policy: [${folder}/policy.yaml]
audit: { file: ${folder}/audit }
`);
  const filler = Array.from({ length: 999 }, (_, i) => `  - { who: ["group:team-${i}"], role: developer, where: { temporal: ["team-${i}", "team-${i}-*"], workflowType: ["T${i}*"] } }`);
  writeFileSync(join(folder, 'policy.yaml'), `
roles:
  load: { extends: worker, with: [workflow.start] }
bindings:
${filler.join('\n')}
${oauth ? '  - { who: ["group:administrators"], role: admin, scope: cluster }' : ''}
  - { who: [${oauth ? '"account:test/payments-worker", "account:postern/payments-worker"' : '"account:payments-worker"'}], role: load, where: { temporal: payments, taskQueue: "payments*" } }
`);
  return start(postern, ['serve', '--config', join(folder, 'postern.yaml')]);
}
