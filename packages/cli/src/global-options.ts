/** What stands before the command. */
export interface GlobalOptions {
  readonly host?: string;
  readonly tokenFile?: string;
  readonly format: 'table' | 'json';
}
