import ajvCompiler from '@fastify/ajv-compiler';
import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';

/**
 * Makes the validator of a schema when something is to be validated by it. Made at the start, all of them together
 * would be a third of the time until a manager that was started again answers.
 */
export function lateValidators(): FastifySchemaCompiler<unknown> {
  // Nothing that a user sends is changed or dropped on the way in.
  const customOptions = { removeAdditional: false, coerceTypes: false, useDefaults: false } as const;
  const compile = ajvCompiler()({}, { customOptions });
  return (route) => {
    let validator: ReturnType<typeof compile> | undefined;
    return (data: unknown) => {
      validator ??= compile(route);
      return validator(data) === true
        ? { value: data }
        : { error: (validator.errors ?? []) as FastifySchemaValidationError[] };
    };
  };
}
