/** A manager's authority and its door for certificates, as small as can be, behind real TLS. */
import 'reflect-metadata';
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import * as x509 from '@peculiar/x509';
import { CertificatesService, type IssueReply, type IssueRequest, type RootsReply } from '@shoal/proto';
import {
  formatJoinToken,
  parseSubject,
  type Role,
  rootDigest,
  type Subject,
  unitOf,
} from '@shoal/proto/rules';
import { makeKeyAndRequest } from './key-and-request.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hourMs = 60 * 60 * 1_000;

/** For hollow agents: thousands in one process need no process apart for each key. */
export { makeKeyAndRequest } from './key-and-request.ts';

export class TestAuthority {
  readonly root: string;
  readonly #certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
    this.root = `${certificate.toString('pem')}\n`;
  }

  static async make(): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: `CN=root ${randomBytes(4).toString('hex')}`,
      ...validity(20 * 24 * hourMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    return new TestAuthority(certificate, keys);
  }

  get digest(): string {
    return rootDigest(new X509Certificate(this.root).fingerprint256);
  }

  /** PEM. */
  async issue(
    request: string,
    { id, role, clusterId }: Subject,
    lifeMs = 24 * hourMs,
    now = Date.now(),
  ): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: `01${randomBytes(15).toString('hex')}`,
      subject: [{ CN: [id] }, { OU: [unitOf(role)] }, { O: [clusterId] }],
      issuer: this.#certificate.subjectName,
      ...validity(lifeMs, now),
      signingAlgorithm: algorithm,
      signingKey: this.#keys.privateKey,
      publicKey: new x509.Pkcs10CertificateRequest(request).publicKey,
    });
    return `${certificate.toString('pem')}\n`;
  }
}

const validity = (lifeMs: number, now = Date.now()) => ({
  notBefore: new Date(now - hourMs),
  notAfter: new Date(now + lifeMs),
});

export const secret = '1'.repeat(25);

/** Issues certificates to whoever has the secret, and to those that it issued one to before. */
export class TestDoor {
  readonly authority: TestAuthority;
  readonly asked: (IssueRequest & { readonly by: string | undefined })[] = [];
  readonly #server = new Server();
  /** Of the certificates it issues. */
  lifeMs = 24 * hourMs;
  /** Its clock is behind that of its hosts. */
  behindMs = 0;
  /** Its answers are lost. */
  losesAnswers = false;
  address = '';

  private constructor(authority: TestAuthority) {
    this.authority = authority;
  }

  static async open(authority: TestAuthority, role: Role = 'manager', clusterId = 'k1'): Promise<TestDoor> {
    const door = new TestDoor(authority);
    const { key, request } = await makeKeyAndRequest();
    const own = await authority.issue(request, { id: 'm1', role, clusterId });
    const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(own) };
    door.#server.addService(CertificatesService, {
      roots: (_: unknown, answer: sendUnaryData<RootsReply>) => answer(null, { roots: authority.root }),
      issue: (call: ServerUnaryCall<IssueRequest, IssueReply>, answer: sendUnaryData<IssueReply>) =>
        void door.#issue(call).then((reply) => answer(null, reply), answer),
    });
    const credentials = ServerCredentials.createSsl(Buffer.from(authority.root), [pair], false);
    // As the manager's: certificates are asked for, and not demanded.
    Object.assign(credentials._getConstructorOptions() ?? {}, {
      requestCert: true,
      rejectUnauthorized: false,
    });
    const port = await new Promise<number>((resolve, reject) =>
      door.#server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    door.address = `127.0.0.1:${port}`;
    return door;
  }

  get token(): string {
    return formatJoinToken({ digest: this.authority.digest, secret });
  }

  close(): void {
    this.#server.forceShutdown();
  }

  async #issue(call: ServerUnaryCall<IssueRequest, IssueReply>): Promise<IssueReply> {
    const shown = call.getAuthContext().sslPeerCertificate;
    const by = shown && parseSubject(new X509Certificate(shown.raw).subject)?.id;
    this.asked.push({ ...call.request, by });
    if (!by && call.request.joinToken !== this.token) throw refusal('the join token is not valid');
    if (this.losesAnswers) throw refusal('lost', status.UNAVAILABLE);
    const subject = { id: by ?? 'n1', role: 'worker', clusterId: 'k1' } as const;
    const certificate = await this.authority.issue(
      call.request.request,
      subject,
      this.lifeMs,
      Date.now() - this.behindMs,
    );
    return { certificate, roots: this.authority.root };
  }
}

const refusal = (details: string, code = status.UNAUTHENTICATED): Partial<ServiceError> =>
  Object.assign(new Error(details), { code, details });
