// The store in memory, bounded per session: what does not fit any more is forgotten, oldest first.
import type { SessionId, SessionRecord, Store, StoredEvent, StreamId } from './store.js';

const EVENTS_PER_STREAM = 1_000;
const STREAMS_PER_SESSION = 256;
/** Characters of all events of a session. */
const SIZE_PER_SESSION = 16 * 1024 * 1024;

interface Log {
  events: StoredEvent[];
  seq: number;
  finished: boolean;
}

interface Kept {
  record?: SessionRecord;
  readonly logs: Map<StreamId, Log>;
  size: number;
}

/** A store that ends with the process. */
export function makeMemoryStore(): Store {
  const sessions = new Map<SessionId, Kept>();

  const keptOf = (session: SessionId): Kept => {
    const known = sessions.get(session);
    if (known) return known;
    const made: Kept = { logs: new Map(), size: 0 };
    sessions.set(session, made);
    return made;
  };

  const logOf = (kept: Kept, stream: StreamId): Log => {
    const known = kept.logs.get(stream);
    if (known) return known;
    const made: Log = { events: [], seq: 0, finished: false };
    kept.logs.set(stream, made);
    return made;
  };

  return {
    save: (record) => {
      keptOf(record.id).record = record;
    },
    forget: (session) => {
      sessions.delete(session);
    },
    append: (session, stream, text) => {
      const kept = keptOf(session);
      const log = logOf(kept, stream);
      log.seq += 1;
      log.events.push({ seq: log.seq, text });
      kept.size += text.length;
      makeRoom(kept, log);
      return log.seq;
    },
    finish: (session, stream) => {
      const log = sessions.get(session)?.logs.get(stream);
      if (log) log.finished = true;
    },
    after: (session, stream, seq) => {
      const log = sessions.get(session)?.logs.get(stream);
      return log && { events: log.events.filter((event) => event.seq > seq), finished: log.finished };
    },
  };
}

function makeRoom(kept: Kept, grown: Log): void {
  if (grown.events.length > EVENTS_PER_STREAM) dropOldest(kept, grown);
  while (kept.size > SIZE_PER_SESSION) {
    const log = [...kept.logs.values()].find((each) => each.events.length > (each === grown ? 1 : 0));
    // The newest event stays, however large it is: its client may be reading it.
    if (!log) break;
    dropOldest(kept, log);
  }
  while (kept.logs.size > STREAMS_PER_SESSION && dropFinished(kept));
}

function dropOldest(kept: Kept, log: Log): void {
  kept.size -= log.events.shift()?.text.length ?? 0;
}

/** Drops the oldest stream that is finished, if there is one; one that is not may still be read from the start. */
function dropFinished(kept: Kept): boolean {
  const [stream, log] = [...kept.logs].find(([, { finished }]) => finished) ?? [];
  if (stream === undefined || !log) return false;
  for (const event of log.events) kept.size -= event.text.length;
  return kept.logs.delete(stream);
}
