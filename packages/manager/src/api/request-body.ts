import type { FastifyInstance, FastifySchemaValidationError } from 'fastify';
import { badRequest } from './errors.ts';
import { fieldsAt } from './field-path.ts';

/** Reads bodies as Docker's daemon does: no body counts as an empty object. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: unknown, text: string) => (text.trim() === '' ? {} : parse(text)),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`invalid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Fields out of a fixed list, which Go clients send as "" when they mean "not set". */
const choices = [
  'TaskTemplate.RestartPolicy.Condition',
  'TaskTemplate.ContainerSpec.Mounts[].Type',
  'UpdateConfig.FailureAction',
  'UpdateConfig.Order',
  'RollbackConfig.FailureAction',
  'RollbackConfig.Order',
  'EndpointSpec.Mode',
  'EndpointSpec.Ports[].Protocol',
  'EndpointSpec.Ports[].PublishMode',
  'Role',
  'Availability',
];

/** Drops empty choices from a freshly parsed body, so that "" and absent are one thing from here on. */
export function dropEmptyChoices(body: unknown): void {
  for (const pattern of choices) {
    for (const { holder, key, value } of fieldsAt(body, pattern)) if (value === '') delete holder[key];
  }
}

/**
 * One sentence about what is wrong where. `null` is allowed wherever a field may be absent, so every field's
 * schema is a union with null: the complaints of the null branch and of the union itself say nothing.
 */
export function describeSchemaErrors(errors: readonly FastifySchemaValidationError[], part: string): Error {
  const telling = errors.filter(
    ({ keyword, params }) => keyword !== 'anyOf' && !(keyword === 'type' && params.type === 'null'),
  );
  const deepest = telling.toSorted((a, b) => depth(b) - depth(a))[0] ?? errors[0];
  if (!deepest) return new Error(`${part}: not valid`);
  const path = readablePath(deepest.instancePath);
  const extra = deepest.params.additionalProperty;
  if (deepest.keyword === 'additionalProperties' && typeof extra === 'string') {
    return new Error(`${path === '' ? '' : `${path}.`}${extra}: unknown field${hint(deepest, extra)}`);
  }
  const where = path === '' ? (part === 'body' ? 'request body' : part) : path;
  const allowed = deepest.params.allowedValues;
  if (Array.isArray(allowed)) return new Error(`${where}: must be one of ${allowed.join(', ')}`);
  return new Error(`${where}: ${deepest.message ?? 'not valid'}`);
}

const depth = ({ instancePath }: FastifySchemaValidationError): number => instancePath.split('/').length;

/** `/TaskTemplate/ContainerSpec/Env/0` → `TaskTemplate.ContainerSpec.Env[0]` */
const readablePath = (pointer: string): string =>
  pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce(
      (path, step) => (/^\d+$/.test(step) ? `${path}[${step}]` : path === '' ? step : `${path}.${step}`),
      '',
    );

/** Go reads field names in any case; Shoal wants them exact, and says so. */
function hint(error: FastifySchemaValidationError, name: string): string {
  const known = 'parentSchema' in error ? (error.parentSchema as { properties?: object }).properties : {};
  const meant = Object.keys(known ?? {}).find((key) => key.toLowerCase() === name.toLowerCase());
  return meant === undefined ? '' : ` (did you mean ${meant}?)`;
}
