/** What stands before the command. */
export interface GlobalOptions {
  readonly host?: string;
  readonly format: 'table' | 'json';
}
