export { BackupError } from './error.ts';
export { makeBackup } from './make.ts';
export { checkBackup, type Restored, restore } from './restore.ts';
