// One open HTTP response of a session: one JSON body, or a stream of events that is kept alive and bounded.
import type { ServerResponse } from 'node:http';
import { KEEP_ALIVE } from '../protocol/sse.js';
import type { Connection } from '../session/stream.js';

export interface ConnectionPlan {
  readonly sessionId: string;
  /** The client reads events; else it gets one JSON body, after white space if that takes long. */
  readonly events: boolean;
}

/** Something is written at least this often (ms): clients and what is between cut silent connections. */
const SILENCE = 15_000;
/**
 * So much may wait for a client that does not read; then the connection is cut, and resumes by event id (bytes). Above the
 * longest line that a server may write: a client that reads is not cut for one message.
 */
const BACKLOG = 48 * 1024 * 1024;

export class HttpConnection implements Connection {
  readonly events: boolean;
  readonly #response: ServerResponse;
  readonly #sessionId: string;
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(response: ServerResponse, { sessionId, events }: ConnectionPlan) {
    this.#response = response;
    this.#sessionId = sessionId;
    this.events = events;
  }

  get begun(): boolean {
    return this.#response.headersSent;
  }

  begin(priming: string): void {
    if (this.begun || this.#isOver) return;
    this.#response.writeHead(200, this.events ? this.#eventHeaders() : this.#jsonHeaders());
    if (priming) this.#response.write(priming);
    else this.#response.flushHeaders();
    this.#keepAlive = setInterval(() => this.write(this.events ? KEEP_ALIVE : ' '), SILENCE);
    this.#response.once('close', () => clearInterval(this.#keepAlive));
  }

  write(text: string): void {
    if (this.#isOver) return;
    if (this.#response.writableLength > BACKLOG) {
      this.#response.destroy();
      return;
    }
    this.#response.write(text);
    this.#keepAlive?.refresh();
  }

  body(json: string): void {
    if (this.#isOver) return;
    if (!this.begun)
      this.#response.writeHead(200, [
        ...this.#jsonHeaders(),
        'Content-Length',
        String(Buffer.byteLength(json)),
      ]);
    this.#response.end(json);
  }

  end(): void {
    if (this.#isOver) return;
    // Accepted, and there is no answer: the request was cancelled before it had one.
    if (!this.begun) this.#response.writeHead(202);
    this.#response.end();
  }

  /** Ended by us, or cut by the client: nothing can be written any more. */
  get #isOver(): boolean {
    return this.#response.writableEnded || this.#response.destroyed;
  }

  #jsonHeaders(): string[] {
    return ['Content-Type', 'application/json', 'Mcp-Session-Id', this.#sessionId];
  }

  #eventHeaders(): string[] {
    return [
      'Content-Type',
      'text/event-stream',
      'Cache-Control',
      'no-cache, no-transform',
      'X-Accel-Buffering',
      'no',
      'Mcp-Session-Id',
      this.#sessionId,
    ];
  }
}
