// What the bridge itself asks a backend, under ids that no client uses.
import type { Backend } from '../backend/backend.js';
import type { ResponseLine } from '../protocol/jsonrpc.js';
import { replaceAt } from '../protocol/rewrite.js';

export class Questions {
  readonly #open = new Map<
    string,
    { backend: Backend; resolve: (answer: ResponseLine | undefined) => void }
  >();
  #count = 0;

  /** Sends a request under an id of ours. Resolves with the answer, or undefined when the backend is gone. */
  ask(backend: Backend, requestText: string): Promise<ResponseLine | undefined> {
    this.#count += 1;
    const id = `mcp-bridge:${this.#count}`;
    return new Promise((resolve) => {
      this.#open.set(id, { backend, resolve });
      if (backend.send(replaceAt(requestText, ['id'], JSON.stringify(id))) !== 'sent')
        this.#settle(id, undefined);
    });
  }

  /** Whether the line answers one of ours. */
  answer(line: ResponseLine): boolean {
    const { id } = line.message;
    return typeof id === 'string' && this.#settle(id, line);
  }

  /** Nothing more will come from this backend. */
  drop(backend: Backend): void {
    for (const [id, question] of this.#open) if (question.backend === backend) this.#settle(id, undefined);
  }

  #settle(id: string, answer: ResponseLine | undefined): boolean {
    const question = this.#open.get(id);
    this.#open.delete(id);
    question?.resolve(answer);
    return question !== undefined;
  }
}
