// Where a request of the client goes: to the backend that serves, into the hold, or back to the client with an error.
import type { Backend } from '../backend/backend.js';
import type { CallFailure } from '../errors.js';
import { type NotificationLine, param, type RequestId } from '../protocol/jsonrpc.js';
import { INITIALIZE, isSafeToRepeat } from '../protocol/mcp.js';
import type { Catalog } from './catalog.js';
import { OVERLOADED, type WaitingFor } from './failures.js';
import type { Handshake } from './handshake.js';
import { type Held, type HeldRequest, Hold } from './hold.js';
import type { Sent } from './inflight.js';
import type { Outbox } from './outbox.js';
import { isLasting } from './record.js';
import { isQuick } from './snapshot.js';
import type { Traffic } from './traffic.js';

export interface DispatchParts {
  readonly outbox: Outbox;
  readonly traffic: Traffic;
  readonly handshake: Handshake;
  readonly catalog: Catalog;
  readonly holdTimeout: number;
}

export interface DispatchDoors {
  serving(): Backend | undefined;
  /** What is waited for, in words, if more is known than that there is no backend. */
  waitingFor(): WaitingFor | undefined;
}

export class Dispatch {
  readonly hold: Hold;
  readonly #parts: DispatchParts;
  readonly #doors: DispatchDoors;
  /** Those that have run a call. */
  readonly #used = new WeakSet<Backend>();

  constructor(parts: DispatchParts, doors: DispatchDoors) {
    this.#parts = parts;
    this.#doors = doors;
    const { outbox } = parts;
    this.hold = new Hold(parts.holdTimeout, {
      begin: (stream) => outbox.begin(stream),
      tell: (stream, text) => {
        if (outbox.canSay(stream)) outbox.say(stream, text);
      },
      waitingFor: () => doors.waitingFor(),
      refuse: (held, failure) => this.refuse(held, failure),
    });
  }

  /** The backend has run no call: its lists are not what a call of this client made of them. */
  isFresh(backend: Backend): boolean {
    return !this.#used.has(backend);
  }

  has(id: RequestId): boolean {
    return this.#parts.traffic.has(id) || this.hold.has(id);
  }

  /** To the backend that serves; into the hold if its end is not told yet. */
  forward(held: Held): void {
    const outcome = this.#send(held);
    if (outcome === 'full') this.refuse(held, OVERLOADED);
    if (outcome === 'gone') this.hold.add(held);
  }

  /** All that is held, in order. */
  flush(): void {
    for (const held of this.hold.takeAll()) this.forward(held);
  }

  /** Back to the client; a notification is dropped. What a lost backend had may have run there. */
  refuse(held: Held, failure: CallFailure): void {
    const { traffic } = this.#parts;
    if (!('stream' in held)) traffic.dropped(held.line);
    else traffic.fail(held, held.again ? { ...failure, verdict: 'May have run' } : failure);
  }

  /** What is held, and the client's `initialize` if it waits. */
  refuseHeld(failure: CallFailure): void {
    const { handshake, traffic } = this.#parts;
    const opening = handshake.takeOpening();
    if (opening) {
      traffic.withdraw(opening.line.message.id);
      traffic.fail(opening, failure);
    }
    this.hold.refuseAll(failure);
  }

  /** The client takes a request back: held, it is dropped; in flight, its backend is told. */
  cancel(line: NotificationLine): void {
    const held = this.hold.take(param(line.message, 'requestId') as RequestId);
    if (held) this.#parts.outbox.skip(held.stream);
    else this.#parts.traffic.cancel(line);
  }

  /** What a lost backend had and is safe to send again, oldest first; the clients of the rest are told. */
  salvage(backend: Backend, mayRepeat: boolean): HeldRequest[] {
    return (
      this.#parts.traffic
        .settle(backend, (sent) => this.#isRepeatable(sent, mayRepeat))
        // The next backend gets the client's initialize when it is introduced.
        .filter(({ line }) => line.message.method !== INITIALIZE)
        .map(({ line, stream }) => ({ line, stream, again: true }))
    );
  }

  #send(held: Held): 'sent' | 'full' | 'gone' {
    const backend = this.#doors.serving();
    if (!backend) return 'gone';
    if (!('stream' in held)) return backend.send(held.line.text);
    if (!isQuick(held.line) && !isLasting(held.line)) this.#used.add(backend);
    return this.#parts.traffic.forward(held, backend);
  }

  #isRepeatable({ line: { message }, again }: Sent, mayRepeat: boolean): boolean {
    if (message.method === INITIALIZE) return this.#parts.handshake.opening !== undefined;
    if (!mayRepeat || again) return false;
    const isTool = message.method === 'tools/call';
    return isTool ? this.#parts.catalog.isSafeTool(param(message, 'name')) : isSafeToRepeat(message.method);
  }
}
