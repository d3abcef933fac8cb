import { expandedPayload, isTemplate, type Open } from '../../container-body/index.ts';
import {
  contentVersion,
  type PayloadFile,
  type PayloadKind,
  payloadFiles,
  type ServiceSpec,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { TemplateError } from '../../template/index.ts';
import { badRequest, invalid, rpcError } from '../http/index.ts';
import { exampleFor } from './checks/index.ts';

/**
 * The spec with its secrets and configs by the number of a content, which tasks made of this spec keep: that of `present` where it has
 * them already, else the newest. Throws 400 for one that is not there, and for a template that can't be filled in for this service.
 */
export function resolvePayloads(
  view: ReadView,
  spec: ServiceSpec,
  open: Open,
  present?: ServiceSpec,
): ServiceSpec {
  const container = spec.TaskTemplate?.ContainerSpec;
  if (!container?.Secrets?.length && !container?.Configs?.length) return spec;
  refuseMissing(view, payloadFiles(container));
  const had = payloadFiles(present?.TaskTemplate?.ContainerSpec);
  const content = (kind: PayloadKind, id: string | null | undefined) => {
    const payload = view[`${kind}s`].get(id ?? '');
    const before = had.find((file) => file.kind === kind && file.id === id);
    return payload && { ContentVersion: before?.version ?? contentVersion(payload) };
  };
  const { Secrets, Configs } = container;
  const ContainerSpec = {
    ...container,
    ...(Secrets && { Secrets: Secrets.map((one) => ({ ...one, ...content('secret', one.SecretID) })) }),
    ...(Configs && { Configs: Configs.map((one) => ({ ...one, ...content('config', one.ConfigID) })) }),
  };
  const resolved = { ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec } };
  checkTemplates(view, resolved, open);
  return resolved;
}

/** In swarmkit's words (manager/controlapi/service.go). */
function refuseMissing(view: ReadView, files: readonly PayloadFile[]): void {
  for (const kind of ['secret', 'config'] as const) {
    const named = files.filter((file) => file.kind === kind);
    const missing = named.filter((file) => view[`${kind}s`].get(file.id)?.Spec.Name !== file.name);
    const [first] = missing;
    if (!first) continue;
    const field = `TaskTemplate.ContainerSpec.${kind === 'secret' ? 'Secrets' : 'Configs'}[${named.indexOf(first)}]`;
    const names = missing.map(({ name }) => name).join(', ');
    throw invalid(
      `${kind}${missing.length === 1 ? '' : 's'} not found: ${names}`,
      field,
      'the id of one, and its name',
    );
  }
}

function checkTemplates(view: ReadView, spec: ServiceSpec, open: Open): void {
  const Spec = spec.TaskTemplate ?? {};
  for (const file of payloadFiles(Spec.ContainerSpec)) {
    const payload = view[`${file.kind}s`].get(file.id);
    const template = payload && isTemplate(payload) ? open(file) : undefined;
    if (!template) continue;
    try {
      expandedPayload(template, { Spec }, exampleFor(spec), open);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      throw badRequest(
        `TaskTemplate.ContainerSpec: the template of ${file.kind} ${file.name}: ${error.message}`,
      );
    }
  }
}

/** The spec that a service goes back to: its tasks get what they had. Throws 400 where that is not there any more. */
export function refuseLostPayloads(view: ReadView, spec: ServiceSpec): void {
  for (const { kind, id, name, version } of payloadFiles(spec.TaskTemplate?.ContainerSpec)) {
    const { contents = [] } = view[`${kind}s`].get(id) ?? {};
    if (!contents.some((content) => content.version === version))
      throw rpcError(
        'FailedPrecondition',
        `${kind} ${name}, which the previous spec names, was removed since`,
      );
  }
}
