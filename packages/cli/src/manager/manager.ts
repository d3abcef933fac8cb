import { readFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';
import { ExitError } from '../exit.ts';
import { type Connection, refuseInTheClear } from './connection.ts';

/** The API version that the testbed's hosts and the manager both speak. */
const version = 'v1.41';

interface Question {
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** A manager, as the commands ask it. */
export interface Manager {
  readonly address: string;
  readonly docker: Docker;
  /** The answer's JSON. Throws ExitError with what the manager says, or why it says nothing. */
  ask<T>(method: string, path: string, question?: Question): Promise<T>;
}

/** Throws when its certificates can't be read, or a token would go in the clear. */
export function managerAt(connection: Connection): Manager {
  refuseInTheClear(connection);
  const { address, socketPath, host, port, tls, token } = connection;
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const materials = tls === undefined ? {} : readMaterials(tls);
  const where = socketPath === undefined ? { host, port } : { socketPath };
  const protocol = tls === undefined ? ('http' as const) : ('https' as const);
  return {
    address,
    docker: new Docker({ protocol, host: undefined, ...where, ...materials, headers, version }),
    async ask<T>(method: string, path: string, { body, timeoutMs = 30_000 }: Question = {}): Promise<T> {
      const send = protocol === 'https' ? requestHttps : requestHttp;
      const sent = send({
        ...where,
        ...materials,
        method,
        path: `/${version}${path}`,
        headers: { ...headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
        signal: AbortSignal.timeout(timeoutMs),
      });
      const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
      sent.on('error', reject).on('response', (response) => {
        text(response).then((whole) => resolve({ status: response.statusCode ?? 0, body: whole }), reject);
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
      const answer = await promise.catch((error: NodeJS.ErrnoException) => {
        throw new ExitError(1, `The manager at ${address} does not answer: ${whyOf(error, timeoutMs)}`);
      });
      if (answer.status >= 200 && answer.status < 300) return parse(answer.body) as T;
      const { message } = (parse(answer.body) ?? {}) as { message?: string };
      if (answer.status === 404 && message === 'page not found')
        throw new ExitError(
          1,
          `${address} does not know ${path}: it is no manager of Shoal, or of another version.`,
        );
      throw new ExitError(1, `The manager at ${address} says: ${message ?? `status ${answer.status}`}`);
    },
  };
}

function readMaterials(folder: string): { ca?: string; cert?: string; key?: string } {
  if (folder === '') return {};
  const read = (file: string): string | undefined => {
    try {
      return readFileSync(join(folder, file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new ExitError(1, `${join(folder, file)} can't be read: ${(error as Error).message}`);
    }
  };
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')];
  return { ...(ca && { ca }), ...(cert && key && { cert, key }) };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const hints: Readonly<Record<string, string>> = {
  EACCES: 'its socket is for root and the group "shoal"',
  ECONNRESET: 'it broke off; if it speaks TLS there, set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH',
  EPROTO: 'it speaks no TLS there; unset DOCKER_TLS_VERIFY',
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate is of an authority that is not known here: put the cluster's ca.pem into the folder that DOCKER_CERT_PATH names",
};

function whyOf(error: NodeJS.ErrnoException, timeoutMs: number): string {
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return `nothing came within ${timeoutMs / 1_000} s`;
  const hint = hints[sameAs[error.code ?? ''] ?? error.code ?? ''];
  return hint === undefined ? error.message : `${hint} (${error.message})`;
}

const sameAs: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'SELF_SIGNED_CERT_IN_CHAIN',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'SELF_SIGNED_CERT_IN_CHAIN',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'SELF_SIGNED_CERT_IN_CHAIN',
};
