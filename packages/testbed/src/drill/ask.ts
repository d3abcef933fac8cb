import { httpJson } from '../machine/index.ts';

/** The JSON that a path of Docker's API, or of Shoal's own, answers; throws for an error. */
export type Ask = <T>(
  method: string,
  path: string,
  question?: { readonly body?: unknown; readonly timeoutMs?: number },
) => Promise<T>;

/** Asks an address in the clear. */
export const askAt =
  (url: string): Ask =>
  <T>(
    method: string,
    path: string,
    { body, timeoutMs = 30_000 }: { body?: unknown; timeoutMs?: number } = {},
  ) =>
    httpJson<T>(`${url}${path}`, {
      method,
      timeoutMs,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
