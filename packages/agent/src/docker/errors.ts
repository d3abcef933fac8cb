import { Refused } from '../task/index.ts';

/** What docker-modem puts on an error when the daemon answered. */
interface Answered {
  readonly statusCode: number;
  readonly json?: { readonly message?: string } | null;
  readonly reason?: string;
}

const isAnswered = (error: unknown): error is Error & Answered =>
  error instanceof Error && typeof (error as Partial<Answered>).statusCode === 'number';

/** The daemon's HTTP status; undefined when it did not answer at all. */
export const statusCodeOf = (error: unknown): number | undefined =>
  isAnswered(error) ? error.statusCode : undefined;

/** What docker-modem puts before the daemon's words; of streams it keeps them nowhere else. */
const decoration = /^\(HTTP code \d+\) .*? - /;

/** The daemon's own words without the client's decoration, or what went wrong on the way to it. */
export function messageOf(error: unknown): string {
  if (isAnswered(error)) return error.json?.message?.trim() || error.message.replace(decoration, '').trim();
  return error instanceof Error ? error.message : String(error);
}

/** Turns an answer of the daemon into a refusal; what never reached it stays as it is, to be tried again. */
export function refusal(error: unknown): unknown {
  const status = statusCodeOf(error);
  if (status === undefined) return error;
  const reason = status === 409 ? 'conflict' : status === 404 ? 'missing' : 'other';
  return new Refused(reason, messageOf(error));
}
