// Clients that call without a pause while the code changes under them, and the books of what became of every call.
import type { TestClient } from './client.js';
import { AFTER_SAVE } from './project.js';

export interface Load {
  /** How many calls were answered. */
  readonly calls: number;
  /** The newest code that every client has met. */
  readonly newest: number;
  readonly failures: readonly string[];
  /** Calls that met code older than what had been saved 50 ms before they were sent. */
  readonly stale: readonly string[];
  /** This version has just been saved. */
  saved(version: number): void;
  /** The calls in flight are answered first. */
  stop(): Promise<void>;
}

export interface LoadPlan {
  /** The version that is there from the start. */
  readonly version?: number;
  /** How long a call takes at most (ms). */
  readonly longest?: number;
}

/** Each client keeps one call of `version` in flight. */
export function startLoad(
  clients: readonly TestClient[],
  { version = 1, longest = 60 }: LoadPlan = {},
): Load {
  const saves = [{ version, at: Number.NEGATIVE_INFINITY }];
  const dueAt = (at: number) => saves.findLast((save) => save.at + AFTER_SAVE <= at)?.version ?? version;
  const [failures, stale]: [string[], string[]] = [[], []];
  const met = new Map(clients.map((client) => [client, 0]));
  let calls = 0;
  let isOver = false;
  const askOnce = async (client: TestClient) => {
    const due = dueAt(performance.now());
    const answer = Number(await client.call('version', { ms: Math.random() * longest }));
    calls += 1;
    met.set(client, answer);
    if (!(answer >= due)) stale.push(`met ${answer}, ${due} was due`);
  };
  const loops = clients.map(async (client) => {
    while (!isOver) await askOnce(client).catch((error: Error) => failures.push(error.message));
  });
  return {
    get calls() {
      return calls;
    },
    get newest() {
      return Math.min(...met.values());
    },
    failures,
    stale,
    saved: (version) => saves.push({ version, at: performance.now() }),
    stop: async () => {
      isOver = true;
      await Promise.all(loops);
    },
  };
}
