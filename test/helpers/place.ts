// One bridge after the other in one place: the same folder, the same port, the same state.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { type BridgePlan, type BridgeProcess, startBridge } from './bridge.js';
import { freePort } from './free-port.js';
import { makeTempFolder, type TempFolder } from './temp-folder.js';

export interface Place {
  readonly port: number;
  /** What XDG_STATE_HOME is there. */
  readonly home: TempFolder;
  /** The state folder; there is one once a bridge has run. */
  readonly state: string;
  /** Starts a bridge there, in another way than the first one where `plan` says so. */
  start(plan?: BridgePlan): Promise<BridgeProcess>;
}

export type End = 'SIGKILL' | 'SIGTERM' | 'SIGINT';

/** A place where no bridge has been. */
export async function makePlace(plan: BridgePlan = {}): Promise<Place> {
  const [port, home] = [await freePort(), makeTempFolder()];
  return {
    port,
    home,
    get state() {
      const [project, ...others] = readdirSync(home.at('mcp-bridge'));
      if (!project || others.length > 0) throw new Error(`Expected one project in ${home.path}.`);
      return home.at(path.join('mcp-bridge', project, String(port)));
    },
    start: (other) => startBridge({ port, ...plan, ...other, env: { XDG_STATE_HOME: home.path } }),
  };
}

/** Ends the bridge; resolves when it is gone. */
export async function end(bridge: BridgeProcess, how: End): Promise<void> {
  bridge.look();
  if (how === 'SIGKILL') bridge.kill();
  else bridge.signal(how);
  await bridge.exited;
}
