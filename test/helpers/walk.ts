// Walks through the states of a pure machine: every one it can reach, or one path as fast-check chose it.

export interface Machine<S, I, E> {
  readonly first: S;
  readonly step: (state: S, input: I) => { readonly state: S; readonly effects: readonly E[] };
}

export interface Footstep<S, I, E> {
  readonly before: S;
  readonly input: I;
  readonly state: S;
  readonly effects: readonly E[];
}

/** The steps that `inputs` make, in their order. */
export function walk<S, I, E>({ first, step }: Machine<S, I, E>, inputs: readonly I[]): Footstep<S, I, E>[] {
  let before = first;
  return inputs.map((input) => {
    const { state, effects } = step(before, input);
    const footstep = { before, input, state, effects };
    before = state;
    return footstep;
  });
}

/** Every state that at most `depth` of these inputs lead to, nearest first. */
export function reachable<S, I, E>(machine: Machine<S, I, E>, inputs: readonly I[], depth = 100): S[] {
  const found = new Map([[JSON.stringify(machine.first), machine.first]]);
  let edge = [machine.first];
  for (let i = 0; i < depth && edge.length > 0; i += 1) {
    const next = edge.flatMap((state) => inputs.map((input) => machine.step(state, input).state));
    edge = next.filter((state) => {
      const isNew = !found.has(JSON.stringify(state));
      found.set(JSON.stringify(state), state);
      return isNew;
    });
  }
  return [...found.values()];
}
