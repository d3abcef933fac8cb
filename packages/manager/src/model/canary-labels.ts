/** Labels of a service that is updated by canary: a few tasks first, and the rest when these have proved themselves. */
import { companionOf, networkLabel, parseDuration } from './labels.ts';
import { parseTarget } from './rollout-labels.ts';

/** `rolling` (default) or `canary`. */
export const strategyLabel = 'shoal.strategy';
/** `PERCENT:WAIT,…`: so much of the service gets the new version, and runs for so long before the next step. */
export const canaryStepsLabel = 'shoal.canary.steps';

/** Each task that has the new version before all have it must answer this, `PORT/PATH`, well and soon. */
export const canaryCheckLabel = 'shoal.canary.check';
/** So much of the answers may be bad: a status of 500 or above, too slow, or none. A share such as `5%`. */
export const canaryMaxBadLabel = 'shoal.canary.max-bad';
/** An answer that takes longer is too slow: a duration. */
export const canarySlowLabel = 'shoal.canary.slow';

export const canaryLabels: readonly string[] = [
  strategyLabel,
  canaryStepsLabel,
  canaryCheckLabel,
  canaryMaxBadLabel,
  canarySlowLabel,
];

type Labels = Readonly<Record<string, string>>;

export interface CanaryStep {
  /** Of the service's tasks, 1 to 99. */
  readonly percent: number;
  readonly waitMs: number;
}

const defaultSteps = '10%:5m,50%:5m';
const mostSteps = 20;
const longestWaitMs = 30 * 24 * 3_600_000;

/** The steps of a service's updates; undefined where it is updated as usual. */
export const canaryStepsOf = (labels: Labels | null | undefined): readonly CanaryStep[] | undefined =>
  labels?.[strategyLabel] === 'canary' ? parseSteps(labels[canaryStepsLabel] ?? defaultSteps) : undefined;

function parseSteps(text: string): CanaryStep[] | undefined {
  const steps = text.split(',').flatMap((step) => parseStep(step.trim()) ?? []);
  const isRising = steps.every(({ percent }, i) => i === 0 || percent > (steps[i - 1]?.percent ?? 0));
  return isRising && steps.length === text.split(',').length && steps.length <= mostSteps ? steps : undefined;
}

function parseStep(text: string): CanaryStep | undefined {
  const [, percent, wait = ''] = /^([1-9]\d?)%:(\S+)$/.exec(text) ?? [];
  const waitMs = parseDuration(wait);
  if (percent === undefined || waitMs === undefined || waitMs > longestWaitMs) return undefined;
  return { percent: Number(percent), waitMs };
}

/** How the hosts of the first tasks of an update ask them. */
export interface CanaryCheck {
  readonly port: number;
  readonly path: string;
  readonly slowMs: number;
  readonly maxBadPercent: number;
}

/** Undefined where the service asks for none. */
export function canaryCheckOf(labels: Labels | null | undefined): CanaryCheck | undefined {
  const target =
    labels?.[strategyLabel] === 'canary' ? parseTarget(labels[canaryCheckLabel] ?? '') : undefined;
  if (!target) return undefined;
  return {
    ...target,
    slowMs: parseDuration(labels?.[canarySlowLabel] ?? '') ?? 1_000,
    maxBadPercent: Number.parseInt(labels?.[canaryMaxBadLabel] ?? '5%', 10),
  };
}

/** What is wrong with the first of them that can't be read; undefined when all is well. */
export function canaryLabelTrouble(labels: Labels | null | undefined): string | undefined {
  const { [strategyLabel]: strategy, [canaryStepsLabel]: steps } = labels ?? {};
  if (strategy !== undefined && strategy !== 'rolling' && strategy !== 'canary')
    return `Labels["${strategyLabel}"]: must be rolling or canary, got "${strategy}"`;
  const other = canaryLabels.find((name) => name !== strategyLabel && labels?.[name] !== undefined);
  if (other !== undefined && strategy !== 'canary')
    return `Labels["${other}"]: says nothing without ${strategyLabel}=canary`;
  if (steps !== undefined && !parseSteps(steps))
    return `Labels["${canaryStepsLabel}"]: must be PERCENT:WAIT, … with rising percents from 1% to 99% such as 10%:5m,50%:10m, got "${steps}"`;
  return checkTrouble(labels ?? {});
}

function checkTrouble(labels: Labels): string | undefined {
  const { [canaryCheckLabel]: check, [canaryMaxBadLabel]: maxBad, [canarySlowLabel]: slow } = labels;
  const extra = [canaryMaxBadLabel, canarySlowLabel].find((name) => labels[name] !== undefined);
  if (check === undefined) return extra && `Labels["${extra}"]: says nothing without ${canaryCheckLabel}`;
  if (!parseTarget(check))
    return `Labels["${canaryCheckLabel}"]: must be PORT/PATH such as 8080/, got "${check}"`;
  // It has no address of its own.
  if (companionOf(labels[networkLabel]) !== undefined)
    return `Labels["${canaryCheckLabel}"]: can not be combined with ${networkLabel}=service:…`;
  if (maxBad !== undefined && !/^\d{1,2}%$/.test(maxBad))
    return `Labels["${canaryMaxBadLabel}"]: must be a share from 0% to 99% such as 5%, got "${maxBad}"`;
  const slowMs = parseDuration(slow ?? '1s') ?? 0;
  if (slowMs < 10 || slowMs > 60_000)
    return `Labels["${canarySlowLabel}"]: must be a duration from 10ms to 1m such as 1s, got "${slow}"`;
  return undefined;
}
