// Which command runs in the end: through env, shells, scripts of package.json, uv run and the like.
import { readAssignments, readOptions, type Words } from './infer-options.js';
import { peelPackage, peelPython, peelScript } from './infer-runners.js';
import { type Package, type Shown, showLine } from './infer-shown.js';
import { programOf, SHELLS } from './infer-table.js';

export interface Start {
  readonly cwd: string;
  /** The command goes through a shell. */
  readonly shell?: boolean | undefined;
  /** Where scripts are looked up. */
  readonly from?: Package | undefined;
}

/** Looks through a command as far as that is simple. */
export function lookThrough(command: Words, { cwd, shell = false, from }: Start): Shown {
  const start: Shown = { words: command, env: {}, folder: cwd, others: [], direct: true };
  let shown = shell ? showLine(command.join(' '), start) : start;
  for (let i = 0; i < DEPTH; i += 1) {
    const program = programOf(shown.words[0]);
    const next = PEELERS.find(({ programs }) => programs.test(program))?.peel(shown, from);
    if (!next || next.words.length === 0) break;
    shown = next;
  }
  return shown;
}

/** Wrappers are looked through so many deep. */
const DEPTH = 8;

type Peel = (shown: Shown, from: Package | undefined) => Shown | undefined;

/** Takes one wrapper off; undefined where there is none, or what it runs cannot be told. */
const PEELERS: readonly { readonly programs: RegExp; readonly peel: Peel }[] = [
  { programs: /^(env|cross-env)$/, peel: peelEnv },
  { programs: SHELLS, peel: peelShell },
  { programs: /^(exec|command)$/, peel: (shown) => ({ ...shown, words: shown.words.slice(1) }) },
  { programs: /^(nohup|nice|stdbuf|setsid|unbuffer|sudo|time|caffeinate|dotenv)$/, peel: peelPrefix },
  { programs: /^(npm|pnpm|yarn|bun|node)$/, peel: peelScript },
  { programs: /^(npx|bunx|pnpx|uvx)$/, peel: (shown) => peelPackage(shown) },
  { programs: /^(uv|poetry|pdm|hatch|pipenv|rye)$/, peel: peelPython },
];

function peelEnv(shown: Shown): Shown | undefined {
  if (shown.words[1]?.startsWith('-')) return undefined;
  const { words, set } = readAssignments(shown.words.slice(1));
  return { ...shown, words, env: { ...shown.env, ...set } };
}

function peelShell(shown: Shown): Shown | undefined {
  const at = shown.words.findIndex((word) => /^-[a-z]*c$/.test(word));
  const line = shown.words[at + 1];
  return at < 0 || line === undefined ? undefined : showLine(line, shown);
}

function peelPrefix(shown: Shown): Shown | undefined {
  const { rest } = readOptions(shown.words.slice(1), /^-[nuoige]$/);
  return { ...shown, words: rest, direct: false };
}
