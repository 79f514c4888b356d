// The command that runs in the end, and what is known of the way to it.
import path from 'node:path';
import { readAssignments, type Words } from './infer-options.js';
import { readShellLine } from './infer-shell.js';

export interface Shown {
  /** The command that runs in the end. */
  readonly words: Words;
  /** Variables that are set on the way. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it runs. */
  readonly folder: string;
  /** What else the same line runs, such as a compiler. */
  readonly others: readonly Words[];
  /** Run in its place, with these variables, it would do the same. */
  readonly direct: boolean;
}

/** The nearest package.json. */
export interface Package {
  readonly folder: string;
  readonly scripts: Readonly<Record<string, string>>;
}

/** The last command of a shell's line; the ones before it may prepare it. */
export function showLine(line: string, shown: Shown): Shown {
  const { commands, simple } = readShellLine(line);
  const to = commands.find(([word]) => word === 'cd')?.[1];
  const doing = commands.filter(([word = '']) => !/^(cd|set|export|source|\.|:|true|echo)$/.test(word));
  const { words, set } = readAssignments(doing.at(-1) ?? []);
  return {
    words,
    env: { ...shown.env, ...set },
    folder: path.resolve(shown.folder, to ?? '.'),
    others: [...shown.others, ...doing.slice(0, -1)],
    direct: shown.direct && simple,
  };
}
