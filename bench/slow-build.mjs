// A build that only takes its time: as many milliseconds as the file says.
// node bench/slow-build.mjs <file>
import { readFileSync } from 'node:fs';

setTimeout(() => {}, Number(readFileSync(process.argv[2], 'utf8')));
