// What is reported before there is a log.
import type { Report, Reporter } from './report.js';

/** Keeps reports until there is somebody to tell: who waits for an answer does not wait for the log to be loaded. */
export class LateReporter {
  #early: Report[] = [];
  #tell: Reporter | undefined;

  readonly report: Reporter = (report) => {
    if (this.#tell) this.#tell(report);
    else this.#early.push(report);
  };

  begin(tell: Reporter): void {
    this.#tell = tell;
    for (const report of this.#early.splice(0)) tell(report);
  }
}
