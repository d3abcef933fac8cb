/** The value below which `share` of the values lie; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * How likely counts at least as uneven as these are if each one is as probable as the others: Pearson's
 * chi-square test. Small (say below 0.001): they are not.
 */
export function evenness(counts: readonly number[]): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
  return 1 - lowerGamma((counts.length - 1) / 2, statistic / 2);
}

/** The regularized lower incomplete gamma function P(s, x), by its power series. */
function lowerGamma(s: number, x: number): number {
  if (x <= 0) return 0;
  let term = Math.exp(s * Math.log(x) - x - logGamma(s + 1));
  let sum = term;
  for (let n = 1; term > sum * 1e-12; n++) {
    term *= x / (s + n);
    sum += term;
  }
  return Math.min(sum, 1);
}

/** Of halves of whole numbers, which is all that is asked for here: Γ(s) = (s − 1) Γ(s − 1). */
function logGamma(s: number): number {
  if (s === 0.5) return Math.log(Math.PI) / 2;
  return s === 1 ? 0 : Math.log(s - 1) + logGamma(s - 1);
}
