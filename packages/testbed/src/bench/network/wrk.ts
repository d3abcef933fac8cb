/** What `wrk --latency` measured. */
export interface WrkResult {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

const MS = { us: 0.001, ms: 1, s: 1000, m: 60_000 } as const;

/** Throws if wrk could not connect, got no answers, or others than 2xx and 3xx. */
export function parseWrk(output: string): WrkResult {
  const percentile = (percent: number): number => {
    const found = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(output);
    return Number(found?.[1]) * MS[(found?.[2] ?? 'ms') as keyof typeof MS];
  };
  const result = {
    perSecond: Number(/^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1]),
    p50Ms: percentile(50),
    p99Ms: percentile(99),
  };
  const failed = /Non-2xx|connect [1-9]|timeout [1-9]/.test(output);
  if (failed || !(result.perSecond > 0) || Number.isNaN(result.p50Ms + result.p99Ms))
    throw new Error(`wrk did not measure what it should:\n${output}`);
  return result;
}
