import { InvalidArgumentError } from 'commander';

/** A whole number from 1 to `most`. */
export function count(text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new InvalidArgumentError(`It takes a number from 1 to ${most}.`);
  return value;
}
