// What waits for clients that do not read, over all streams that were opened by a GET.
import type { ServerResponse } from 'node:http';

/** So much may wait before no more streams are opened (bytes): each of them may be told again all that it missed. */
const MOST = 48 * 1024 * 1024;

export class Unread {
  readonly #responses = new Set<ServerResponse>();

  get tooMuch(): boolean {
    let bytes = 0;
    for (const { writableLength } of this.#responses) bytes += writableLength;
    return bytes > MOST;
  }

  /** Counts a response until it is closed. */
  watch(response: ServerResponse): void {
    this.#responses.add(response);
    response.once('close', () => this.#responses.delete(response));
  }
}
