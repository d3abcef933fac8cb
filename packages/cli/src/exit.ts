/** An error whose message says what to do, with the exit code of the command. */
export class ExitError extends Error {
  override name = 'ExitError';
  readonly code: 1 | 2;

  constructor(code: 1 | 2, message: string) {
    super(message);
    this.code = code;
  }
}

export const usage = (message: string): ExitError => new ExitError(2, message);
