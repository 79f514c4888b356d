// Ends what the bridge leaves when nothing in it can: a shell outside that reads a pipe whose end is the bridge's own.
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';

/**
 * Each line is the list of groups as it is now; a line without its end is none. The end of them is the bridge's end.
 * Groups that are gone by then are not signalled again: their numbers may be others' a second later. What carries a mark and
 * is in no group of the list has left its group, or was started a moment before; on Linux it is found under /proc. What its
 * mark begins with is $0.
 */
const SCRIPT = `
trap '' HUP INT TERM
groups=
while read -r line; do groups=$line; done
left=
strays() {
  grep -lsF -e "$0" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do
    read -r stat < "/proc/$pid/stat" || continue
    set -- \${stat##*)}
    case " $groups " in *" $3 "*) ;; *) echo "$pid" ;; esac
  done
}
for group in $groups; do kill -TERM -"$group" && left="$left $group"; done
found=$(strays)
for pid in $found; do kill -TERM "$pid"; done
[ -n "$left$found" ] || exit 0
sleep 1
for group in $left; do kill -KILL -"$group"; done
for pid in $(strays); do kill -KILL "$pid"; done
`;

/** What it calls itself in a list of processes. */
const NAME = 'mcp-bridge-watchdog';

export class Watchdog {
  readonly #entry: string;
  #child: ChildProcess | undefined;
  #isClosed = false;

  /** `entry`: what the mark of all that the bridge starts begins with in an environment, `NAME=value…`. */
  constructor(entry: string) {
    this.#entry = entry;
  }

  /** Starts it if it does not run: the first time, or after somebody has ended it. */
  arm(): void {
    if (this.#child || this.#isClosed || process.platform === 'win32') return;
    try {
      this.#child = this.#start();
    } catch {
      // With the next change it is tried again.
    }
  }

  /** The groups that are to be ended with the bridge, by the numbers of their leaders. */
  set(groups: readonly number[]): void {
    // A group of 0 would be the watchdog's own, and one of 1 all that there is.
    const line = groups.filter((group) => group > 1).join(' ');
    if (line !== '') this.arm();
    this.#child?.stdin?.write(`${line}\n`);
  }

  /** It ends, and with it what is still on its list. */
  close(): void {
    this.#isClosed = true;
    this.#child?.stdin?.end();
  }

  #start(): ChildProcess {
    // A session of its own: neither Ctrl-C nor a signal to the bridge's group reaches it. It holds nothing of ours open.
    const child = spawn('sh', ['-c', SCRIPT, this.#entry, NAME], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      env: { PATH: process.env.PATH },
    });
    const drop = () => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('error', drop).once('exit', drop).unref();
    child.stdin?.on('error', drop);
    if (child.stdin instanceof Socket) child.stdin.unref();
    return child;
  }
}
