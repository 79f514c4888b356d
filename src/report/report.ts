// What rooms tell: typed facts in the past tense. The log and the health page are made of them.
import type { Reaped } from '../backend/reap.js';
import type { HttpReport } from '../http/routes.js';
import type { RolloutReport } from '../rollout/rollout.js';
import type { SessionReport } from '../session/plan.js';
import type { WatchReport } from '../watch/files.js';

/** Any room's report; those of a session come with its label. */
export type Report = { readonly label?: string } & (
  | SessionReport
  | HttpReport
  | RolloutReport
  | WatchReport
  | BridgeReport
);

export type BridgeReport =
  | { readonly kind: 'bridge.listening'; readonly url: string; readonly command: string }
  | { readonly kind: 'bridge.offered'; readonly register: string }
  | {
      readonly kind: 'bridge.inferred';
      readonly from: string;
      readonly hint?: string | undefined;
      /** The server runs under a debugger. */
      readonly debugged: boolean;
    }
  | { readonly kind: 'bridge.reaped'; readonly processes: readonly Reaped[] }
  | { readonly kind: 'build.output'; readonly text: string }
  | { readonly kind: 'watch.paused'; readonly isPaused: boolean }
  | { readonly kind: 'bridge.warned'; readonly text: string }
  /** A fault of its own that it has survived. */
  | { readonly kind: 'bridge.failed'; readonly error: unknown }
  | { readonly kind: 'bridge.stopping'; readonly running: number }
  /** `kept`: how many sessions the next bridge goes on with; undefined if it knows of none. */
  | { readonly kind: 'bridge.stopped'; readonly kept: number | undefined }
  | { readonly kind: 'store.failed'; readonly file: string; readonly error: Error }
  | {
      readonly kind: 'store.unreadable';
      readonly file: string;
      readonly error: Error;
      /** The file's new name; undefined: it could not be renamed. */
      readonly aside: string | undefined;
    }
  /** So many lines of the files there were not understood. */
  | { readonly kind: 'store.skipped'; readonly folder: string; readonly lines: number };

export type Reporter = (report: Report) => void;
