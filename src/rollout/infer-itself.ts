// Commands that restart their server by themselves, and commands that wait for a debugger.
import type { Words } from './infer-options.js';
import { ownWords } from './infer-script.js';
import type { Shown } from './infer-shown.js';
import {
  DEBUGGERS,
  DEBUGGING_WORDS,
  interpreterOf,
  programOf,
  WATCHERS,
  WATCHING_WORDS,
} from './infer-table.js';

/** Something in the command watches and restarts by itself. */
export function watchesItself({ words, others }: Shown): boolean {
  return [words, ...others].some((each) => {
    const { watches } = interpreterOf(programOf(each[0])) ?? {};
    return (
      isNamed(each, WATCHERS, WATCHING_WORDS) ||
      (watches && ownWords(each).some((word) => watches.test(word)))
    );
  });
}

/** It runs under a debugger, or waits for one. */
export function isDebugged({ words, others, env }: Shown): boolean {
  if (env.NODE_OPTIONS?.includes('--inspect')) return true;
  return [words, ...others].some((each) => {
    const { debugs } = interpreterOf(programOf(each[0])) ?? {};
    return (
      isNamed(each, DEBUGGERS, DEBUGGING_WORDS) ||
      (debugs && ownWords(each).some((word) => debugs.test(word)))
    );
  });
}

function isNamed([first, ...rest]: Words, programs: RegExp, lines: RegExp): boolean {
  const program = programOf(first);
  return programs.test(program) || lines.test([program, ...rest].join(' '));
}
