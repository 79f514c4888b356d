// The hall's third door: what outlives the bridge. A state folder for each project and port, or the memory alone.
import { createHash, randomUUID } from 'node:crypto';
import path from 'node:path';
import { BridgeError } from './errors.js';
import type { Options } from './options.js';
import type { Report, Reporter } from './report/report.js';
import { placeOf, projectFolder, rememberPort, stateFolder } from './store/folder.js';
import { MemoryStore } from './store/memory.js';
import { CHILDREN } from './store/names.js';
import { type OpenStore, openStore } from './store/open.js';
import { keepFor, pruneOld } from './store/prune.js';
import { ServerLog } from './store/server-log.js';
import type { Store } from './store/store.js';

export interface KeepPlan {
  readonly options: Pick<Options, 'noPersist' | 'stateDir' | 'port' | 'sessionTtl'>;
  /** Where the bridge was started. */
  readonly folder: string;
  /** Where it listens. */
  readonly port: number;
}

export interface Keep {
  readonly store: Store;
  /** The state folder; without one nothing outlives the bridge. */
  readonly folder: string | undefined;
  /** What tells the processes of this bridge, and of those before it on the same state folder, from all others. */
  readonly mark: string;
  /** Where the next bridge finds which processes this one had; undefined: nowhere. */
  readonly children: string | undefined;
  /** The bridge before this one was killed. */
  readonly wasKilled: boolean;
  /** Keeps what servers and builds say. */
  log(report: Report): void;
  /** Nothing is kept any more. May be called in an `exit` handler, and twice. */
  close(): void;
}

/**
 * Opens the state folder. One that cannot be used is said, and done without, unless the user has chosen it.
 *
 * Throws a BridgeError (exit 1) where another bridge has it, or where the one that was chosen cannot be used.
 */
export function openKeep(plan: KeepPlan, report: Reporter): Keep {
  const { options, folder: project, port } = plan;
  if (options.noPersist) return inMemory();
  const place = placeOf(project, options.stateDir && path.resolve(project, options.stateDir));
  const folder = stateFolder({ ...place, port });
  try {
    const opened = openStore({
      ...{ folder, project },
      onFault: (file, error) => report({ kind: 'store.failed', file, error }),
      onUnreadable: (file, error, aside) => report({ kind: 'store.unreadable', file, error, aside }),
    });
    const { skipped: lines } = opened.store;
    if (lines > 0) report({ kind: 'store.skipped', folder, lines });
    // A port that the system chose is nobody's.
    if (options.port !== 0) rememberPort(place, port);
    keepFor(folder, options.sessionTtl);
    if (!options.stateDir) pruneOld(projectFolder(place));
    return onDisk(opened);
  } catch (error) {
    if (options.stateDir || !(error instanceof BridgeError) || !error.cause) throw error;
    report({ kind: 'bridge.warned', text: `${error.message} Sessions end with the bridge.` });
    return inMemory();
  }
}

function inMemory(): Keep {
  const nothing = {
    folder: undefined,
    children: undefined,
    wasKilled: false,
    log: () => {},
    close: () => {},
  };
  return { store: new MemoryStore(), mark: randomUUID(), ...nothing };
}

function onDisk(opened: OpenStore): Keep {
  const { store, folder, wasKilled } = opened;
  const log = new ServerLog(folder);
  return {
    store,
    folder,
    wasKilled,
    children: path.join(folder, CHILDREN),
    mark: createHash('sha256').update(folder).digest('hex').slice(0, 16),
    log: (report) => {
      if (report.kind === 'backend.stderr') log.write(report.label ?? 'server', report.text);
      if (report.kind === 'build.output') log.write('build', report.text);
    },
    close: () => {
      opened.close();
      log.close();
    },
  };
}
