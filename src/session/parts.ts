// What a session is made of, joined: each part speaks to the others through the doors it is given, and to its session
// through these.
import type { Backend } from '../backend/backend.js';
import { Supervisor, type SupervisorDoors } from '../backend/supervisor.js';
import { type ResponseLine, requestLineOf } from '../protocol/jsonrpc.js';
import { understandsPriming } from '../protocol/mcp.js';
import type { SessionRecord } from '../store/store.js';
import { Catalog } from './catalog.js';
import { Dispatch } from './dispatch.js';
import { Early } from './early.js';
import type { WaitingFor } from './failures.js';
import { Handshake, requestedRevision } from './handshake.js';
import type { Sent } from './inflight.js';
import { Outbox } from './outbox.js';
import type { SessionPlan } from './plan.js';
import { Presence } from './presence.js';
import { withListChanged } from './snapshot.js';
import { Traffic } from './traffic.js';

export interface Parts {
  readonly presence: Presence;
  readonly handshake: Handshake;
  readonly outbox: Outbox;
  readonly catalog: Catalog;
  readonly traffic: Traffic;
  readonly dispatch: Dispatch;
  readonly early: Early;
  readonly supervisor: Supervisor;
}

export interface PartsDoors extends Omit<SupervisorDoors, 'arrival' | 'onLine' | 'report'> {
  /** The server answered the client's `initialize`; the answer is not passed on by itself. */
  onOpened(backend: Backend, sent: Sent, answer: ResponseLine): void;
  /** The client's `initialize` is being answered without a backend; the record is to be kept first. */
  onOpenedEarly(): void;
  /** No backend is coming in a moment. */
  isFar(): boolean;
  /** What is waited for, in words, if more is known than that there is no backend. */
  waitingFor(): WaitingFor | undefined;
}

/** How long a client waits before it comes back to a stream (ms); the official clients try twice. */
const RETRY = 2_000;

/** The parts of a session. Without a revision on record it is new. */
export function makeParts(plan: SessionPlan, record: SessionRecord, doors: PartsDoors): Parts {
  const { store, options, report } = plan;
  const initialize = requestLineOf(record.initialize);
  const requested = requestedRevision(initialize);
  const presence = new Presence();
  const handshake: Handshake = new Handshake(store, record, (answer) =>
    catalog.met(handshake.revision, toldOf(answer)),
  );
  const primes = () => understandsPriming(handshake.revision ?? requested);
  const outbox = new Outbox({ store, session: record.id, retry: RETRY, primes });
  const catalog: Catalog = new Catalog(plan.snapshots, initialize, record.shown, (lists) =>
    handshake.shown(lists),
  );
  // A client may still answer what an earlier bridge has asked it: no id is used twice.
  const firstAsk = record.revision === undefined ? 0 : Date.now() * 1_000;
  const traffic: Traffic = new Traffic(outbox, firstAsk, {
    onOpened: doors.onOpened,
    onUse: () => presence.touch(),
    onAccepted: (request, answer, backend) => {
      handshake.accepted(request);
      catalog.seen(request, answer, dispatch.isFresh(backend));
    },
    onStray: (backend, answer) => {
      if (handshake.answer(answer)) return;
      if (handshake.answerLate(backend, answer)) catalog.seen(initialize, toldOf(answer), true);
      else traffic.dropped(answer);
    },
    report,
  });
  const supervisor = new Supervisor(plan.startBackend, plan.starts, {
    ...doors,
    arrival: () => handshake.arrival,
    onLine: (backend, line) => {
      traffic.onLine(backend, line);
      // Its session may have nothing more to do, and others may wait for a place.
      if (line.kind === 'response') plan.places.offer();
    },
    report,
  });
  const shared = { catalog, handshake, traffic, outbox };
  const { holdTimeout } = options;
  const serving = () => supervisor.serving;
  const dispatch = new Dispatch({ ...shared, holdTimeout }, { serving, waitingFor: doors.waitingFor });
  const early = new Early(
    { ...shared, hold: dispatch.hold, serverName: plan.serverName },
    { isFar: doors.isFar, onOpened: doors.onOpenedEarly },
  );
  return { ...shared, presence, dispatch, early, supervisor };
}

/** The answer to `initialize` as clients are told it. */
function toldOf(answer: ResponseLine): ResponseLine {
  return { ...answer, text: withListChanged(answer.text) };
}
