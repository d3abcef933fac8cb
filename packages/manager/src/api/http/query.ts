import { badRequest } from './errors.ts';

/** A switch in the query as Docker reads most of them: anything but a word for "no" is yes. */
export const isTrue = (value: string | undefined): boolean =>
  !['', '0', 'no', 'false', 'none'].includes((value ?? '').trim().toLowerCase());

const yes = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const no = ['', '0', 'f', 'F', 'false', 'FALSE', 'False'];

/** A switch that Docker reads with Go's strconv.ParseBool. Throws 400 in its words. */
export function parseBool(name: string, value: string | undefined): boolean {
  if (yes.includes(value ?? '')) return true;
  if (no.includes(value ?? '')) return false;
  throw badRequest(
    `invalid value for ${name}: ${value}: strconv.ParseBool: parsing "${value}": invalid syntax`,
  );
}

/** `Version.Index` from the query, in Docker's words when it is not a number. */
export function parseVersion(kind: string, text: string | undefined): number {
  const given = text ?? '';
  if (!/^\d+$/.test(given)) {
    throw badRequest(
      `invalid ${kind} version '${given}': strconv.ParseUint: parsing "${given}": invalid syntax`,
    );
  }
  const version = Number(given);
  if (!Number.isSafeInteger(version)) {
    throw badRequest(
      `invalid ${kind} version '${given}': strconv.ParseUint: parsing "${given}": value out of range`,
    );
  }
  return version;
}
