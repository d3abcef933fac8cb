/*
 * Who is who in certificates, and the form of join tokens. Both as Swarm has them (swarmkit ca/certificates.go): the
 * common name is the node's id, the organizational unit its role, the organization the cluster's id.
 */

export const roles = ['worker', 'manager'] as const;
export type Role = (typeof roles)[number];

/** The organizational unit of a role. */
export const unitOf = (role: Role): string => `shoal-${role}`;

/** Who a certificate was issued to. */
export interface Subject {
  readonly id: string;
  readonly role: Role;
  readonly clusterId: string;
}

const id = /^[a-z0-9]{1,64}$/;

/**
 * Reads a subject as `X509Certificate.subject` writes it, one attribute a line; undefined for whatever the cluster's
 * authority would not have written.
 */
export function parseSubject(text: string): Subject | undefined {
  const lines = text.split('\n');
  const named = (name: string) =>
    lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  const nodeId = named('CN');
  const clusterId = named('O');
  const role = roles.find((one) => unitOf(one) === named('OU'));
  if (lines.length !== 3 || !role || !id.test(nodeId) || !id.test(clusterId)) return undefined;
  return { id: nodeId, role, clusterId };
}

const base36 = (hexadecimal: string, length: number): string =>
  BigInt(`0x${hexadecimal}`).toString(36).padStart(length, '0');

/** What a join token says of the cluster's root certificate: `X509Certificate.fingerprint256`, in base 36. */
export const rootDigest = (fingerprint256: string): string =>
  base36(fingerprint256.replaceAll(':', ''), digestLength);

/** 16 random bytes as a token has them. */
export const tokenSecret = (bytes: Uint8Array): string =>
  base36(Buffer.from(bytes).toString('hex'), secretLength);

const digestLength = 50;
const secretLength = 25;
const form = new RegExp(`^SHOAL-1-([0-9a-z]{${digestLength}})-([0-9a-z]{${secretLength}})$`);

export interface JoinToken {
  /** Of the root certificate that the manager must have. */
  readonly digest: string;
  readonly secret: string;
}

export const formatJoinToken = ({ digest, secret }: JoinToken): string => `SHOAL-1-${digest}-${secret}`;

/** Undefined for what is no join token. */
export function parseJoinToken(token: string): JoinToken | undefined {
  const [, digest, secret] = form.exec(token) ?? [];
  return digest === undefined || secret === undefined ? undefined : { digest, secret };
}

/** Certificates count from before they were made: clocks of hosts differ. Swarm's, too. */
export const backdatedMs = 60 * 60 * 1_000;

const shortestRenewalMs = 5_000;
/**
 * Twice what a renewal costs the manager, which has one core: a certificate (4.8 ms of CPU, measured) and a new session with its
 * handshake and all that the agent is told anew (some 15 ms).
 */
const perRenewalMs = 40;

/** When all of so many nodes need new certificates at once, they renew at random within this time, ms: half a core's work. */
export const renewalSpreadMs = (nodes: number): number => Math.max(shortestRenewalMs, nodes * perRenewalMs);

/**
 * When a certificate is to be renewed: at random after 50 to 80 % of the time that it was made for, as Swarm does
 * (swarmkit ca/renewer.go). Times in ms since the epoch, `random` in [0, 1).
 */
export const renewalAt = (validFrom: number, validTo: number, random: number): number => {
  const madeAt = validFrom + backdatedMs;
  return madeAt + (validTo - madeAt) * (0.5 + 0.3 * random);
};
