// One bundle: what a user's machine loads at start is ours plus what we use of the packages, nothing else.
// Packages that are not needed to listen (execa, pino, pino-pretty) are chunks, loaded when first needed.
import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { main: 'src/main.ts' },
  // Half the time to load that ES modules take: no loader to start, and no copies of Node's own modules to make.
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  outDir: 'dist',
  clean: true,
  dts: false,
  minify: true,
  inputOptions: { transform: { define: { 'import.meta.resolve': 'undefined' } } },
  // Only yargs' parser is used; what its help would need at load (widths of letters) is a tenth of every start.
  treeshake: {
    moduleSideEffects: [
      { test: /node_modules\/(yargs|cliui|string-width|wrap-ansi|y18n)\//, sideEffects: false },
    ],
  },
  deps: { alwaysBundle: [/.*/], onlyBundle: false },
  outExtensions: () => ({ js: '.cjs' }),
});
