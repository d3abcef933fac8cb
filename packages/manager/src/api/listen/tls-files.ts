import { readFile } from 'node:fs/promises';

/** PEM: what the API shows of itself, and who has to have signed the certificates of its clients. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** A person's own, instead of the cluster's. */
export interface TlsFiles {
  readonly server?: { readonly cert: string; readonly key: string } | undefined;
  readonly ca?: string | undefined;
}

/** What the files say, and the cluster's authority what they don't. Throws an Error that names the file that can't be read. */
export async function readTls(
  { server, ca }: TlsFiles,
  own: () => Promise<TlsMaterial>,
): Promise<TlsMaterial> {
  const material = await own();
  return {
    ...(server
      ? { cert: await readFile(server.cert, 'utf8'), key: await readFile(server.key, 'utf8') }
      : { cert: material.cert, key: material.key }),
    ca: ca === undefined ? material.ca : await readFile(ca, 'utf8'),
  };
}
