import { fieldsAt } from '../../../field-path.ts';
import { badRequest } from '../../http/index.ts';

/** A field of Docker's service spec that this version of Shoal can't honour, and what to do instead. */
interface Unsupported {
  readonly field: string;
  /** Whether the value asks for something. Default: anything that is not absent or empty. */
  readonly asks?: (value: unknown) => boolean;
  readonly why: string;
}

const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

const isFilled = (value: unknown): boolean => {
  if (!isPresent(value) || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value !== 'object') return true;
  return Object.values(value as object).some((item) => isPresent(item) && item !== '');
};

const isOtherThan =
  (...allowed: string[]) =>
  (value: unknown): boolean =>
    isPresent(value) && !allowed.includes(String(value));

const isOneOf =
  (...refused: string[]) =>
  (value: unknown): boolean =>
    refused.includes(String(value));

const container = 'TaskTemplate.ContainerSpec';

/** Whoever makes Shoal honour a field deletes its row. */
const table: readonly Unsupported[] = [
  { field: 'TaskTemplate.PluginSpec', why: 'services of plugins are not served; use ContainerSpec' },
  {
    field: 'TaskTemplate.NetworkAttachmentSpec',
    why: 'network attachments are not served; use ContainerSpec',
  },
  {
    field: 'TaskTemplate.Runtime',
    asks: isOtherThan('', 'container'),
    why: 'only the runtime "container" is served',
  },
  {
    field: `${container}.Configs[].Runtime`,
    asks: isPresent,
    why: 'is for credential specs, which exist on Windows only; give a File',
  },
  {
    field: `${container}.Privileges.CredentialSpec`,
    why: 'credential specs exist on Windows only, and Shoal runs Linux containers',
  },
  {
    field: `${container}.Isolation`,
    asks: isOtherThan('', 'default'),
    why: 'isolation modes exist on Windows only; use "default"',
  },
  {
    field: `${container}.Mounts[].Type`,
    asks: isOneOf('npipe', 'cluster'),
    why: 'this type of mount is not served; use bind, volume, tmpfs or image',
  },
  { field: `${container}.Mounts[].TmpfsOptions.Options`, why: 'options of tmpfs mounts are not served yet' },
];

/** Throws 400 with the path of the first field that Shoal can't honour: nothing is dropped in silence. */
export function refuseUnsupported(spec: unknown): void {
  for (const { field, asks = isFilled, why } of table) {
    const hit = fieldsAt(spec, field).find(({ value }) => asks(value));
    if (hit) throw badRequest(`${hit.path}: ${why}`);
  }
}
