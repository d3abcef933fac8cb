import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What a TLS client has shown of itself. */
export type Certificate =
  | {
      readonly name: string;
      readonly units: readonly string[];
      /** ms since the epoch. */
      readonly until: number;
    }
  /** It is not of the authority that client certificates have to be of, or not valid now. */
  | { readonly problem: string };

const certificates = new WeakMap<Socket, Certificate | 'none'>();

/** Read once a connection; undefined when none was shown. */
export function certificateOf(socket: Socket): Certificate | undefined {
  let known = certificates.get(socket);
  if (known === undefined) {
    known = readCertificate(socket as TLSSocket) ?? 'none';
    certificates.set(socket, known);
  }
  return known === 'none' ? undefined : known;
}

function readCertificate(socket: TLSSocket): Certificate | undefined {
  const shown = socket.getPeerCertificate?.(false);
  // Node says "none" by an empty object.
  if (!shown?.raw) return undefined;
  if (!socket.authorized) return { problem: String(socket.authorizationError) };
  const { CN, OU } = shown.subject as { CN?: string | string[]; OU?: string | string[] };
  const [name = ''] = [CN ?? []].flat();
  return { name, units: [OU ?? []].flat(), until: Date.parse(shown.valid_to) };
}
