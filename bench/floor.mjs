// The floor: the least a Node process can do between HTTP and a pipe. It checks nothing and keeps nothing.
// node bench/floor.mjs --port <port> -- <command> [args...]
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

const split = process.argv.indexOf('--');
const port = Number(process.argv[process.argv.indexOf('--port') + 1]);
const [command, ...args] = process.argv.slice(split + 1);

const NEWLINE = Buffer.from('\n');
const waiting = new Map();
const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
server.once('exit', () => process.exit(1));
forEachLine(server.stdout, answer);
createServer(forward).listen(port, '127.0.0.1');

/** A request goes to the server as it came; its response waits under its id. */
function forward(request, response) {
  const body = [];
  request.on('data', (chunk) => body.push(chunk));
  request.on('end', () => {
    body.push(NEWLINE);
    const line = Buffer.concat(body);
    const { id } = JSON.parse(line.toString());
    if (id === undefined) response.writeHead(202, { 'content-length': 0 }).end();
    else waiting.set(id, response);
    server.stdin.write(line);
  });
}

/** A line of the server goes, as it came, to the response that waits under its id. */
function answer(line) {
  const { id } = JSON.parse(line.toString());
  const response = waiting.get(id);
  if (!response) return;
  waiting.delete(id);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': line.length }).end(line);
}

function forEachLine(stream, onLine) {
  let rest = Buffer.alloc(0);
  stream.on('data', (chunk) => {
    const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      onLine(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
  });
}
