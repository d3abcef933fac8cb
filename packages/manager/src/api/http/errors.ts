import { QueryError } from '../../query-error.ts';
import { NotLeadingError, NotWrittenError, OutOfSequenceError } from '../../store/index.ts';

/** A refusal with the HTTP status to send. The message is all that the user sees. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** HTTP statuses of gRPC codes, as in moby daemon/server/httpstatus. */
const statusOfCode = {
  InvalidArgument: 400,
  FailedPrecondition: 400,
  AlreadyExists: 409,
  Unimplemented: 501,
  Unknown: 500,
} as const;

/**
 * An error in the words of Docker's daemon, which passes its cluster's gRPC errors on as they are;
 * scripts match on this form.
 */
export const rpcError = (code: keyof typeof statusOfCode, text: string): ApiError =>
  new ApiError(statusOfCode[code], `rpc error: code = ${code} desc = ${text}`);

/** A field that is refused in Docker's words, which scripts match on; behind them its path, and what it takes where they don't say. */
export const invalid = (words: string, path: string, takes?: string): ApiError =>
  rpcError('InvalidArgument', `${words} (${path}${takes === undefined ? '' : `: ${takes}`})`);

export const badRequest = (message: string): ApiError => new ApiError(400, message);
export const notFound = (kind: string, id: string): ApiError => new ApiError(404, `${kind} ${id} not found`);
export const outOfSequence = (): ApiError => rpcError('Unknown', 'update out of sequence');

export const maxBodyBytes = 4 * 1024 * 1024;

/** What fastify itself says while it reads a request → what Docker's daemon would say. */
const ofFastify: Readonly<Record<string, (error: Error) => ApiError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new ApiError(413, `request body is larger than ${maxBodyBytes / 1024 / 1024} MiB`),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    badRequest('request body is shorter or longer than its Content-Length header says'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    badRequest("unsupported Content-Type header: must be 'application/json'"),
  FST_ERR_VALIDATION: (error) => badRequest(error.message),
};

/** The answer for anything thrown while a request is served; undefined for what nobody foresaw. */
export function knownError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof QueryError) return new ApiError(error.status, error.message);
  if (error instanceof OutOfSequenceError) return outOfSequence();
  if (error instanceof NotLeadingError || error instanceof NotWrittenError)
    return new ApiError(503, error.message);
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return ofFastify[code]?.(error);
}
