import { readFileSync } from 'node:fs';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
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
  /** Throws when what is secret would go there for others to read. */
  refuseInTheClear(secret: 'passphrase'): void;
  /** The answer's JSON. Throws ExitError with what the manager says, or why it says nothing. */
  ask<T>(method: string, path: string, question?: Question): Promise<T>;
  /** The answer's bytes; the stream fails when not all of them come. Throws as `ask`. */
  fetch(method: string, path: string, question?: Question): Promise<Readable>;
}

/** Throws when its certificates can't be read, or a token would go in the clear. */
export function managerAt(connection: Connection): Manager {
  const { address, socketPath, host, port, tls, token } = connection;
  if (token !== undefined) refuseInTheClear(connection, 'token');
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const materials = tls === undefined ? {} : readMaterials(tls);
  const where = socketPath === undefined ? { host, port } : { socketPath };
  const protocol = tls === undefined ? ('http' as const) : ('https' as const);
  const noAnswer = (timeoutMs: number) => (error: NodeJS.ErrnoException) => {
    throw new ExitError(1, `The manager at ${address} does not answer: ${whyOf(error, timeoutMs)}`);
  };
  /** An answer that is none of success is thrown. */
  const fetch = async (
    method: string,
    path: string,
    { body, timeoutMs = 30_000 }: Question = {},
  ): Promise<IncomingMessage> => {
    const send = protocol === 'https' ? requestHttps : requestHttp;
    const sent = send({
      ...where,
      ...materials,
      method,
      path: `/${version}${path}`,
      headers: { ...headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    sent.on('error', reject).on('response', resolve);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const response = await promise.catch(noAnswer(timeoutMs));
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    const { message } = (parse(await text(response).catch(noAnswer(timeoutMs))) ?? {}) as {
      message?: string;
    };
    if (statusCode === 404 && message === 'page not found')
      throw new ExitError(
        1,
        `${address} does not know ${path}: it is no manager of Shoal, or of another version.`,
      );
    throw new ExitError(1, `The manager at ${address} says: ${message ?? `status ${statusCode}`}`);
  };
  return {
    address,
    refuseInTheClear: (secret) => refuseInTheClear(connection, secret),
    docker: new Docker({ protocol, host: undefined, ...where, ...materials, headers, version }),
    fetch,
    async ask<T>(method: string, path: string, question: Question = {}): Promise<T> {
      const { timeoutMs = 30_000 } = question;
      const response = await fetch(method, path, question);
      return parse(await text(response).catch(noAnswer(timeoutMs))) as T;
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
