// What calls are told when the newest code does not run.
import { describeExit, type Exit } from '../backend/starts.js';
import type { CallFailure } from '../errors.js';
import type { BuildResult } from './build.js';

/** `name`: what people call the build. */
export function buildFailed(name: string, { exitCode, signal, errors }: BuildResult): CallFailure {
  return {
    verdict: 'Not run',
    cause: `${name} failed (${signal ?? `exit ${exitCode}`}).`,
    hint: 'Fix it and call again.',
    detail: errors,
  };
}

export function newcomerFailed(exit: Exit): CallFailure {
  return {
    verdict: 'Not run',
    cause: `the new code does not start (${describeExit(exit)}).`,
    hint: 'Fix it and call again.',
    detail: exit.tail.join('\n'),
  };
}
