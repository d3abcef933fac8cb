import { isTemplate } from '../../container-body/index.ts';
import type { PayloadFile } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';

/**
 * Id in the feed of what a file of a task is made of: one version of a secret or config, which never changes; of a template, as it
 * is for this task.
 */
export function payloadId(view: ReadView, { kind, id, version }: PayloadFile, taskId: string): string {
  const payload = view[`${kind}s`].get(id);
  return payload && isTemplate(payload) ? `${id}.${version}/${taskId}` : `${id}.${version}`;
}

export function partsOf(payloadId: string): { id: string; version: number; taskId: string | undefined } {
  const [content = '', taskId] = payloadId.split('/');
  const [id = '', version] = content.split('.');
  return { id, version: Number(version), taskId };
}
