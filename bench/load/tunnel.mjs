// h2load shows no client certificate: it speaks in clear to this, which speaks TLS to the gate. Arguments: its port, the gate's, and a client's certificate and key, or none.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

const [port, gate, certificate, key] = process.argv.slice(2);
const pair = certificate ? { cert: readFileSync(certificate), key: readFileSync(key) } : {};
net.createServer({ noDelay: true }, (from) => {
  const to = tls.connect({ host: '127.0.0.1', port: Number(gate), ALPNProtocols: ['h2'], rejectUnauthorized: false, ...pair });
  to.setNoDelay(true);
  from.pipe(to).pipe(from);
  const end = () => { from.destroy(); to.destroy(); };
  for (const side of [from, to]) side.on('error', end).on('close', end);
}).listen(Number(port), '127.0.0.1');
