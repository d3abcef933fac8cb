import { contentOf, type Open } from '../../container-body/index.ts';
import { purposes } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import type { Vault } from '../../trust/index.ts';

/** Opens what secrets and configs hold. What can't be opened is as if it were not there. */
export const openIn =
  (view: ReadView, vault: Pick<Vault, 'unseal'>): Open =>
  ({ kind, id, version }) => {
    const payload = view[`${kind}s`].get(id);
    const content = payload && contentOf(payload, version);
    if (!content) return undefined;
    try {
      return Buffer.from(vault.unseal(purposes.content(kind, id, version), content.data), 'base64');
    } catch {
      return undefined;
    }
  };
