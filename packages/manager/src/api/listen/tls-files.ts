import { readFileSync } from 'node:fs';

/** PEM: what the API shows of itself, and who has to have signed the certificates of its clients. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** Without it, clients show tokens. */
  readonly ca?: string | undefined;
}

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string | undefined;
}

/** Throws an Error that names the file that can't be read. */
export const readTls = ({ cert, key, ca }: TlsFiles): TlsMaterial => ({
  cert: readFileSync(cert, 'utf8'),
  key: readFileSync(key, 'utf8'),
  ca: ca === undefined ? undefined : readFileSync(ca, 'utf8'),
});
