import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/**/*.test.ts', 'scripts/**/*.test.ts', 'examples/**/*.test.ts'],
          // Ends a test that hangs. It measures nothing: properties take seconds here, a minute on a slow machine.
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 30_000 } },
          // A process for each file costs three times what the tests do.
          isolate: false,
          // Many tests wait: a core left free for others would only idle.
          maxWorkers: '100%',
          setupFiles: ['scripts/seed.ts'],
        },
      },
      {
        // One shared cluster of real hosts: files run one after the other, in one process.
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          setupFiles: ['test/cluster/rested.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          maxWorkers: 1,
          isolate: false,
        },
      },
    ],
  },
});
