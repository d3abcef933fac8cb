import { resolve } from 'node:path';
import { sqliteBackend } from '../store/backends/index.ts';
import type { Backend } from '../store/index.ts';

/**
 * The cluster's only manager: it leads as soon as it holds the file with the state, for as long as it holds it.
 * Rejects when the file can't be read, or another process holds it.
 */
export function alone(stateDir: string): Promise<Backend> {
  return sqliteBackend(resolve(stateDir, 'state.sqlite'));
}
