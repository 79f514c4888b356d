// The only `ignore`: what the .gitignore files of a project name, each read once, when it is first asked for.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { namesBelow } from './below.js';

export type IsGitIgnored = (file: string, isFolder: boolean) => boolean;

/** Whether git would ignore a path inside `top`; a rule in a deeper folder wins. */
export function readGitignores(top: string): IsGitIgnored {
  const rules = new Map<string, Ignore | undefined>();
  const verdicts = new Map<string, boolean>();

  function rulesOf(folder: string): Ignore | undefined {
    if (!rules.has(folder)) rules.set(folder, readRules(folder, folder === top));
    return rules.get(folder);
  }

  function isFolderIgnored(folder: string): boolean {
    if (folder === top) return false;
    const known = verdicts.get(folder);
    if (known !== undefined) return known;
    const verdict = isIgnored(folder, true);
    verdicts.set(folder, verdict);
    return verdict;
  }

  function isIgnored(file: string, isFolder: boolean): boolean {
    const parent = path.dirname(file);
    if (isFolderIgnored(parent)) return true;
    for (let folder = parent; ; folder = path.dirname(folder)) {
      const below = namesBelow(folder, file)?.join('/');
      const { ignored, unignored } = rulesOf(folder)?.test(isFolder ? `${below}/` : `${below}`) ?? {};
      if (ignored || unignored) return ignored === true;
      if (folder === top) return false;
    }
  }

  return (file, isFolder) => Boolean(namesBelow(top, file)?.length) && isIgnored(file, isFolder);
}

function readRules(folder: string, isTop: boolean): Ignore | undefined {
  const files = isTop ? ['.git/info/exclude', '.gitignore'] : ['.gitignore'];
  const texts = files.flatMap((file) => readText(path.join(folder, file)) ?? []);
  return texts.length > 0 ? ignore().add(texts.join('\n').split('\n')) : undefined;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
