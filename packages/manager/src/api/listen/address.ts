/** Where the API listens. */
export type Address =
  | { readonly door: 'socket'; readonly path: string }
  | { readonly door: 'tls' | 'plain'; readonly host: string; readonly port: number };

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/**
 * `unix:///PATH`; `tcp://HOST:PORT`, which is TLS; `http://HOST:PORT`, in the clear and without asking who it is, on
 * loopback alone. Throws an Error with a text for people.
 */
export function parseAddress(text: string): Address {
  const url = URL.parse(text);
  if (url?.protocol === 'unix:' && url.host === '' && url.pathname.length > 1)
    return { door: 'socket', path: url.pathname };
  // URL leaves out the port that a scheme has by itself.
  const [, scheme, host, port] = /^(tcp|http):\/\/(\[[\da-f:.]+\]|[\w.-]+):(\d{1,5})\/?$/i.exec(text) ?? [];
  if (scheme === undefined || host === undefined || Number(port) > 65_535)
    throw new Error(`${text}: expected unix:///PATH, tcp://HOST:PORT or http://LOOPBACK:PORT`);
  const where = { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
  if (scheme.toLowerCase() === 'tcp') return { door: 'tls', ...where };
  if (!loopback.test(where.host))
    throw new Error(
      `${text}: in the clear, the API is served on loopback alone (http://127.0.0.1:${port}); for other hosts write tcp://${host}:${port}, with a certificate`,
    );
  return { door: 'plain', ...where };
}
