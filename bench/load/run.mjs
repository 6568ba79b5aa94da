// Postern beside nginx in one run: CPU per call, latency at half load, memory of idle polls, start-up. Ratios count, absolute times are this machine's.
import { execFile } from 'node:child_process';
import http2 from 'node:http2';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { activityTask, frame, identity, pollActivity, respondActivity, service, startWorkflow, tokenOf } from './messages.mjs';
import * as prefect from './prefect.mjs';
import { accepts, certificates, cpu, freePort, gate, nginx, resident, start, stopAll, until } from './parts.mjs';

const { values: options } = parseArgs({ options: {
  json: { type: 'boolean' }, postern: { type: 'string' }, calls: { type: 'string', default: '60000' }, rounds: { type: 'string', default: '3' },
  polls: { type: 'string', default: '5000' }, sockets: { type: 'string', default: '2000' }, burst: { type: 'string', default: '1' }, hold: { type: 'string', default: '30' }, only: { type: 'string' }, help: { type: 'boolean' },
} });
if (options.help) {
  console.log('bench/load/run [--json] [--calls N] [--rounds N] [--polls N] [--sockets N] [--burst FRAMES-PER-WRITE] [--hold SECONDS] [--only unary|unaryStart|startAsserted|unaryKey|unaryCertificate|unaryGzip|pollWithTask|idlePoll|prefect|prefectHttp|prefectSockets]');
  process.exit(0);
}

const here = dirname(fileURLToPath(import.meta.url));
const say = (text) => options.json ? process.stderr.write(text + '\n') : console.log(text);
const folder = mkdtempSync(join(tmpdir(), 'postern-load-'));
const wants = (name) => !options.only || options.only === name;
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const run = promisify(execFile);
const { keySet, token, administrator } = identity();
// Compiled code settles after some hundred thousand calls: a gate runs for weeks, and its first minute is not what it costs.
const warmUp = Math.max(Number(options.calls), 150000);
const result = {};

const load = async (port, name, file, headers, calls, extra = [], credential = token) => {
  const { stdout } = await run('h2load', ['-c8', '-m16', '-t1', `-n${calls}`, '-d', file, ...extra,
    ...['content-type: application/grpc', 'te: trailers', ...credential ? [`authorization: Bearer ${credential}`] : [], 'client-name: temporal-go', 'client-version: 1.50.0',
      'temporal-namespace: payments', 'grpc-timeout: 30S', 'grpc-accept-encoding: gzip', 'user-agent: grpc-go/1.83.2', ...headers].flatMap((h) => ['-H', h]),
    `http://127.0.0.1:${port}${service}${name}`], { maxBuffer: 1 << 26 });
  const ok = Number(/(\d+) succeeded/.exec(stdout)?.[1] ?? 0);
  const rate = Number(/([\d.]+) req\/s/.exec(stdout)?.[1] ?? 0);
  if (ok !== calls) throw new Error(`${name}: ${ok} of ${calls} calls succeeded\n${stdout}`);
  return rate;
};

/** One call, as a worker makes it; its answer's body. */
const call = (port, name, body) => new Promise((done, fail) => {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.once('error', fail);
  const stream = session.request({ ':method': 'POST', ':path': `${service}${name}`, 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${token}`, 'grpc-timeout': '30S' });
  const parts = [];
  stream.on('data', (part) => parts.push(part));
  stream.on('error', fail);
  stream.on('end', () => { session.close(); done(Buffer.concat(parts)); });
  stream.end(body);
});

const percentiles = (log) => {
  const times = readFileSync(log, 'utf8').trim().split('\n').map((line) => Number(line.split('\t')[2])).sort((a, b) => a - b);
  return { p50Us: times[Math.floor(times.length * 0.5)], p99Us: times[Math.floor(times.length * 0.99)] };
};

async function unary(key, name, message, compressed, ports, pids) {
  const file = join(folder, `${key}.bin`);
  writeFileSync(file, frame(message, compressed));
  const headers = compressed ? ['grpc-encoding: gzip'] : [];
  const calls = Number(options.calls);
  const rates = {};
  for (const side of ['nginx', 'postern']) rates[side] = await load(ports[side], name, file, headers, side === 'nginx' ? Math.min(calls, 30000) : warmUp);
  const perCall = { nginx: [], postern: [] };
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const side of ['nginx', 'postern']) {
      const before = cpu(pids[side]);
      rates[side] = await load(ports[side], name, file, headers, calls);
      perCall[side].push((cpu(pids[side]) - before) / calls * 1e6);
    }
  }
  const row = {
    ratioToNginx: Number((median(perCall.postern) / median(perCall.nginx)).toFixed(3)),
    cpuUsPerCall: Number(median(perCall.postern).toFixed(1)), nginxCpuUsPerCall: Number(median(perCall.nginx).toFixed(1)),
    callsPerSecond: Math.round(rates.postern), nginxCallsPerSecond: Math.round(rates.nginx),
  };
  const half = Math.max(1, Math.floor(Math.min(rates.nginx, rates.postern) / 2 / 8));
  for (const side of ['nginx', 'postern']) {
    const log = join(folder, `${key}-${side}.log`);
    await load(ports[side], name, file, headers, half * 8 * 5, ['--rps', String(half), '--log-file', log]);
    const { p50Us, p99Us } = percentiles(log);
    Object.assign(row, side === 'nginx' ? { nginxP50Us: p50Us, nginxP99Us: p99Us } : { p50Us, p99Us });
  }
  result[key] = row;
  say(`${key.padEnd(13)} ${row.cpuUsPerCall} µs a call, nginx ${row.nginxCpuUsPerCall} µs: ${row.ratioToNginx} of nginx; at half load p50 ${row.p50Us} / p99 ${row.p99Us} µs, nginx ${row.nginxP50Us} / ${row.nginxP99Us} µs`);
}

/**
 * The same calls on one gate with a token of an issuer, with a key, and with a token that the gate issued; and over TLS with a token of an issuer and with a client
 * certificate. In turn, so that a slow minute is everybody's.
 */
async function credentials(upstream, kinds) {
  const [port, secure, admin, oauth] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const own = certificates(folder);
  const running = gate(join(folder, 'gate-accounts'), options.postern, { port, admin, oauth, upstream, keySet, tls: { port: secure, ...own } });
  await until('gate', async () => { try { return (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok; } catch { return false; } });
  const ask = async (url, headers, body) => {
    const answer = await fetch(url, { method: 'POST', headers, body });
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const manage = (path, body) => ask(`http://127.0.0.1:${admin}${path}`, { authorization: `Bearer ${administrator}`, 'content-type': 'application/json' }, JSON.stringify(body));
  await manage('/v1/accounts', { name: 'payments-worker', kind: 'service' });
  const key = (await manage('/v1/accounts/payments-worker/keys', { name: 'load' })).text;
  const basic = Buffer.from(`payments-worker:${key}`).toString('base64');
  const issued = (await ask(`http://127.0.0.1:${oauth}/oauth/token`, { authorization: `Basic ${basic}` }, new URLSearchParams({ grant_type: 'client_credentials' }))).access_token;
  const tunnel = async (...pair) => {
    const at = await freePort();
    start('node', [join(here, 'tunnel.mjs'), String(at), String(secure), ...pair]);
    await until('tunnel', () => accepts(at));
    return at;
  };
  // A seal of this gate's own.
  const file = join(folder, 'credentials.bin');
  writeFileSync(file, frame(respondActivity(tokenOf(await call(port, 'PollActivityTaskQueue', frame(pollActivity))))));
  const [plain, shown] = [await tunnel(), await tunnel(own.client, own.clientKey)];
  const ways = {
    jwt: [port, [], token], key: [port, [], key], token: [port, [], issued],
    jwtTls: [plain, [':scheme: https'], token], certificate: [shown, [':scheme: https'], null],
  };
  const perCall = Object.fromEntries(kinds.map((kind) => [kind, []]));
  const once = (kind, calls) => load(ways[kind][0], 'RespondActivityTaskCompleted', file, ways[kind][1], calls, [], ways[kind][2]);
  for (const kind of kinds) await once(kind, warmUp / 3);
  for (let round = 0; round < Number(options.rounds) + 2; round++) {
    for (const kind of kinds) {
      const before = cpu(running.pid);
      await once(kind, Number(options.calls));
      perCall[kind].push((cpu(running.pid) - before) / Number(options.calls) * 1e6);
    }
  }
  running.kill('SIGKILL');
  for (const [name, kind, beside] of [['unaryKey', 'key', 'jwt'], ['unaryToken', 'token', 'jwt'], ['unaryCertificate', 'certificate', 'jwtTls']]) {
    if (!kinds.includes(kind)) continue;
    const [cost, jwt] = [median(perCall[kind]), median(perCall[beside])];
    result[name] = { ratioToUnary: Number((cost / jwt).toFixed(3)), cpuUsPerCall: Number(cost.toFixed(1)), jwtCpuUsPerCall: Number(jwt.toFixed(1)) };
    say(`${name.padEnd(13)} ${result[name].cpuUsPerCall} µs a call, with an issuer's token ${result[name].jwtCpuUsPerCall} µs: ${result[name].ratioToUnary} of it`);
  }
}

/** A Prefect server behind the gate, and behind nginx with an auth server. */
async function prefectServer() {
  const { upstream, auth, authPid } = await prefect.standIns(folder);
  const ports = { nginx: await freePort(), postern: await freePort() };
  const { running, key } = await prefect.gate(join(folder, 'gate-prefect'), options.postern, { port: ports.postern, admin: await freePort(), upstream, keySet, administrator });
  const proxy = prefect.proxy(join(folder, 'nginx-prefect'), ports.nginx, upstream, auth);
  await until('nginx', () => accepts(ports.nginx));
  const row = await prefect.http(folder, { ports, pids: { nginx: [proxy.pid, authPid], postern: [running.pid] }, key, calls: Number(options.calls), rounds: Number(options.rounds), warmUp });
  result.prefectHttp = row;
  say(`prefectHttp   ${row.cpuUsPerCall} µs a call, nginx with its auth server ${row.nginxAuthCpuUsPerCall} µs: ${row.ratioToNginxAuth} of it`);
  running.kill('SIGKILL');
  proxy.kill('SIGTERM');
}

/** The server's sockets: what a frame costs, and what a socket keeps on which nothing happens. Each by a gate that has done nothing else. */
async function prefectSockets() {
  const upstream = await prefect.socketStandIn();
  const { auth } = await prefect.standIns(join(folder, 'sockets'));
  const pair = async (name) => {
    const ports = { nginx: await freePort(), postern: await freePort() };
    const { running, key } = await prefect.gate(join(folder, `gate-${name}`), options.postern, { port: ports.postern, admin: await freePort(), upstream, keySet, administrator });
    const proxy = prefect.proxy(join(folder, `nginx-${name}`), ports.nginx, upstream, auth);
    await until('nginx', () => accepts(ports.nginx));
    await new Promise((r) => setTimeout(r, 2000));
    return { ports, pids: { nginx: proxy.pid, postern: running.pid }, key, end: () => { running.kill('SIGKILL'); proxy.kill('SIGTERM'); } };
  };
  const busy = await pair('frames');
  // A frame is a small thing: several are read at once, and the kernel counts CPU by the hundredth of a second.
  const frame = await prefect.frames({ ...busy, calls: 8 * Number(options.calls), rounds: Number(options.rounds), warmUp: 4 * warmUp, perWrite: Number(options.burst) });
  busy.end();
  result.prefectFrame = frame;
  say(`prefectFrame  ${frame.cpuUsPerFrame} µs a frame, nginx ${frame.nginxCpuUsPerFrame} µs: ${frame.ratioToNginx} of nginx`);

  const idle = await pair('sockets');
  const bytes = (side) => prefect.idleSockets(idle.ports[side], idle.pids[side], idle.key, Number(options.sockets), Math.min(20, Number(options.hold)));
  result.prefectSocket = { bytes: await bytes('postern'), nginxBytes: await bytes('nginx') };
  idle.end();
  say(`prefectSocket ${(result.prefectSocket.bytes / 1024).toFixed(1)} KB each of ${options.sockets} open; nginx ${(result.prefectSocket.nginxBytes / 1024).toFixed(1)} KB`);
}

async function idlePolls(port, pid) {
  const before = resident(pid);
  const count = Number(options.polls);
  const polls = start('node', [join(here, 'polls.mjs'), String(port), String(count), token]);
  await until(`${count} polls`, () => { if (polls.exitCode !== null) throw new Error(polls.output); return polls.output.includes('open'); }, 60);
  await new Promise((r) => setTimeout(r, Number(options.hold) * 1000));
  const bytes = Math.round((resident(pid) - before) / count);
  polls.stdin.end();
  return bytes;
}

try {
  const ports = { nginx: await freePort(), postern: await freePort() };
  const upstream = await freePort();
  const htdocs = join(folder, 'htdocs', service);
  mkdirSync(htdocs, { recursive: true });
  const answer = Buffer.from('0a2430313961323033302d366139652d376439352d623161352d643464343462666236323563', 'hex');
  writeFileSync(join(htdocs, 'RespondActivityTaskCompleted'), frame(Buffer.alloc(0)));
  writeFileSync(join(htdocs, 'PollActivityTaskQueue'), frame(activityTask));
  writeFileSync(join(htdocs, 'StartWorkflowExecution'), frame(answer));
  start('nghttpd', ['--no-tls', '-n1', '-m', '1000', '-d', join(folder, 'htdocs'), '--trailer', 'grpc-status: 0', '--address', '127.0.0.1', String(upstream)]);
  await until('engine stand-in', () => accepts(upstream));

  const admin = await freePort();
  const ready = async () => { try { return (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok; } catch { return false; } };
  const began = performance.now();
  const postern = gate(join(folder, 'gate'), options.postern, { port: ports.postern, admin, upstream, keySet });
  await until('gate', async () => { if (postern.exitCode !== null) throw new Error(postern.output); return ready(); });
  result.start = { readyMs: Math.round(performance.now() - began) };
  await new Promise((r) => setTimeout(r, 3000));
  result.idle = { mb: Number((resident(postern.pid) / 1048576).toFixed(1)) };
  say(`start         ready after ${result.start.readyMs} ms; idle ${result.idle.mb} MB`);

  const proxy = nginx(join(folder, 'nginx'), ports.nginx, upstream);
  await until('nginx', () => accepts(ports.nginx));
  const pids = { nginx: proxy.pid, postern: postern.pid };
  const answered = respondActivity(tokenOf(await call(ports.postern, 'PollActivityTaskQueue', frame(pollActivity))));
  if (wants('unary')) await unary('unary', 'RespondActivityTaskCompleted', answered, false, ports, pids);
  if (wants('unaryStart')) await unary('unaryStart', 'StartWorkflowExecution', startWorkflow, false, ports, pids);
  if (wants('unaryGzip')) await unary('unaryGzip', 'RespondActivityTaskCompleted', answered, true, ports, pids);
  if (wants('pollWithTask')) await unary('pollWithTask', 'PollActivityTaskQueue', pollActivity, false, ports, pids);
  postern.kill('SIGKILL');
  if (wants('startAsserted')) {
    // A signature for every call: the price of telling workflow code who started it.
    const asserting = { ...ports, postern: await freePort(), admin: await freePort() };
    const signing = gate(join(folder, 'gate-asserting'), options.postern, { port: asserting.postern, admin: asserting.admin, upstream, keySet, assertion: 'starts' });
    await until('gate', async () => { try { return (await fetch(`http://127.0.0.1:${asserting.admin}/readyz`)).ok; } catch { return false; } });
    await unary('startAsserted', 'StartWorkflowExecution', startWorkflow, false, asserting, { ...pids, postern: signing.pid });
    signing.kill('SIGKILL');
  }
  const kinds = [...wants('unaryKey') ? ['jwt', 'key', 'token'] : [], ...wants('unaryCertificate') ? ['jwtTls', 'certificate'] : []];
  if (kinds.length > 0) await credentials(upstream, kinds);
  proxy.kill('SIGTERM');

  if (wants('idlePoll')) {
    const holder = await freePort();
    start('node', [join(here, 'stand-in.mjs'), String(holder)]);
    await until('poll stand-in', () => accepts(holder));
    const side = { nginx: await freePort(), postern: await freePort(), admin: await freePort() };
    const gateHolding = gate(join(folder, 'gate-polls'), options.postern, { port: side.postern, admin: side.admin, upstream: holder, keySet });
    await until('gate', async () => { try { return (await fetch(`http://127.0.0.1:${side.admin}/readyz`)).ok; } catch { return false; } });
    const nginxHolding = nginx(join(folder, 'nginx-polls'), side.nginx, holder);
    await until('nginx', () => accepts(side.nginx));
    await new Promise((r) => setTimeout(r, 2000));
    result.idlePoll = { bytes: await idlePolls(side.postern, gateHolding.pid), nginxBytes: await idlePolls(side.nginx, nginxHolding.pid) };
    say(`idlePoll      ${(result.idlePoll.bytes / 1024).toFixed(1)} KB each of ${options.polls} open for ${options.hold} s; nginx ${(result.idlePoll.nginxBytes / 1024).toFixed(1)} KB`);
  }
  if (wants('prefect') || wants('prefectHttp')) await prefectServer();
  if (wants('prefect') || wants('prefectSockets')) await prefectSockets();
  if (options.json) console.log(JSON.stringify(result));
} finally {
  stopAll();
  rmSync(folder, { recursive: true, force: true });
}
