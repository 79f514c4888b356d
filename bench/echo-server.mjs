// The server behind every bridge: one echo tool over stdio, without an SDK, so that the bridge is what is measured.
const TOOL = {
  name: 'echo',
  description: 'Returns its text.',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
};

const METHODS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'echo', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools: [TOOL] }),
  'tools/call': ({ arguments: { text } }) => ({ content: [{ type: 'text', text }] }),
};

let rest = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    answer(JSON.parse(bytes.toString('utf8', start, end)));
    start = end + 1;
  }
  rest = bytes.subarray(start);
});
process.stdin.on('end', () => process.exit(0));

function answer({ id, method, params }) {
  if (id === undefined || method === undefined) return;
  const handle = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
  const outcome = handle
    ? { result: handle(params) }
    : { error: { code: -32601, message: `Method not found: ${method}` } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...outcome })}\n`);
}
