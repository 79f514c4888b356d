// An interpreter's command line: its own options, and its script.
import { readOptions, type Words } from './infer-options.js';
import { type Interpreter, interpreterOf, LANGUAGES, programOf } from './infer-table.js';

export interface Script {
  readonly options: Words;
  readonly script: string | undefined;
  /** Code in the command line, or a module: there is no script. */
  readonly inline: boolean;
}

const NONE = /(?!)/;

export function readScript(words: Words, interpreter: Interpreter): Script {
  const { values = NONE, verbs = NONE, inline = NONE } = interpreter;
  const options: string[] = [];
  let rest = words.slice(1);
  for (;;) {
    const read = readOptions(rest, values);
    options.push(...read.options);
    const [word, ...after] = read.rest;
    if (word === undefined || !verbs.test(word)) {
      const isInline = [...options, word ?? ''].some((each) => inline.test(each));
      return { options, script: isInline ? undefined : word, inline: isInline };
    }
    options.push(word);
    rest = after;
  }
}

/** "pkg" of `python -m pkg.server`. */
export function moduleOf(words: Words): string | undefined {
  if (interpreterOf(programOf(words[0]))?.language !== LANGUAGES.python) return undefined;
  const at = words.indexOf('-m');
  return at < 0 ? undefined : words[at + 1]?.split('.')[0];
}

/** The words that are the interpreter's own: those before its script, or all of them where it takes them anywhere. */
export function ownWords(words: Words): Words {
  const interpreter = interpreterOf(programOf(words[0]));
  if (!interpreter) return [];
  if (interpreter.anywhere) return words.slice(1);
  const { options, script } = readScript(words, interpreter);
  return script === undefined
    ? options
    : [...options, ...(interpreter.watches?.test(script) ? [script] : [])];
}
