import type { Query } from '@shoal/proto';

/** Asks one host; resolves with its answer. Rejects with a QueryError, at once when the host is not connected. */
export type Ask = (nodeId: string, what: NonNullable<Query['what']>, withinMs: number) => Promise<unknown>;

export type Answer<T> =
  | { readonly nodeId: string; readonly value: T }
  /** Why there is no answer. */
  | { readonly nodeId: string; readonly value?: undefined; readonly why: string };

/** Asks hosts, all at the same time; `read` makes sense of what one says. Never rejects. */
export const askAll = <T>(
  ask: Ask,
  nodeIds: Iterable<string>,
  { what, withinMs, read }: Question<T>,
): Promise<Answer<T>[]> =>
  Promise.all(
    [...nodeIds].map(async (nodeId) => {
      try {
        return { nodeId, value: read(await ask(nodeId, what(nodeId), withinMs)) };
      } catch (error) {
        return { nodeId, why: error instanceof Error ? error.message : String(error) };
      }
    }),
  );

interface Question<T> {
  readonly what: (nodeId: string) => NonNullable<Query['what']>;
  readonly withinMs: number;
  readonly read: (answer: unknown) => T;
}
