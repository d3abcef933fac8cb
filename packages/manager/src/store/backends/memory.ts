import type { Backend } from '../store.ts';

/** State that ends with the process, for tests and simulations. */
export function memoryBackend(): Backend {
  return {
    load: async () => ({ revision: 0, objects: [] }),
    commit: async () => 'done',
    copyTo: () => Promise.reject(new Error('this state is in memory alone')),
    purge: async () => undefined,
    close: async () => undefined,
  };
}
