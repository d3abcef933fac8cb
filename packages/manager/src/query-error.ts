/** A question to a host's Docker daemon that was not answered well. `status` is the HTTP status to pass on. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
