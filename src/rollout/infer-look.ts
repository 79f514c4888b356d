// What is known of a project when a command is judged: all that the disk has to say.
import type { CargoFacts } from './cargo.js';
import type { Package } from './infer-shown.js';

export interface Look {
  /** Where the command is run. */
  readonly cwd: string;
  /** Folders that hold far more than one project, such as the home folder. */
  readonly wide: readonly string[];
  /** Words of the command that name something on the disk. */
  readonly found: Readonly<Record<string, Found>>;
  /** What `python -m` names, where that lies in the folder that the command runs in. */
  readonly module?: Found | undefined;
  /** The nearest folder above the script, else above where the command runs, that has a manifest. */
  readonly project?: string | undefined;
  /** Manifests and the like in that folder, by their names. */
  readonly files: readonly string[];
  /** The package.json that scripts are looked up in. */
  readonly package?: Package | undefined;
  /** Where tsc writes to. */
  readonly outDir?: string | undefined;
  /** What cargo tells of the project that it is to run. */
  readonly cargo?: CargoFacts | undefined;
  /** The program that runs JavaScript here. */
  readonly node: string;
}

export interface Found {
  readonly path: string;
  /** `program`: machine code; `script`: a file that names what runs it. */
  readonly kind: 'folder' | 'program' | 'script' | 'file';
  /** The words of its first line after `#!`. */
  readonly interpreter?: readonly string[];
}
