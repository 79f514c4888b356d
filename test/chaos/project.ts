// The server that is edited, killed and asked to write down what it does: its folder, its generations, its records.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Life, Save } from './history.js';

const SERVERS = fileURLToPath(new URL('../../fixtures/servers', import.meta.url));
const BROKEN = 'const broken = {\n';
const GENERATION = /^const GENERATION = \d+;$/m;

export class ChaosProject {
  readonly folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'mcp-bridge-chaos-')));
  readonly saves: Save[] = [];
  readonly #source = readFileSync(path.join(SERVERS, 'chaos.mjs'), 'utf8');
  #generation = 1;

  constructor() {
    for (const name of ['project', 'records', 'logs']) mkdirSync(this.at(name));
    cpSync(path.join(SERVERS, 'lib'), this.at('project/lib'), { recursive: true });
    writeFileSync(this.at('project/package.json'), '{"name":"chaos","private":true}\n');
    writeFileSync(this.at('project/server.mjs'), this.#source);
  }

  at(file: string): string {
    return path.join(this.folder, file);
  }

  get command(): string[] {
    return ['node', 'server.mjs', this.at('records')];
  }

  /** The next generation, written in place, or beside it and moved there; code that does not start, if it is to be broken. */
  save({ isInPlace = true, isBroken = false } = {}): Save {
    this.#generation += 1;
    const source = this.#source.replace(GENERATION, `const GENERATION = ${this.#generation};`);
    const file = this.at('project/server.mjs');
    const target = isInPlace ? file : `${file}.tmp`;
    writeFileSync(target, isBroken ? source + BROKEN : source);
    if (!isInPlace) renameSync(target, file);
    const save = { generation: this.#generation, at: Date.now() };
    this.saves.push(save);
    return save;
  }

  /** The processes that have begun to serve since the last time that their records were taken. */
  servers(): number[] {
    return readdirSync(this.at('records')).map((name) => Number.parseInt(name, 10));
  }

  /** What the servers that have lived since the last time have written down. */
  takeLives(): Life[] {
    const folder = this.at('records');
    return readdirSync(folder).map((name) => {
      const file = path.join(folder, name);
      const life = readLife(readFileSync(file, 'utf8'));
      rmSync(file);
      return life;
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface Entry {
  readonly life?: string;
  readonly pid?: number;
  readonly startedAt?: number;
  readonly generation?: number;
  readonly who?: string;
  readonly begun?: number;
  readonly done?: number;
  readonly told?: Life['told'][number];
}

function readLife(text: string): Life {
  const life = {
    life: '',
    pid: 0,
    startedAt: 0,
    generation: 0,
    begun: [] as number[],
    done: [] as number[],
    told: [] as Life['told'],
  };
  for (const line of text.split('\n').filter(Boolean)) {
    const { begun, done, told, ...rest } = JSON.parse(line) as Entry;
    if (begun !== undefined) life.begun.push(begun);
    if (done !== undefined) life.done.push(done);
    if (told !== undefined) life.told.push(told);
    Object.assign(life, rest);
  }
  return life;
}
