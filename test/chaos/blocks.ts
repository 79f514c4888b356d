// The blocks of an event stream, from the bytes that come.

/** One block: an event, or a comment. */
export interface Block {
  readonly id?: string | undefined;
  readonly data?: string | undefined;
  readonly retry?: number | undefined;
}

/** Takes bytes, gives the blocks that they have completed. */
export function makeBlockReader(): (bytes: Uint8Array) => Block[] {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  return (bytes) => {
    const text = decoder.decode(bytes, { stream: true });
    pieces.push(text);
    // A long line is not looked through again with each piece of it.
    if (!text.includes('\n')) return [];
    const blocks = pieces.join('').split('\n\n');
    pieces = [blocks.pop() ?? ''];
    return blocks.map(parseBlock);
  };
}

/** The blocks of a body, to its end. */
export async function* readBlocks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Block, void> {
  if (!body) return;
  const read = makeBlockReader();
  for await (const bytes of body) yield* read(bytes);
}

function parseBlock(block: string): Block {
  const lines = block.split('\n').map((line) => /^([^:]*): ?(.*)$/s.exec(line) ?? []);
  const { id, data, retry } = Object.fromEntries(lines.map(([, name = '', value]) => [name, value]));
  return { id, data, retry: retry === undefined ? undefined : Number(retry) };
}
