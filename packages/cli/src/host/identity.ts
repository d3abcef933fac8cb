import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from './settings.ts';

/** Who this host's agent is, by its certificate; undefined for one that has never joined. */
export function identityHere(): { readonly nodeId: string; readonly clusterId: string } | undefined {
  try {
    const { certificate } = JSON.parse(readFileSync(join(paths.state, 'agent/identity.json'), 'utf8'));
    const subject = new Map(
      new X509Certificate(certificate).subject
        .split('\n')
        .map((part) => part.split('=', 2) as [string, string]),
    );
    const [nodeId, clusterId] = [subject.get('CN'), subject.get('O')];
    return nodeId && clusterId ? { nodeId, clusterId } : undefined;
  } catch {
    return undefined;
  }
}
