// The stairs: imports go down only, rooms on one floor do not know each other, a package is known to one file.
// Drawn in src/README.md; run by test/directions.mjs, which also proves that this file can fail.
const only = (name, module, owner) => ({
  name,
  severity: 'error',
  comment: `${module} is known to ${owner} alone`,
  from: { path: '^src/', pathNot: owner },
  to: { path: `(^|node_modules/)${module}(/|$)` },
});

const floor = (name, from, to) => ({
  name,
  severity: 'error',
  comment: 'imports go down the stairs only',
  from: { path: from },
  to: { path: to },
});

const any = (...rooms) => rooms.join('|');
const FRONT = '^src/(main\\.ts|commands/)';
const HALL = '^src/bridge\\.ts';
const BOARD = '^src/report/';
const PORCH = '^src/http/';
const STAIRWELL = '^src/rollout/';
const WINDOW = '^src/watch/';
const THIRD = any(PORCH, STAIRWELL, WINDOW);
const LIVING = '^src/session/';
const WORKSHOP = '^src/backend/';
const CELLAR = '^src/store/';
const FOUNDATION = '^src/(protocol/|system/|options\\.ts|option-values\\.ts|errors\\.ts)';

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: { path: '^src/' }, to: { couldNotResolve: true } },
    floor('foundation-knows-nobody', FOUNDATION, any(CELLAR, WORKSHOP, LIVING, THIRD, BOARD, HALL, FRONT)),
    floor('cellar-goes-down', CELLAR, any(WORKSHOP, LIVING, THIRD, BOARD, HALL, FRONT)),
    floor('workshop-goes-down', WORKSHOP, any(CELLAR, LIVING, THIRD, BOARD, HALL, FRONT)),
    floor('living-room-goes-down', LIVING, any(THIRD, BOARD, HALL, FRONT)),
    floor('porch-goes-down', PORCH, any(STAIRWELL, WINDOW, BOARD, HALL, FRONT)),
    floor('stairwell-goes-down', STAIRWELL, any(PORCH, WINDOW, BOARD, HALL, FRONT)),
    floor('window-goes-down', WINDOW, any(PORCH, STAIRWELL, LIVING, CELLAR, BOARD, HALL, FRONT)),
    floor('board-goes-down', BOARD, any(HALL, FRONT)),
    floor('hall-goes-down', HALL, FRONT),
    only('execa-in-spawn', 'execa', '^src/backend/spawn\\.ts$'),
    only('pino-in-log', 'pino', '^src/report/log\\.ts$'),
    only('pino-pretty-in-log', 'pino-pretty', '^src/report/log\\.ts$'),
    only('chokidar-in-files', 'chokidar', '^src/watch/files\\.ts$'),
    only('yargs-in-argv', 'yargs', '^src/commands/argv\\.ts$'),
    {
      name: 'listening-in-endpoint',
      severity: 'error',
      comment: 'one file opens a listening socket; the rest of http/ knows node:http by its types',
      from: { path: '^src/', pathNot: '^src/http/endpoint\\.ts$' },
      to: { path: '^(node:)?http$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'sdk-is-types-only',
      severity: 'error',
      comment: 'the SDK is never in the message path: its types cost nothing, its code does',
      from: { path: '^src/' },
      to: { path: 'node_modules/@modelcontextprotocol/', dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
