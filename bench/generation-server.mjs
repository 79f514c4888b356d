// The server that is edited in the bench of rollouts: its tools answer with the generation below.
const GENERATION = 1;

const METHODS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'generation', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({
    tools: [
      { name: 'gen', description: 'Returns the generation.', inputSchema: { type: 'object' } },
      {
        name: 'wait',
        description: 'Returns the generation after so many milliseconds.',
        inputSchema: { type: 'object', properties: { ms: { type: 'number' } }, required: ['ms'] },
      },
    ],
  }),
};

const TOOLS = {
  gen: (_, reply) => reply(),
  wait: ({ ms }, reply) => setTimeout(reply, ms),
};

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  const lines = `${rest}${chunk}`.split('\n');
  rest = lines.pop();
  for (const line of lines) answer(JSON.parse(line));
});
process.stdin.on('end', () => process.exit(0));

function answer({ id, method, params }) {
  if (id === undefined || method === undefined) return;
  const tool = method === 'tools/call' ? TOOLS[params.name] : undefined;
  if (tool) {
    tool(params.arguments ?? {}, () => {
      write({ id, result: { content: [{ type: 'text', text: String(GENERATION) }] } });
    });
  } else if (METHODS[method]) write({ id, result: METHODS[method](params) });
  else write({ id, error: { code: -32601, message: `Method not found: ${method}` } });
}

function write(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}
