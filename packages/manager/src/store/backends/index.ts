export { sqliteBackend } from './sqlite.ts';
export { SqliteFile } from './sqlite-file.ts';
