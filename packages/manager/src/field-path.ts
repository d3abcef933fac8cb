/** One field found in a spec: the object that holds it, its key there, and its full path for messages. */
export interface Field {
  readonly holder: Record<string, unknown>;
  readonly key: string;
  readonly path: string;
  readonly value: unknown;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * All fields that `pattern` names, such as `EndpointSpec.Ports[].Protocol`. The last key may be absent
 * (its value is undefined then); an absent or ill-typed object on the way yields nothing.
 */
export function fieldsAt(root: unknown, pattern: string): Field[] {
  return walk(root, pattern.split('.'), '');
}

function walk(value: unknown, [step, ...rest]: readonly string[], prefix: string): Field[] {
  if (step === undefined || !isObject(value)) return [];
  const isList = step.endsWith('[]');
  const key = isList ? step.slice(0, -2) : step;
  const path = prefix === '' ? key : `${prefix}.${key}`;
  const found = Object.hasOwn(value, key) ? value[key] : undefined;
  if (isList) {
    if (!Array.isArray(found)) return [];
    if (rest.length > 0) return found.flatMap((item, i) => walk(item, rest, `${path}[${i}]`));
    const holder = found as unknown as Record<string, unknown>;
    return found.map((item, i) => ({ holder, key: String(i), path: `${path}[${i}]`, value: item }));
  }
  if (rest.length > 0) return walk(found, rest, path);
  return [{ holder: value, key, path, value: found }];
}
