// What is left of clients that are gone: their streams are read to the end, their sessions ended, and stay ended.
import { until } from '../helpers/until.js';
import type { BridgeLives } from './bridge-lives.js';
import type { ChaosClient } from './clients.js';
import type { Exchange } from './history.js';
import { hasAnswerOf, streamOf } from './streams.js';
import { Wire } from './wire.js';

/** A stream from which nothing has come for so long has been read (ms). */
const SILENCE = 400;
const READ_DEADLINE = 10_000;
/** So many of the sessions that were ended are looked at again. */
const MOST_LOOKS = 10;

function isOpened({ request, events }: Exchange): boolean {
  const answers = events.flatMap(({ message }) => (message?.kind === 'answer' ? message : []));
  return request?.method === 'initialize' && answers.some(({ error }) => error === undefined);
}

export class Undertaker {
  readonly #bridge: BridgeLives;
  readonly #exchanges: Exchange[];
  readonly #complaints: string[];
  readonly #ended: string[] = [];

  constructor(bridge: BridgeLives, exchanges: Exchange[], complaints: string[]) {
    this.#bridge = bridge;
    this.#exchanges = exchanges;
    this.#complaints = complaints;
  }

  /** Reads what the client can still be shown, as it would itself if it came back; ends its session. */
  async bury({ name, wire }: ChaosClient): Promise<void> {
    const { session } = wire;
    if (!session) return;
    wire.retire();
    const reader = new Wire(name, this.#exchanges);
    for (const last of this.#unanswered(name)) await this.#read(reader, session, last);
    await this.#read(reader, session, 'g.0');
    await this.end(session);
  }

  /** Ends what a client has left half open; where `initialize` has no result, there may be no session. */
  async endHalfOpen({ session }: Wire): Promise<void> {
    if (!session) return;
    const opening = this.#exchanges.filter((each) => each.session === session);
    if (opening.some(isOpened)) await this.end(session);
    else await this.#ask('DELETE', { 'Mcp-Session-Id': session });
  }

  async end(session: string): Promise<void> {
    const headers = { 'Mcp-Session-Id': session };
    const { status, attempts } = await this.#ask('DELETE', headers);
    // The one before may have been heard, though its answer was not.
    if (status !== 200 && !(status === 404 && attempts > 1))
      this.#complaints.push(`DELETE of ${session}: ${status}`);
    this.#ended.push(session);
    await this.#look(session);
  }

  /** Sessions that were ended are unknown, whatever has happened since. */
  async lookAgain(): Promise<void> {
    for (const session of this.#ended.slice(0, MOST_LOOKS)) await this.#look(session);
  }

  async #look(session: string): Promise<void> {
    const headers = {
      'Mcp-Session-Id': session,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'ended', method: 'ping' });
    const { status } = await this.#ask('POST', headers, body);
    if (status !== 404) this.#complaints.push(`${session} was ended, and answers with ${status}`);
  }

  /** Asks until there is an answer: the bridge may be killed before. */
  async #ask(
    method: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<{ status: number; attempts: number }> {
    let attempts = 0;
    const attempt = async () => {
      await this.#bridge.whenUp();
      attempts += 1;
      const response = await fetch(this.#bridge.url, {
        method,
        headers,
        ...(body !== undefined && { body }),
      });
      await response.text();
      return response.status;
    };
    const status = await until(attempt, `an answer to ${method}`, { every: 20 });
    return { status, attempts };
  }

  /** The last events of streams whose requests have no answer. */
  #unanswered(client: string): string[] {
    const own = this.#exchanges.filter((each) => each.client === client);
    return own.flatMap(({ request, events }) => {
      const first = request && events.find(({ id }) => id)?.id;
      if (!first || own.some((each) => hasAnswerOf(each, request.id))) return [];
      const ids = own.flatMap((each) =>
        each.events.flatMap(({ id }) => (id && streamOf(id) === streamOf(first) ? id : [])),
      );
      return ids.at(-1) ?? [];
    });
  }

  /** Reads a stream after that event, to its end, or until nothing comes. */
  async #read(wire: Wire, session: string, last: string): Promise<void> {
    const headers = { 'Mcp-Session-Id': session, 'Last-Event-ID': last, Accept: 'text/event-stream' };
    const attempt = async () => {
      await this.#bridge.whenUp();
      const leave = new AbortController();
      try {
        const response = await wire.fetch(this.#bridge.url, { headers, signal: leave.signal });
        const timer = setTimeout(() => leave.abort(), SILENCE);
        for await (const _ of response.body ?? []) timer.refresh();
        return true;
      } catch {
        return leave.signal.aborted;
      }
    };
    await until(attempt, 'the rest of a stream', { most: READ_DEADLINE, every: 50 }).catch(() => {});
  }
}
