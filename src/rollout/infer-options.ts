// Options in the words of a command line.

export type Words = readonly string[];

/** The options that words begin with, values included, and what follows them. */
export function readOptions(words: Words, values: RegExp): { readonly options: Words; readonly rest: Words } {
  let at = 0;
  while (at < words.length && words[at]?.startsWith('-') && words[at] !== '--')
    at += values.test(words[at] ?? '') ? 2 : 1;
  return { options: words.slice(0, at), rest: words.slice(words[at] === '--' ? at + 1 : at) };
}

/** All values of an option: `--name x`, `--name=x`, `-n x`, `-nx`. */
export function valuesOf(words: Words, ...names: readonly string[]): string[] {
  return words.flatMap((word, i) => {
    if (names.includes(word)) return words[i + 1] ?? [];
    const name = names.find((each) => word.startsWith(each.length > 2 ? `${each}=` : each));
    return name === undefined ? [] : word.slice(name.length).replace(/^=/, '');
  });
}

/** The `NAME=value` that words begin with, and what follows them. */
export function readAssignments(words: Words): { words: Words; set: Record<string, string> } {
  const at = words.findIndex((word) => !/^\w+=/.test(word));
  const pairs = words.slice(0, at < 0 ? undefined : at).map((word) => /^(\w+)=(.*)$/s.exec(word) ?? []);
  return {
    words: at < 0 ? [] : words.slice(at),
    set: Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, value])),
  };
}
