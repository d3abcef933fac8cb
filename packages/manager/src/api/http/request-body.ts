import type { FastifyInstance, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { isObject } from '../../field-path.ts';
import { badRequest } from './errors.ts';

/** Reads bodies as Docker's daemon does: no body counts as an empty object. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: unknown, text: string) => (text.trim() === '' ? {} : parse(text)),
  );
  // Clients before Docker 23 call a POST without a body `text/plain`.
  app.addContentTypeParser('*', { parseAs: 'string' }, async ({ headers }: FastifyRequest, text: string) => {
    if (text.trim() === '') return {};
    const type = headers['content-type'] ?? '';
    throw badRequest(`unsupported Content-Type header (${type}): must be 'application/json'`);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`invalid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly enum?: readonly unknown[];
  readonly maximum?: number;
  /** A union; in the model, always of one shape and null. */
  readonly anyOf?: readonly Shape[];
}

/**
 * A freshly parsed body as Go would have understood it, for clients that rely on that (docker-py sends
 * `replicated`): field names get their exact case, and null, or "" out of a fixed list of values, means "not set": such a field is
 * left out, as Docker shows none either, and clients in Python stumble over them.
 * Throws 400 for whole numbers that lose digits on the way, unless the schema allows them by its `maximum`: those only have
 * to differ from the one before, and get smaller, so that clients can add one to them. Goes as deep as the schema, not as the body.
 */
export function tidy(schema: Shape, value: unknown, path = ''): unknown {
  const { properties, items, maximum = Number.MAX_SAFE_INTEGER } = schema.anyOf?.[0] ?? schema;
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    if (Math.abs(value) > maximum) throw badRequest(`${path}: ${value} is too large`);
    return value % Number.MAX_SAFE_INTEGER;
  }
  if (Array.isArray(value)) {
    return items ? value.map((item, i) => tidy(items, item, `${path}[${i}]`)) : value;
  }
  if (!isObject(value) || !properties) return value;
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const name = exactName(properties, value, key);
    const field = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!field) return [[key, item] as const];
    return item === null || (item === '' && (field.anyOf?.[0] ?? field).enum)
      ? []
      : [[name, tidy(field, item, path === '' ? name : `${path}.${name}`)] as const];
  });
  return Object.fromEntries(entries);
}

function exactName(properties: object, value: object, key: string): string {
  if (Object.hasOwn(properties, key)) return key;
  const lower = key.toLowerCase();
  const name = Object.keys(properties).find((each) => each.toLowerCase() === lower);
  return name === undefined || Object.hasOwn(value, name) ? key : name;
}

/**
 * dockerode sends what it puts into the query (`version`, …) in the body as well; such copies are not fields
 * of the spec.
 */
export function dropQueryCopies(body: unknown, query: unknown, parameters: readonly string[]): void {
  if (!isObject(body) || !isObject(query)) return;
  for (const name of parameters) {
    if (Object.hasOwn(body, name) && String(body[name]) === query[name]) delete body[name];
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
    return new Error(`${path === '' ? '' : `${path}.`}${extra}: unknown field`);
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
