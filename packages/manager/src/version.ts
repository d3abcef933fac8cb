import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Shoal's own version, as `docker version` shows it. */
export const version = '0.1.0';

/** What the manager runs in: the version, and where it was installed from a release also which build of it. */
export const release: string = readRelease() ?? version;

/** A release has its name in a file above the program's folder. */
function readRelease(): string | undefined {
  try {
    return readFileSync(join(import.meta.dirname, '../version'), 'utf8').trim();
  } catch {
    return undefined;
  }
}
