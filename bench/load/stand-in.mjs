// An engine that never answers polls: what is measured is what a gate keeps alive while a poll waits.
import http2 from 'node:http2';

const server = http2.createServer({ settings: { maxConcurrentStreams: 4294967295, initialWindowSize: 65535 } });
server.on('stream', (stream) => { stream.on('data', () => {}); stream.on('error', () => {}); });
server.on('sessionError', () => {});
// nginx opens a connection for each poll, thousands at once.
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'));
