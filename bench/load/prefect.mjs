// A Prefect server's calls: the gate beside nginx with an auth server, as one would put it in front of Prefect without a gate. What counts is all that stands between client and server.
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { accepts, cpu, freePort, resident, start, until } from './parts.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const flowRun = '/api/flow_runs/5a1f0c6e-3b7d-4d55-9a53-0d6a3f6c9c11';
const filter = JSON.stringify({ sort: 'START_TIME_DESC', offset: 0, limit: 10, flow_runs: { operator: 'and_', state: { operator: 'and_', type: { any_: ['RUNNING', 'PENDING'] } } } });
const answer = JSON.stringify({ id: '5a1f0c6e-3b7d-4d55-9a53-0d6a3f6c9c11', name: 'blue-fox', flow_id: '44444444-4444-4444-4444-444444444444', tags: ['prod'], parameters: {}, state_type: 'COMPLETED', pad: 'x'.repeat(700) });

/** An nginx of one worker with the given server blocks. */
export function server(folder, blocks) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'nginx.conf'), `
daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
events { worker_connections 20000; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 100000000; client_max_body_size 8m;
  ${blocks}
}`);
  return start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')]);
}

/** nginx as people put it in front of Prefect: each call asked about at an auth server, the server's credential set, sockets passed. */
export const proxy = (folder, port, upstream, auth) => server(folder, `
  upstream engine { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 100000000; }
  upstream auth { server 127.0.0.1:${auth}; keepalive 64; keepalive_requests 100000000; }
  map $http_upgrade $connection_value { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port};
    location / {
      auth_request /auth;
      proxy_pass http://engine; proxy_http_version 1.1; proxy_read_timeout 3600s; proxy_send_timeout 3600s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_value; proxy_set_header Host $http_host;
      proxy_set_header Authorization "Basic YWRtaW46c2VjcmV0";
    }
    location = /auth {
      internal; proxy_pass http://auth; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass_request_body off; proxy_set_header Content-Length "";
    }
  }`);

/** A gate with accounts, in front of a Prefect server. */
export async function gate(folder, postern, { port, admin, upstream, keySet, administrator }) {
  mkdirSync(join(folder, 'data'), { recursive: true });
  writeFileSync(join(folder, 'keys.json'), keySet);
  writeFileSync(join(folder, 'postern.yaml'), `
listen: [{ address: 127.0.0.1:${port}, protocol: http }]
admin: { address: 127.0.0.1:${admin} }
data: ${folder}/data
engines:
  prefect:
    - { name: main, address: "http://127.0.0.1:${upstream}", credential: { authString: "admin:secret" } }
identity:
  issuers:
    - { name: test, issuer: "https://issuer.test", keySet: ${folder}/keys.json, audiences: [postern], groups: groups, kind: { claim: kind, service: [service] } }
  accounts: enabled
policy: [${folder}/policy.yaml]
audit: { file: ${folder}/audit }
`);
  const filler = Array.from({ length: 999 }, (_, i) => `  - { who: ["group:team-${i}"], role: developer, where: { prefect: main, flow: ["team-${i}", "team-${i}-*"] } }`);
  writeFileSync(join(folder, 'policy.yaml'), `
bindings:
${filler.join('\n')}
  - { who: ["group:administrators"], role: admin, scope: cluster }
  - { who: ["account:postern/flows"], role: developer, where: { prefect: main } }
`);
  const running = start(postern, ['serve', '--config', join(folder, 'postern.yaml')]);
  await until('gate', async () => {
    if (running.exitCode !== null) throw new Error(running.output);
    try { return (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok; } catch { return false; }
  });
  const manage = async (path, body) => {
    const reply = await fetch(`http://127.0.0.1:${admin}${path}`, { method: 'POST', headers: { authorization: `Bearer ${administrator}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    return reply.json();
  };
  await manage('/v1/accounts', { name: 'flows', kind: 'service' });
  const key = (await manage('/v1/accounts/flows/keys', { name: 'load' })).text;
  // The gate knows a new key within the second.
  await until('key', async () => (await fetch(`http://127.0.0.1:${port}/api/hello`, { headers: { authorization: `Bearer ${key}` } })).status === 200);
  return { running, key };
}

/** The server's stand-in and the auth server. */
export async function standIns(folder) {
  const [upstream, auth] = [await freePort(), await freePort()];
  server(join(folder, 'prefect-server'), `server { listen 127.0.0.1:${upstream}; default_type application/json; location / { return 200 '${answer}'; } }`);
  const authServer = server(join(folder, 'auth-server'), `server { listen 127.0.0.1:${auth}; location / { return 204; } }`);
  await until('Prefect stand-in', () => accepts(upstream));
  await until('auth server', () => accepts(auth));
  return { upstream, auth, authPid: authServer.pid };
}

const load = async (port, path, key, calls, body) => {
  const { stdout } = await run('h2load', ['--h1', '-c16', '-t1', `-n${calls}`, ...(body ? ['-d', body, '-H', 'content-type: application/json'] : []),
    '-H', `authorization: Bearer ${key}`, '-H', 'user-agent: prefect/3.9.1 (API 0.8.4)', '-H', 'x-prefect-api-version: 0.8.4', '-H', 'accept: */*', `http://127.0.0.1:${port}${path}`], { maxBuffer: 1 << 26 });
  const ok = Number(/(\d+) 2xx/.exec(stdout)?.[1] ?? 0);
  if (ok !== calls) throw new Error(`${path}: ${ok} of ${calls} calls succeeded\n${stdout}`);
};

/** Half the calls read a run, half list runs by a filter that is judged. */
export async function http(folder, { ports, pids, key, calls, rounds, warmUp }) {
  const body = join(folder, 'filter.json');
  writeFileSync(body, filter);
  const both = async (side, count) => {
    await load(ports[side], flowRun, key, count / 2);
    await load(ports[side], '/api/flow_runs/filter', key, count / 2, body);
  };
  for (const side of ['nginx', 'postern']) await both(side, side === 'nginx' ? calls / 2 : warmUp);
  const perCall = { nginx: [], postern: [] };
  for (let round = 0; round < rounds; round++) {
    for (const side of ['nginx', 'postern']) {
      const used = () => pids[side].reduce((sum, pid) => sum + cpu(pid), 0);
      const before = used();
      await both(side, calls);
      perCall[side].push((used() - before) / calls * 1e6);
    }
  }
  return { ratioToNginxAuth: Number((median(perCall.postern) / median(perCall.nginx)).toFixed(3)), cpuUsPerCall: Number(median(perCall.postern).toFixed(1)), nginxAuthCpuUsPerCall: Number(median(perCall.nginx).toFixed(1)) };
}

/** A stand-in for the server's sockets; its port. */
export async function socketStandIn() {
  const port = await freePort();
  start('node', [join(here, 'socket-stand-in.mjs'), String(port)]);
  await until('socket stand-in', () => accepts(port));
  return port;
}

const sockets = (port, count, key, ...frames) => start('node', [join(here, 'sockets.mjs'), String(port), String(count), key, ...frames.map(String)]);

const said = (clients, word, seconds) => until(`sockets: ${word}`, () => {
  if (clients.exitCode !== null && !clients.output.includes(word)) throw new Error(clients.output);
  return clients.output.includes(word);
}, seconds);

/** Events on eight sockets, so many frames with each write of a client's. */
export async function frames({ ports, pids, key, calls, rounds, warmUp, perWrite = 1 }) {
  const connections = 8;
  const all = (side, count) => said(sockets(ports[side], connections, key, Math.floor(count / connections), perWrite), 'done', 60);
  for (const side of ['nginx', 'postern']) await all(side, side === 'nginx' ? calls / 2 : warmUp);
  const perFrame = { nginx: [], postern: [] };
  for (let round = 0; round < rounds; round++) {
    for (const side of ['nginx', 'postern']) {
      const before = cpu(pids[side]);
      await all(side, calls);
      perFrame[side].push((cpu(pids[side]) - before) / calls * 1e6);
    }
  }
  return { ratioToNginx: Number((median(perFrame.postern) / median(perFrame.nginx)).toFixed(3)), cpuUsPerFrame: Number(median(perFrame.postern).toFixed(2)), nginxCpuUsPerFrame: Number(median(perFrame.nginx).toFixed(2)) };
}

/** Resident bytes of each of so many sockets on which nothing happens. */
export async function idleSockets(port, pid, key, count, hold) {
  const open = async (number) => {
    const clients = sockets(port, number, key);
    await said(clients, 'open', 60);
    return async () => {
      clients.stdin.end();
      await until('the end of sockets', () => clients.exitCode !== null);
    };
  };
  // What the first sockets of a process cost (code that is compiled, pools that are filled) is no socket's.
  const closeFirst = await open(count / 10);
  await closeFirst();
  await new Promise((r) => setTimeout(r, 2000));
  const before = resident(pid);
  const close = await open(count);
  await new Promise((r) => setTimeout(r, hold * 1000));
  const bytes = Math.round((resident(pid) - before) / count);
  await close();
  return bytes;
}
