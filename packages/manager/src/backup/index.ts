export { BackupError } from './error.ts';
export { makeBackup } from './make.ts';
export { checkBackup, restore } from './restore.ts';
