// What a client and its server say to each other, with the real bridge between them.
import { describe, expect, it } from 'vitest';
import { fixture, reachBridge, startBridge } from '../helpers/bridge.js';
import { CLIENTS, connectV2, ELICITED, ROOTS, SAMPLE } from '../helpers/client.js';

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  it('connects, lists tools and calls them [http.passthrough]', async () => {
    await using bridge = await reachBridge();
    await using client = await connect(bridge.url);

    expect(client.getServerVersion()).toEqual({ name: 'echo', version: '1.0.0' });
    expect(client.revision).toBe('2025-11-25');
    expect(client.sessionId).toMatch(/^[\x21-\x7e]+$/);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    expect(await client.call('echo', { text: 'hello' })).toBe('hello');
    await expect(client.call('no-such-tool')).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('Unknown tool: no-such-tool'),
    });
  });

  it('reads resources, gets prompts and completes their arguments [http.passthrough]', async () => {
    await using bridge = await reachBridge();
    await using client = await connect(bridge.url);

    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['echo://one', 'echo://two']);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['echo://{name}']);
    const { contents } = await client.readResource({ uri: 'echo://three' });
    expect(contents).toEqual([{ uri: 'echo://three', mimeType: 'text/plain', text: 'three' }]);

    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual(['greet']);
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } });
    expect(messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Greet Ada.' } }]);
    const ref = { type: 'ref/prompt' as const, name: 'greet' };
    const { completion } = await client.complete({ ref, argument: { name: 'name', value: 'b' } });
    expect(completion.values).toEqual(['beta']);
    expect(await client.ping()).toEqual({});
  });

  it('sets the log level, and hears what the server logs [http.passthrough]', async () => {
    await using bridge = await reachBridge();
    await using client = await connect(bridge.url);

    await client.setLoggingLevel('warning');
    expect(await client.call('level')).toBe('warning');
    expect(await client.call('log', { level: 'info', text: 'a detail' })).toBe('below the level');
    expect(await client.call('log', { level: 'error', text: 'a fault' })).toBe('logged');
    const { params } = await client.untilHeard(isLog, 'the log message');
    expect(params).toEqual({ level: 'error', logger: 'echo', data: 'a fault' });
    expect(client.heard.filter(isLog)).toHaveLength(1);
  });

  it('subscribes to a resource, and hears of its updates until it unsubscribes [http.passthrough]', async () => {
    await using bridge = await reachBridge();
    await using client = await connect(bridge.url);

    expect(await client.call('touch', { uri: 'echo://one' })).toBe('not subscribed');
    await client.subscribeResource({ uri: 'echo://one' });
    expect(await client.call('touch', { uri: 'echo://one' })).toBe('updated');
    const { params } = await client.untilHeard(isUpdate, 'the update');
    expect(params).toEqual({ uri: 'echo://one' });
    await client.unsubscribeResource({ uri: 'echo://one' });
    expect(await client.call('subscriptions')).toBe('[]');
  });

  it('hears the progress of a call before its answer [http.passthrough]', async () => {
    await using bridge = await reachBridge();
    await using client = await connect(bridge.url);

    const progress: number[] = [];
    const options = { onprogress: (told: { progress: number }) => progress.push(told.progress) };
    expect(await client.call('wait', { ms: 60, name: 'tea' }, options)).toBe('waited tea');
    expect(progress).toEqual([0, 60]);
  });

  it('cancels a call, and its server hears of it [call.cancel]', async () => {
    await using bridge = await startBridge();
    await using client = await connect(bridge.url);

    const giveUp = new AbortController();
    const call = client.call('wait', { ms: 60_000, name: 'tea' }, { signal: giveUp.signal });
    const refused = expect(call).rejects.toThrow('enough');
    await bridge.untilSaid('waiting tea');
    giveUp.abort('enough');
    await refused;
    await bridge.untilSaid('cancelled tea');
    expect(await client.call('cancelled')).toBe('1');
    expect(await bridge.health()).toMatchObject({ jobs: { pending: 0, running: 0 } });
  });

  it('answers when the server asks for roots, sampling and elicitation [http.passthrough]', async () => {
    await using bridge = await startBridge({ server: fixture('asks-client') });
    await using client = await connect(bridge.url);

    expect(JSON.parse(await client.call('ask-roots'))).toMatchObject({ id: 0, result: ROOTS });
    expect(JSON.parse(await client.call('ask-sampling'))).toMatchObject({ id: 1, result: SAMPLE });
    expect(JSON.parse(await client.call('ask-elicitation'))).toMatchObject({ id: 2, result: ELICITED });
    expect(await client.call('ask-then-cancel')).toBe('cancelled');
  });
});

describe('a client of SDK 2 that would rather have no session', () => {
  it('falls back to initialize at once, and no server is started for its question [http.guard]', async () => {
    await using bridge = await startBridge();
    const posted: { method: string; status: number }[] = [];
    const recorded: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const { method } = init?.method === 'POST' ? JSON.parse(String(init.body)) : { method: 'GET' };
      posted.push({ method, status: response.status });
      return response;
    };
    await using client = await connectV2(bridge.url, { negotiation: 'auto', fetch: recorded });

    expect(posted.slice(0, 3)).toEqual([
      { method: 'server/discover', status: 404 },
      { method: 'initialize', status: 200 },
      { method: 'notifications/initialized', status: 202 },
    ]);
    expect(client.revision).toBe('2025-11-25');
    expect(await client.call('echo', { text: 'hello' })).toBe('hello');
    expect(bridge.lines.filter(({ msg }) => msg.startsWith('server started'))).toHaveLength(1);
  });

  it('is refused if it insists [http.guard]', async () => {
    await using bridge = await startBridge();
    await expect(connectV2(bridge.url, { negotiation: { pin: '2026-07-28' } })).rejects.toThrow('2026-07-28');
    expect(bridge.lines.filter(({ msg }) => msg.startsWith('server started'))).toEqual([]);
  });

  it('speaks the revision that is all it can [http.passthrough]', async () => {
    await using bridge = await reachBridge();
    const speak = async (revision: string) => {
      await using client = await connectV2(bridge.url, { versions: [revision] });
      expect(client.revision).toBe(revision);
      expect(await client.call('echo', { text: 'hello' })).toBe('hello');
    };
    await Promise.all(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'].map(speak));
  });
});

function isLog({ method }: { method: string }): boolean {
  return method === 'notifications/message';
}

function isUpdate({ method }: { method: string }): boolean {
  return method === 'notifications/resources/updated';
}
