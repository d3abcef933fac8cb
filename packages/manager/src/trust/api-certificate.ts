import { backdatedMs, renewalAt } from '@shoal/proto/rules';
import type { Clock, Random } from '../effects.ts';
import type { ReadView } from '../store/index.ts';
import type { Authority } from './authority.ts';
import type { Name } from './certificates.ts';
import { trustedRoots } from './rotation.ts';

export interface ApiCertificate {
  readonly cert: string;
  readonly key: string;
  /** Who may have signed the certificates of clients. */
  readonly ca: string;
}

/**
 * What the API shows, and who signs its clients' certificates, whenever it is asked: the same until it is to be renewed, the clock
 * is set back to before it counts, or the roots are others.
 */
export function apiCertificate(
  view: Pick<ReadView, 'clusters'>,
  authority: Pick<Authority, 'apiCredentials'>,
  { at, clock, random }: { readonly at: readonly Name[]; readonly clock: Clock; readonly random: Random },
): () => Promise<ApiCertificate> {
  let made: (ApiCertificate & { readonly validFrom: number; readonly renewAt: number }) | undefined;
  return async () => {
    const [present] = view.clusters.all();
    if (!present) throw new Error('there is no cluster yet, so nobody signs the certificate of the API');
    const ca = trustedRoots(present.trust).join('');
    const now = clock();
    // Of before its time it is when the clock was set back.
    if (made?.ca === ca && made.validFrom <= now && now < made.renewAt) return made;
    const { key, chain, expiresAt } = await authority.apiCredentials(present, at);
    const validFrom = now - backdatedMs;
    made = { cert: chain, key, ca, validFrom, renewAt: renewalAt(validFrom, expiresAt, random()) };
    return made;
  };
}
