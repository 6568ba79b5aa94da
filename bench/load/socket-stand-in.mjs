// Prefect's end of sockets: socket-stand-in.mjs PORT. Lets everybody in, reads without looking, and closes with whoever closes. Every other call is answered with an empty object.
import { createHash } from 'node:crypto';
import http from 'node:http';
import { authSuccess, goodbye, serverGoodbye } from './sockets.mjs';

const server = http.createServer((request, response) => { request.resume(); response.writeHead(200, { 'content-type': 'application/json' }).end('{}'); });
server.on('upgrade', (request, socket, head) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.setNoDelay(true);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: prefect\r\n\r\n`);
  let isFirst = true;
  let last = Buffer.alloc(0);
  const read = (bytes) => {
    if (isFirst) {
      // The first message is a few dozen bytes in one piece.
      isFirst = false;
      socket.write(authSuccess);
      return;
    }
    last = bytes.length >= goodbye.length ? bytes.subarray(-goodbye.length) : Buffer.concat([last, bytes]).subarray(-goodbye.length);
    if (last.equals(goodbye)) socket.end(serverGoodbye);
  };
  if (head.length > 0) read(head);
  socket.on('data', read);
  socket.on('error', () => {});
});
server.listen(Number(process.argv[2]), '127.0.0.1', 8192);
