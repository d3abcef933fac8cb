import { isIP } from 'node:net';
import { usage } from '../exit.ts';

/** How a manager is reached. */
export interface Connection {
  /** For people. */
  readonly address: string;
  readonly socketPath?: string;
  /** Unless by socketPath. */
  readonly host?: string;
  readonly port?: number;
  /** TLS: folder of ca.pem, and of cert.pem and key.pem if there are any. Undefined: in the clear. */
  readonly tls?: string;
  readonly token?: string;
}

/** What is there to find a manager by; all but `flag` is what the docker command goes by too. */
export interface Hints {
  /** -H. */
  readonly flag?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly token?: string | undefined;
  /** A manager's own socket, if it is there. */
  readonly socket?: string | undefined;
  /** The present `docker context`. */
  readonly context?: { readonly host: string; readonly tls?: string } | undefined;
}

/** By custom: in the clear, and with TLS. */
const ports = { clear: 2475, tls: 2476 };

/**
 * Where to go: -H, else DOCKER_HOST, else the socket on this host, else the docker context; undefined when nothing names a
 * manager. Throws when what names it can't be used.
 */
export function findConnection({ flag, env, token, socket, context }: Hints): Connection | undefined {
  const shown = token === undefined ? {} : { token };
  const named = flag ?? env.DOCKER_HOST;
  if (named) {
    const tls = env.DOCKER_TLS_VERIFY || env.DOCKER_TLS ? certPath(env) : undefined;
    return { ...parseAddress(named, tls), ...shown };
  }
  if (socket !== undefined) return { ...parseAddress(`unix://${socket}`, undefined), ...shown };
  return context && { ...parseAddress(context.host, context.tls), ...shown };
}

const certPath = (env: Hints['env']): string => env.DOCKER_CERT_PATH || `${env.HOME ?? ''}/.docker`;

function parseAddress(address: string, tls: string | undefined): Connection {
  const [, path] = /^unix:\/\/(\/.+)$/.exec(address) ?? [];
  if (path !== undefined) return { address, socketPath: path };
  const [, scheme, host, port] =
    /^(tcp|https?):\/\/(\[[\da-f:]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/i.exec(address) ?? [];
  if (scheme === undefined || host === undefined || Number(port) > 65_535)
    throw usage(
      `${address} is no address of a manager: give one as tcp://HOST:PORT or unix:///PATH with -H or DOCKER_HOST.`,
    );
  const isTls = tls !== undefined || scheme.toLowerCase() === 'https';
  return {
    address,
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(port ?? (isTls ? ports.tls : ports.clear)),
    ...(isTls && { tls: tls ?? '' }),
  };
}

/** What is `secret` must not go through a network where others read it. */
export function refuseInTheClear({ address, host, tls }: Connection, secret: 'passphrase' | 'token'): void {
  if (host === undefined || tls !== undefined || isLoopback(host)) return;
  throw usage(
    `The ${secret} would go to ${address} in the clear. Set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of the manager's ca.pem.`,
  );
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
