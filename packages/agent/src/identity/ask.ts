import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import { CertificatesClient, type IssueReply, type IssueRequest, type RootsReply } from '@shoal/proto';
import { parseSubject, rootDigest } from '@shoal/proto/rules';

/** Long: a manager that all hosts come to at once answers each in the end, and who gives up only makes it more work. */
const patienceMs = 20_000;
const minVersion = 'TLSv1.3';

/** Of every connection to the manager: its certificate does not name an address, so none is asked for. */
export const secureOptions: ChannelOptions = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.ssl_target_name_override': 'shoal-manager',
  'grpc.enable_http_proxy': 0,
  // Nobody asks for gRPC's own statistics.
  'grpc.enable_channelz': 0,
};

/** Nobody that this host may talk to, or one who does not want it; trying again soon won't help. */
export class NotAdmitted extends Error {
  override readonly name = 'NotAdmitted';
}

/** What this host shows: PEM. */
interface Own {
  readonly key: string;
  readonly certificate: string;
}

/**
 * For connections to a manager of the cluster, and no one else: it has to show a certificate that leads to one of these
 * roots and says that it is a manager's. `clusterId` is left out by those who don't know it yet.
 */
export function toManager(roots: string, clusterId?: string, own?: Own): ChannelCredentials {
  const context = createSecureContext({
    ca: roots,
    minVersion,
    ...(own && { key: own.key, cert: own.certificate }),
  });
  return credentials.createFromSecureContext(context, {
    checkServerIdentity: (_, { raw }) => {
      const subject = parseSubject(new X509Certificate(raw).subject);
      if (subject?.role !== 'manager') return new Error('whoever answers there is no manager');
      if (clusterId !== undefined && subject.clusterId !== clusterId)
        return new Error(`the manager there is of another cluster, ${subject.clusterId}`);
      return undefined;
    },
  });
}

/** The root that a join token means, from a manager that nothing vouches for: its digest does. Throws NotAdmitted. */
export async function rootOf(manager: string, digest: string): Promise<string> {
  // Nothing is verified here, so no authorities are loaded for it either.
  const context = createSecureContext({ minVersion, ca: [] });
  const anyone = credentials.createFromSecureContext(context, { rejectUnauthorized: false });
  const { roots } = await ask<RootsReply>(manager, anyone, (client, done) =>
    client.roots({}, new Metadata(), { deadline: Date.now() + patienceMs }, done),
  );
  const root = certificatesIn(roots).find(
    (one) => rootDigest(new X509Certificate(one).fingerprint256) === digest,
  );
  if (root) return root;
  throw new NotAdmitted(
    `the manager at ${manager} is not of the cluster that the join token is for: whoever answers there has another root certificate. Get a new token with \`docker swarm join-token worker\` if the cluster's root was rotated; else somebody may be in the way`,
  );
}

export const askForCertificate = (
  manager: string,
  secure: ChannelCredentials,
  request: IssueRequest,
): Promise<IssueReply> =>
  ask(manager, secure, (client, done) =>
    client.issue(request, new Metadata(), { deadline: Date.now() + patienceMs }, done),
  );

async function ask<Reply>(
  manager: string,
  secure: ChannelCredentials,
  call: (client: CertificatesClient, done: (error: Error | null, reply: Reply) => void) => void,
): Promise<Reply> {
  const client = new CertificatesClient(manager, secure, secureOptions);
  try {
    return await promisify<Reply>((done) => call(client, done))();
  } finally {
    client.close();
  }
}

const certificatesIn = (pem: string): string[] =>
  pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
