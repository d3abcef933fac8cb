import { isoTime } from '../../effects.ts';
import {
  type Content,
  contentVersion,
  isJob,
  isTerminal,
  type Payload,
  type PayloadKind,
  type PayloadSpec,
  payloadFiles,
  purposes,
  type Service,
  scheduleOf,
  sealingIn,
  stateOf,
} from '../../model/index.ts';
import type { ReadView, Tx } from '../../store/index.ts';
import type { Vault } from '../../trust/index.ts';
import { ApiError, outOfSequence, rpcError } from '../http/index.ts';
import { isVisible, openIn, specsInUse } from '../objects/index.ts';
import { updateService } from '../services/index.ts';
import { checkSpec, readData } from './check.ts';
import { findPayload } from './find.ts';

/** With what it holds taken out, and sealed. */
const specOf = ({ Data: _, Driver: _driver, ...spec }: PayloadSpec): Payload['Spec'] => spec;

/** Adds a secret or config. Throws ApiError: 400 for a spec that can't be honoured, 409 for a name in use. */
export function createPayload(tx: Tx, kind: PayloadKind, id: string, spec: PayloadSpec, how: How): Payload {
  checkSpec(kind, spec);
  const data = readData(kind, spec);
  if (tx[`${kind}s`].by('name', spec.Name ?? '').length > 0)
    throw rpcError('AlreadyExists', `${kind} ${spec.Name} already exists`);
  return tx[`${kind}s`].create({
    ID: id,
    Spec: specOf(spec),
    contents: [contentOf(tx, kind, id, 1, data, how)],
  });
}

export interface How {
  readonly vault: Pick<Vault, 'seal' | 'unseal'>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const contentOf = (
  tx: Tx,
  kind: PayloadKind,
  id: string,
  version: number,
  data: Buffer,
  { vault, now }: How,
): Content => ({
  version,
  at: isoTime(now),
  data: vault.seal(sealingIn(tx), purposes.content(kind, id, version), data.toString('base64')),
});

/**
 * Docker's update: of labels alone. Clients send the rest as it is, `docker stack deploy` also what the file holds. Throws ApiError:
 * 400, 404, 500 for a stale version (Docker's status).
 */
export function updateLabels(
  tx: Tx,
  kind: PayloadKind,
  given: string,
  { version, spec, how }: { readonly version: number; readonly spec: PayloadSpec; readonly how: How },
): void {
  const payload = findPayload(tx, kind, given);
  checkSpec(kind, spec);
  const isSame =
    spec.Name === payload.Spec.Name &&
    (spec.Templating?.Name || '') === (payload.Spec.Templating?.Name || '') &&
    (!spec.Data || readData(kind, spec).equals(holds(tx, kind, payload, how)));
  if (!isSame) {
    const instead = `to change what it holds: shoal ${kind} update ${payload.Spec.Name} FILE`;
    throw rpcError('InvalidArgument', `only updates to Labels are allowed (${instead})`);
  }
  if (version !== payload.Version.Index) throw outOfSequence();
  tx[`${kind}s`].update({ ...payload, Spec: { ...payload.Spec, Labels: spec.Labels ?? {} } });
}

/** What it holds now, in the clear. Throws 500 where it can't be opened. */
export function holds(
  view: ReadView,
  kind: PayloadKind,
  payload: Payload,
  { vault }: Pick<How, 'vault'>,
): Buffer {
  const data = openIn(view, vault)({ kind, id: payload.ID, version: contentVersion(payload) });
  if (!data)
    throw new ApiError(500, `what ${kind} ${payload.Spec.Name} holds can't be opened: create another one`);
  return data;
}

/** Users of another content, by name. */
export interface Updated {
  readonly payload: Payload;
  readonly services: readonly string[];
}

/**
 * Has it hold something else from now on. The services that use it are updated by that, each by its own settings; tasks that are there
 * keep what they have. Nothing changes where it holds just that. Throws ApiError: 400 also where a service's template would not fit.
 */
export function updateContent(tx: Tx, kind: PayloadKind, given: string, Data: string, how: How): Updated {
  const payload = findPayload(tx, kind, given);
  const data = readData(kind, { ...payload.Spec, Data });
  if (data.equals(holds(tx, kind, payload, how))) return { payload, services: [] };
  const version = contentVersion(payload) + 1;
  const needed = versionsInUse(tx, kind, payload.ID).add(version);
  const contents = [...payload.contents, contentOf(tx, kind, payload.ID, version, data, how)];
  const written = tx[`${kind}s`].update({
    ...payload,
    contents: contents.filter((content) => needed.has(content.version)),
  });
  const users = tx.services
    .by('payload', payload.ID)
    .filter(
      (service) => isVisible(service) && rolls(service) && filesIn(service.Spec, kind, payload.ID).length > 0,
    );
  for (const service of users) roll(tx, service, how);
  return { payload: written, services: users.map(({ Spec }) => Spec.Name ?? '').toSorted() };
}

/** An update of a job without a schedule would do its work once more, which nobody asked for. */
const rolls = ({ Spec }: Service): boolean => !isJob(Spec) || scheduleOf(Spec.Labels) !== undefined;

/** As an update by people with the same spec would, but with the newest contents. */
function roll(tx: Tx, { ID, Version, Spec }: Service, { vault, now }: How): void {
  try {
    const change = {
      registryAuth: undefined,
      authFrom: 'spec',
      rollback: false,
      now,
      renewContents: true,
    } as const;
    updateService(tx, { id: ID, version: Version.Index, spec: Spec, ...change, open: openIn(tx, vault) });
  } catch (error) {
    if (error instanceof ApiError) throw new ApiError(error.status, `service ${Spec.Name}: ${error.message}`);
    throw error;
  }
}

const filesIn = (spec: Service['Spec'] | undefined, kind: PayloadKind, id: string) =>
  payloadFiles(spec?.TaskTemplate?.ContainerSpec).filter((file) => file.kind === kind && file.id === id);

/** By tasks that have not ended, by services, and by what these may go back to. */
function versionsInUse(view: ReadView, kind: PayloadKind, id: string): Set<number> {
  const specs = view.services.by('payload', id).flatMap(({ Spec, PreviousSpec }) => [Spec, PreviousSpec]);
  const ofServices = specs.flatMap((spec) => filesIn(spec, kind, id));
  const ofTasks = [...view.tasks.all()]
    .filter((task) => !isTerminal(stateOf(task)))
    .flatMap((task) => filesIn({ TaskTemplate: task.Spec }, kind, id));
  return new Set([...ofServices, ...ofTasks].map(({ version }) => version));
}

/** Throws 404, and 400 while a service uses it, which is named. */
export function removePayload(tx: Tx, kind: PayloadKind, given: string): void {
  const { ID, Spec } = findPayload(tx, kind, given);
  const users = tx.services
    .by('payload', ID)
    .filter(
      (service) =>
        isVisible(service) && specsInUse(service).some((spec) => filesIn(spec, kind, ID).length > 0),
    )
    .map((service) => service.Spec.Name ?? '')
    .toSorted();
  if (users.length > 0)
    throw rpcError(
      'InvalidArgument',
      `${kind} '${Spec.Name}' is in use by the following ${users.length === 1 ? 'service' : 'services'}: ${users.join(', ')}`,
    );
  tx[`${kind}s`].remove(ID);
}
