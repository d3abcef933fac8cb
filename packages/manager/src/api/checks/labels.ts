import { unknownLabel } from '../../model/index.ts';
import { badRequest } from '../http/index.ts';

/** Throws 400 for a label that begins with `shoal.` and means nothing where it is; see `unknownLabel`. */
export function refuseUnknownLabels(...where: Parameters<typeof unknownLabel>): void {
  const trouble = unknownLabel(...where);
  if (trouble !== undefined) throw badRequest(trouble);
}
