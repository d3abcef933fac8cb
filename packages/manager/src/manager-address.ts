const any = new Set(['0.0.0.0', '[::]', '::']);

/**
 * `HOST:PORT` at which agents on other hosts reach the manager. `listen`: where it listens, which may be any address of its
 * host; then it is `hostAddress`, by which its host is known to others, if that is known.
 */
export function managerAddress(listen: string, hostAddress: string | null | undefined): string {
  const at = listen.lastIndexOf(':');
  const [host, port] = [listen.slice(0, at), listen.slice(at + 1)];
  if (!hostAddress || !any.has(host)) return listen;
  return hostAddress.includes(':') ? `[${hostAddress}]:${port}` : `${hostAddress}:${port}`;
}
