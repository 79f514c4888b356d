import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/helpers/temp-root.ts',
    exclude: ['test/conformance/**'],
    // Most files wait for real processes: two at a time fill two cores, and more would only disturb each other.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
