// What is between a client and its bridge, and can be cut.

export interface Network {
  /** How many streams for listening have been opened. */
  readonly listened: number;
  readonly fetch: typeof fetch;
  /** Ends whatever is open; what is asked from now on gets through. */
  cut(): void;
}

export function makeNetwork(): Network {
  let scissors = new AbortController();
  let listened = 0;
  return {
    get listened() {
      return listened;
    },
    fetch: async (input, init) => {
      const signals = [init?.signal ?? [], scissors.signal].flat();
      const response = await fetch(input, { ...init, signal: AbortSignal.any(signals) });
      if (init?.method === 'GET') listened += 1;
      return response;
    },
    cut: () => {
      const cut = scissors;
      scissors = new AbortController();
      cut.abort(new Error('the network is gone'));
    },
  };
}
