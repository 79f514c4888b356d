// The lines of sessions.log: JSON, each with one member that tells its kind.
import { isObject, parseJson } from '../protocol/jsonrpc.js';
import type { SessionId, SessionRecord } from './store.js';

/** What the lines change. */
export interface SessionChanges {
  save(record: SessionRecord): void;
  forget(session: SessionId): void;
  end(session: SessionId): void;
  keepNote(name: string, text: string | undefined): void;
}

/** Equal records have equal lines. */
export function recordLine(record: SessionRecord): string {
  const { id, initialize, revision, initialized, setLevel, usedAt } = record;
  const [subscriptions, shown] = [[...record.subscriptions], [...record.shown]];
  return JSON.stringify({
    record: { id, initialize, revision, initialized, setLevel, subscriptions, shown, usedAt },
  });
}

export function forgottenLine(session: SessionId): string {
  return JSON.stringify({ forgotten: session });
}

export function endedLine(session: SessionId): string {
  return JSON.stringify({ ended: session });
}

/** Without a text: the note is forgotten. */
export function noteLine(name: string, text: string | undefined): string {
  return JSON.stringify({ note: name, text });
}

/** Does what a line says; false where it says nothing that is understood. */
export function applySessionLine(line: string, changes: SessionChanges): boolean {
  const value = parseJson(line);
  if (!isObject(value)) return false;
  const { record, forgotten, ended, note, text } = value;
  if (isObject(record)) return applyRecord(record, changes);
  if (typeof forgotten === 'string') changes.forget(forgotten);
  else if (typeof ended === 'string') changes.end(ended);
  else if (typeof note === 'string' && isTextOrNone(text)) changes.keepNote(note, text);
  else return false;
  return true;
}

function applyRecord(value: Record<string, unknown>, changes: SessionChanges): boolean {
  const { id, initialize, revision, initialized, setLevel, usedAt } = value;
  const [subscriptions, shown] = [pairsOf(value.subscriptions), pairsOf(value.shown)];
  if (typeof id !== 'string' || typeof initialize !== 'string' || typeof usedAt !== 'number') return false;
  if (!isTextOrNone(revision) || !isTextOrNone(initialized) || !isTextOrNone(setLevel)) return false;
  if (!subscriptions || !shown) return false;
  changes.save({ id, initialize, revision, initialized, setLevel, subscriptions, shown, usedAt });
  return true;
}

function pairsOf(value: unknown): ReadonlyMap<string, string> | undefined {
  return Array.isArray(value) && value.every(isPair) ? new Map(value) : undefined;
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string';
}

function isTextOrNone(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
