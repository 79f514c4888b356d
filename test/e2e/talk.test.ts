// What a client and its server say to each other, with the real bridge between them.
import { describe, expect, it } from 'vitest';
import { reachBridge } from '../helpers/bridge.js';
import { CLIENTS } from '../helpers/client.js';

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  it('connects, lists and calls tools [session.dedicated]', async () => {
    await using bridge = await reachBridge();
    await using client = await connect(bridge.url);
    expect(client.getServerVersion()).toEqual({ name: 'echo', version: '1.0.0' });
    expect(client.sessionId).toMatch(/^[\x21-\x7e]+$/);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    expect(await client.call('echo', { text: 'hello' })).toBe('hello');
  });
});
