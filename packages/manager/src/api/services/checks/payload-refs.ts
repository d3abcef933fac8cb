import { posix } from 'node:path';
import { type ContainerSpec, type PayloadFile, payloadFiles } from '../../../model/index.ts';
import { badRequest, invalid } from '../../http/index.ts';

const base = 'TaskTemplate.ContainerSpec';
/** The greatest id of a user or group that Linux has (-1 is none). */
const mostId = 2 ** 32 - 2;
const longestPath = 4_096;

/**
 * Secrets and configs that the container gets as files: rules of swarmkit manager/controlapi/service.go, and those that Docker's daemon
 * has when it makes the files. Throws 400.
 */
export function checkPayloadRefs(container: ContainerSpec): void {
  for (const [i, { SecretID, SecretName, File }] of (container.Secrets ?? []).entries())
    checkReference('secret', `${base}.Secrets[${i}]`, { id: SecretID, name: SecretName, File });
  for (const [i, { ConfigID, ConfigName, File }] of (container.Configs ?? []).entries())
    checkReference('config', `${base}.Configs[${i}]`, { id: ConfigID, name: ConfigName, File });
  checkTargets(container);
}

type Text = string | null | undefined;
type File = NonNullable<NonNullable<ContainerSpec['Secrets']>[number]['File']>;

function checkReference(
  kind: PayloadFile['kind'],
  path: string,
  { id, name, File: file }: { id: Text; name: Text; File?: File | null | undefined },
): void {
  if (!id || !name)
    throw badRequest(
      `${path}: malformed ${kind} reference: the id and the name of the ${kind} must be given`,
    );
  if (!file) throw badRequest(`${path}.File: malformed ${kind} reference, no target provided`);
  const target = file.Name ?? '';
  const isInside = target.startsWith('/') || !posix.normalize(target).startsWith('..');
  if (
    target === '' ||
    target.endsWith('/') ||
    target.includes('\0') ||
    target.length > longestPath ||
    !isInside
  )
    throw badRequest(
      `${path}.File.Name: must be the name of a file, ${kind === 'secret' ? 'below /run/secrets' : 'below /'} if it is no absolute path; got ${JSON.stringify(target)}`,
    );
  for (const field of ['UID', 'GID'] as const) {
    const value = file[field] ?? '0';
    if (!/^\d{1,10}$/.test(value) || Number(value) > mostId)
      throw badRequest(
        `${path}.File.${field}: must be a number, as the container's users count for nothing on its host; got "${value}"`,
      );
  }
  const mode = file.Mode ?? 0;
  if (mode < 0 || mode > 0o777)
    throw badRequest(
      `${path}.File.Mode: must be permissions from 0 to 0777 (octal), got 0${mode.toString(8)}`,
    );
}

/** Each file has a place of its own. */
function checkTargets(container: ContainerSpec): void {
  const mounted = new Set((container.Mounts ?? []).map(({ Target }) => posix.normalize(`${Target ?? ''}/`)));
  const taken = new Map<string, PayloadFile>();
  const files = payloadFiles(container);
  for (const file of files) {
    const { kind, name, target } = file;
    const place = files.filter((one) => one.kind === kind).indexOf(file);
    const field = `${base}.${kind === 'secret' ? 'Secrets' : 'Configs'}[${place}].File.Name`;
    const other = taken.get(target);
    if (other?.kind === kind)
      throw invalid(
        `${kind} references '${other.name}' and '${name}' have a conflicting target: '${file.fileName}'`,
        field,
      );
    const what = other ? `${other.kind} '${other.name}'` : 'a mount';
    if (other || mounted.has(`${target}/`))
      throw badRequest(`${field}: ${kind} '${name}' and ${what} have a conflicting target: '${target}'`);
    taken.set(target, file);
  }
}
