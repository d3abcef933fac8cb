import type { NewerField } from '../container-body/index.ts';
import type { Node } from '../model/index.ts';

/** Whether the node's daemon is new enough; so it is where it does not say its version in numbers. */
export function knowsField({ reported }: Node, { since: [major, minor] }: NewerField): boolean {
  const [, has, hasMinor] = /^v?(\d+)\.(\d+)/.exec(reported.description.Engine?.EngineVersion ?? '') ?? [];
  if (has === undefined) return true;
  return Number(has) > major || (Number(has) === major && Number(hasMinor) >= minor);
}

export const needsText = ({ path, since }: NewerField): string =>
  `${path} needs Docker ${since.join('.')} or later`;
