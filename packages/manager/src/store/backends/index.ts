export { sqliteBackend } from './sqlite.ts';
