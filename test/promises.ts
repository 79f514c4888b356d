// What the bridge promises to those who use it. Each promise that is built is cited by the title of a test: [its.id].

export interface Promised {
  /** `partly`: in the form of today, which the comment beside it tells. */
  readonly built: 'yes' | 'partly' | 'no';
  readonly says: string;
  /** The program that proves it where no test can, as `npm test` runs it. */
  readonly provenBy?: string;
}

// biome-ignore format: a row is read as a row
export const PROMISES = {
  'cli.run': { built: 'yes', says: 'listens first, then says the URL, how to register it, what is watched and built and why' },
  'cli.usage': { built: 'yes', says: 'wrong words are one line, exit code 2, and nothing is started' },
  'cli.port': { built: 'yes', says: 'a folder keeps its port; one that is taken is said, never swapped' },
  'cli.command-missing': { built: 'yes', says: 'a command that cannot be run is one line that tells where it was looked for' },
  'cli.stop': { built: 'yes', says: 'signals wait for calls a bounded time, then every process of every server ends; a killed bridge leaves none' },
  'cli.register': { built: 'no', says: 'writes one entry of a client’s own config and nothing else' },
  'cli.debug': { built: 'yes', says: 'a server under a debugger is not hurried, and never runs twice' },

  // The revision with sessions.
  'http.conformance': { built: 'partly', says: 'the official suite passes, with nothing listed as known to fail', provenBy: 'test:conformance' },
  'http.passthrough': { built: 'yes', says: 'messages arrive as they were written' },
  'http.never-absent': { built: 'yes', says: 'a server that is not there yet is no refused connection, 404 or 5xx' },
  'http.guard': { built: 'yes', says: 'who may not ask, and what cannot be understood, is refused with what to do about it' },
  'http.streams': { built: 'yes', says: 'a GET takes over its own stream and no other, and not for ever' },
  'http.resume': { built: 'yes', says: 'a stream that was cut goes on where it was left, nothing twice, nothing lost' },
  'http.health': { built: 'yes', says: '/health tells state, sessions, calls, processes, what is watched, the last build and exit; /ready in a status' },
  'http.metrics': { built: 'no', says: '/metrics for Prometheus' },

  'session.dedicated': { built: 'yes', says: 'no client sees anything of another' },
  'session.same-id': { built: 'yes', says: 'an id works until its session is ended, whatever happens to the server' },
  'session.recreate': { built: 'yes', says: 'an id that is not on record is served under the same id' },
  'session.replay': { built: 'yes', says: 'a new server is told first what the client told the old one, in that order' },
  'session.fast': { built: 'partly', says: 'initialize and lists do not wait for a slow start or a build' },
  'session.first-build': { built: 'yes', says: 'a first build that takes long does not make a client give up' },
  'session.changed': { built: 'yes', says: 'a client hears of lists that changed with the new code, and only of those' },
  'session.idle': { built: 'yes', says: 'a session that nobody uses or listens to gives its server up until its next call' },

  'call.hold': { built: 'yes', says: 'calls that no server can take wait, in order, a bounded time' },
  'call.words': { built: 'yes', says: 'an error says whether the call ran, why not, and what to do' },
  'call.once': { built: 'yes', says: 'a call that may have run is repeated only if it is safe, and answered once' },
  'call.cancel': { built: 'yes', says: 'a cancelled call leaves at once; only the server that has it is told' },
  'call.drain': { built: 'yes', says: 'calls in flight finish on the old code while new ones run the new' },
  'call.server-requests': { built: 'yes', says: 'what a lost server asked is taken back, and its answer never reaches the next one' },

  'watch.settle': { built: 'yes', says: 'one save is one rollout, and half-written files are never run' },
  'watch.infer': { built: 'yes', says: 'the command tells what to watch and what to build' },
  'watch.loop': { built: 'yes', says: 'files that the server or the build write are found out, named and ignored' },
  'watch.limits': { built: 'yes', says: 'out of file watches, the bridge says so once and polls' },
  'watch.pause': { built: 'yes', says: 'paused, changes are noted; resumed, they make one rollout' },

  'rollout.proof': { built: 'yes', says: 'new code is proven by the first session that takes it up' },
  // It is found out anew by each bridge.
  'rollout.exclusive': { built: 'partly', says: 'a server that can run only once is found out, and stops before the next one starts' },

  'supervise.crash': { built: 'yes', says: 'a lost server is started again, ever later; one that does not start is left until a call' },
  'supervise.noise': { built: 'yes', says: 'what a server prints between messages reaches the log, never the client' },
  'supervise.tree': { built: 'yes', says: 'every process of a server ends with it' },
  // There is no `logs` command yet.
  'supervise.logs': { built: 'partly', says: 'a server’s stderr appears as it was written, under its session’s name' },
} as const satisfies Record<string, Promised>;
