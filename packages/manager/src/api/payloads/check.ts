import { isTemplate } from '../../container-body/index.ts';
import type { PayloadKind, PayloadSpec } from '../../model/index.ts';
import { parse, TemplateError } from '../../template/index.ts';
import { refuseUnknownLabels } from '../checks/index.ts';
import { badRequest, invalid } from '../http/index.ts';

/** Bytes that are too many (swarmkit manager/controlapi, `MaxSecretSize` and `MaxConfigSize`). */
const tooMany: Readonly<Record<PayloadKind, number>> = { secret: 500 * 1024, config: 1000 * 1024 };
const longestName = 64;

/** Throws 400 for a spec that can't be honoured; rules and wording are swarmkit's (manager/controlapi). */
export function checkSpec(kind: PayloadKind, { Name, Labels, Driver, Templating }: PayloadSpec): void {
  const name = Name ?? '';
  if (name === '') throw invalid('name must be provided', 'Name');
  if (name.length > longestName || !/^[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(name))
    throw invalid(
      'invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]',
      'Name',
    );
  refuseUnknownLabels(kind, Labels, {});
  if (Driver?.Name)
    throw badRequest('Driver: secrets that a plugin has are not served; leave it out, and give the Data');
  const driver = Templating?.Name ?? '';
  if (driver !== '' && driver !== 'golang')
    throw badRequest(`Templating.Name: "${driver}" is not known; the only template driver is golang`);
  if (Object.keys(Templating?.Options ?? {}).length > 0)
    throw badRequest('Templating.Options: the driver golang has none');
}

/** What it shall hold, out of `Data`. Throws 400, in words that say nothing of what it is. */
export function readData(kind: PayloadKind, spec: Pick<PayloadSpec, 'Data' | 'Templating'>): Buffer {
  const text = (spec.Data ?? '').replace(/[\r\n]/g, '');
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw badRequest('Data: must be base64');
  const data = Buffer.from(text, 'base64');
  if (data.length < 1 || data.length >= tooMany[kind])
    throw invalid(`${kind} data must be larger than 0 and less than ${tooMany[kind]} bytes`, 'Data');
  if (isTemplate({ Spec: spec })) checkTemplate(data);
  return data;
}

function checkTemplate(data: Buffer): void {
  try {
    parse(data.toString('utf8'));
  } catch (error) {
    if (error instanceof TemplateError) throw badRequest(`Data: is no template: ${error.message}`);
    throw error;
  }
}
