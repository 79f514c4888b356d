import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/soak/*.soak.ts'],
    globalSetup: 'test/helpers/temp-root.ts',
    fileParallelism: false,
    testTimeout: 1_200_000,
    hookTimeout: 60_000,
    // Lines appear when they are written: it takes minutes.
    disableConsoleIntercept: true,
    reporters: ['default'],
  },
});
