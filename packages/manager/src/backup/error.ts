/** Why a file can't be used as a backup, for people. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}
