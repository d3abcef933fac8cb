import type { IncomingMessage } from 'node:http';
import { badRequest } from './errors.ts';

export const maxApiVersion = '1.50';
export const minApiVersion = '1.41';

const versionPrefix = /^\/v(\d+(?:\.\d+)*)(?=[/?]|$)/;

const asked = new WeakMap<IncomingMessage, string>();

/** Takes `/v1.NN` off the path, so that each route exists once, and remembers it for `checkVersion`. */
export function stripVersion(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const version = versionPrefix.exec(url)?.[1];
  if (version === undefined) return url;
  asked.set(request, version);
  const rest = url.slice(version.length + 2);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Of the API, as the client asks for it. */
export const versionOf = (request: IncomingMessage): string => asked.get(request) ?? maxApiVersion;

/** Refuses a version outside of what Shoal serves, in Docker's words. */
export function checkVersion(request: IncomingMessage): void {
  const version = asked.get(request);
  if (version === undefined) return;
  if (compareVersions(version, minApiVersion) < 0) {
    throw badRequest(
      `client version ${version} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
    );
  }
  if (compareVersions(version, maxApiVersion) > 0) {
    throw badRequest(
      `client version ${version} is too new. Maximum supported API version is ${maxApiVersion}`,
    );
  }
}

/** Part by part as numbers; a missing part counts as 0. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
