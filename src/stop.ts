// The hall's way out: calls in flight, streams, processes, and what is kept, in this order.
import type { Guard } from './backend/guard.js';
import type { Endpoint } from './http/endpoint.js';
import { refuseAll } from './http/routes.js';
import type { Keep } from './keep.js';
import type { Reporter } from './report/report.js';
import type { Rollout } from './rollout/rollout.js';
import type { Registry } from './session/registry.js';
import type { Watcher } from './watch/watcher.js';

/** Ends a bridge. */
export interface Stop {
  /** Stops: waits up to `drain` ms for the calls in flight, then ends every stream and every process. */
  close(drain: number): Promise<void>;
  /** Ends every wait of `close`. */
  hasten(): void;
  /** Kills every process, now and synchronously. */
  kill(): void;
}

export interface StopRooms {
  readonly keep: Keep;
  readonly registry: Registry;
  readonly endpoint: Endpoint;
  readonly rollout: Rollout;
  readonly watch: Pick<Watcher, 'close'>;
  readonly guard: Guard;
  readonly report: Reporter;
}

/** How often a stop looks whether calls are still in flight (ms). */
const DRAIN_POLL = 50;

/** How a bridge with these rooms ends. */
export function makeStop(rooms: StopRooms): Stop {
  const { keep, registry, endpoint, rollout, watch, guard, report } = rooms;
  let hastened = false;
  // A client that is not connected yet has no call to lose.
  const running = () =>
    [...registry.sessions()].reduce(
      (sum, { state, jobs }) => sum + (state === 'initializing' ? 0 : jobs.running),
      0,
    );
  const drained = async (deadline: number) => {
    while (running() > 0 && !hastened && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL));
    }
  };
  return {
    close: async (drain) => {
      report({ kind: 'bridge.stopping', running: running() });
      registry.beginClosing();
      // Who connects from now on waits for the next bridge.
      if (endpoint.isHandedOver) endpoint.stopListening();
      const ended = Promise.all([watch.close(), rollout.close()]);
      await drained(performance.now() + drain);
      endpoint.stopListening();
      endpoint.serve(refuseAll);
      registry.shutdown();
      if (hastened) for (const supervisor of registry.supervisors()) supervisor.hasten();
      await Promise.all(registry.supervisors().map((supervisor) => supervisor.emptied()));
      await ended;
      await endpoint.close();
      guard.close();
      report({
        kind: 'bridge.stopped',
        kept: keep.folder === undefined ? undefined : registry.size,
      });
      keep.close();
    },
    hasten: () => {
      hastened = true;
      rollout.kill();
      for (const supervisor of registry.supervisors()) supervisor.hasten();
    },
    kill: () => {
      rollout.kill();
      for (const supervisor of registry.supervisors()) supervisor.kill();
      keep.close();
    },
  };
}
