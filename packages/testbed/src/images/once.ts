const done = new Map<string, Promise<unknown>>();

/** Images are made beside each other, and some share what they stand on: whoever comes second waits for the first. */
export function once<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begun = (done.get(what) as Promise<T> | undefined) ?? work();
  done.set(what, begun);
  return begun;
}
