import { InvalidArgumentError } from 'commander';

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30m`, `12h` or `90d` in ms. */
export function duration(given: string): number {
  const [, number, unit = ''] = /^(\d{1,6})([mhd])$/.exec(given) ?? [];
  const ms = Number(number) * (units[unit] ?? Number.NaN);
  if (!(ms > 0)) throw new InvalidArgumentError('It takes a number and a unit, as 30m, 12h or 90d.');
  return ms;
}
