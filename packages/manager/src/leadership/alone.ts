import { chmod, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { sqliteBackend } from '../store/backends/index.ts';
import type { Backend } from '../store/index.ts';

/**
 * The cluster's only manager: it leads as soon as it holds the file with the state, for as long as it holds it.
 * Rejects when the file can't be read, or another process holds it.
 */
export async function alone(stateDir: string): Promise<Backend> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await chmod(stateDir, 0o700);
  return await sqliteBackend(resolve(stateDir, 'state.sqlite'));
}
