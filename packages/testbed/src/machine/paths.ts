import { join } from 'node:path';

/** The repository's root. */
export const ROOT = join(import.meta.dirname, '../../../..');

/** Throw-away files of ours: ignored by git, safe to delete. */
export const TOOLS = join(ROOT, '.tools');

export const COMPOSE_FILE = join(ROOT, 'docker-compose.test.yml');
