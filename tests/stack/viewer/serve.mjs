// node serve.mjs PORT BOARDS PROMETHEUS: the built page, a folder of boards, and Prometheus, on one origin.
import { createServer, request } from 'node:http';
import { readFile } from 'node:fs';
import { basename, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const [port, boards, prometheus] = process.argv.slice(2);
const here = fileURLToPath(new URL('.', import.meta.url));
const icons = join(here, 'node_modules/@grafana/ui/dist/public/img');
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml' };

function place(path) {
  if (path.startsWith('/boards/')) return join(boards, basename(path));
  if (path.startsWith('/public/build/img/')) return join(icons, normalize(path.slice('/public/build/img/'.length)));
  return join(here, 'dist', path === '/' ? 'index.html' : normalize(path));
}

function pass(incoming, outgoing, address) {
  const headers = { 'content-type': incoming.headers['content-type'] ?? 'application/x-www-form-urlencoded' };
  const asked = request(address, { method: incoming.method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, { 'content-type': 'application/json' });
    answer.pipe(outgoing);
  });
  asked.on('error', (error) => outgoing.writeHead(502).end(String(error)));
  incoming.pipe(asked);
}

createServer((incoming, outgoing) => {
  const { pathname, search } = new URL(incoming.url, 'http://viewer');
  if (pathname.startsWith('/api/')) {
    pass(incoming, outgoing, prometheus + pathname + search);
    return;
  }
  readFile(place(pathname), (error, content) => {
    if (error) outgoing.writeHead(404).end();
    else outgoing.writeHead(200, { 'content-type': types[extname(pathname)] ?? 'text/html' }).end(content);
  });
}).listen(Number(port), '127.0.0.1');
