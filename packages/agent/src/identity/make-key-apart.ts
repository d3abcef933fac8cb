import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { KeyAndRequest } from './key-and-request.ts';

/** Beside this file, or beside the bundle that it has become part of. */
const program = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './make-key.ts' : './make-key.mjs', import.meta.url),
);
const patienceMs = 20_000;

/** In a process of its own: what it takes to write a request would cost the agent 11 MB for the rest of its life. */
export async function makeKeyApart(): Promise<KeyAndRequest> {
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: patienceMs });
  return JSON.parse(stdout) as KeyAndRequest;
}
