import { hostAccessTrouble } from './host-access.ts';
import { placementLabelTrouble, wantsBinpack } from './placement-labels.ts';

/** Labels that mean something to Shoal, all of a service but the last. Each is checked when its object is created or updated. */

/** How an endpoint is chosen: `random`, or `source-hash` (one client address, one endpoint). */
export const balanceLabel = 'shoal.lb';
/** How long open connections may finish before the stop signal: a duration such as `5s`; `0` for not at all. */
export const drainLabel = 'shoal.drain';
/** `service:NAME`: share the network of that service's task on the same host. */
export const networkLabel = 'shoal.network';
/** `on` (default) or `off`: tasks are moved, one at a time, until they are spread evenly again. */
export const rebalanceLabel = 'shoal.rebalance';
/** A whole number: where a host is short of memory, disk or PIDs, tasks of services with a lower one leave first. */
export const priorityLabel = 'shoal.priority';
/** What becomes of a task whose host is cut off from the manager: `continue` (default), or `stop`: at most one runs. */
export const isolationLabel = 'shoal.isolation';
/** When a job runs: five fields as of cron, or `@daily` and the like. */
export const cronLabel = 'shoal.cron';
/** The time zone of `shoal.cron`, by its IANA name; `UTC` by default. */
export const cronTimezoneLabel = 'shoal.cron.timezone';
/** While the run before is not over: `skip` (default) the next one, `replace` it, or `queue` one. */
export const cronOverlapLabel = 'shoal.cron.overlap';
/** What was due while the manager was away: `run` (default) once, late, or `skip`. */
export const cronMissedLabel = 'shoal.cron.missed';
/** `NAME:started`, `NAME:healthy` or `NAME:completed`, by commas: tasks start only once that is so. */
export const dependsOnLabel = 'shoal.depends-on';
/** Of the cluster, `on` or `off` (default): overlay networks made from now on are encrypted unless they say `encrypted=false`. */
export const encryptLabel = 'shoal.encrypt';

const defaultDrainMs = 5_000;
const longestDrainMs = 10 * 60_000;
const highestPriority = 1_000;

type Labels = Readonly<Record<string, string>>;

/** Milliseconds; the default when the label is not there. */
export function drainMs(labels: Labels | null | undefined): number {
  const text = labels?.[drainLabel];
  return (text === undefined ? undefined : parseDuration(text)) ?? defaultDrainMs;
}

/** Whether the service's tasks may be moved only to spread them evenly. */
export const wantsRebalancing = (labels: Labels | null | undefined): boolean =>
  labels?.[rebalanceLabel] !== 'off' && !wantsBinpack(labels);

/** Whether the service's tasks may run only while their hosts are in contact with the manager. */
export const wantsIsolation = (labels: Labels | null | undefined): boolean =>
  labels?.[isolationLabel] === 'stop';

/** Whether the cluster's new networks are encrypted by default. */
export const wantsEncryption = (labels: Labels | null | undefined): boolean =>
  labels?.[encryptLabel] === 'on';

/** 0 when the label is not there. */
export const priorityOf = (labels: Labels | null | undefined): number => Number(labels?.[priorityLabel] ?? 0);

/** The service that `service:NAME` names; undefined for anything else. */
export const companionOf = (mode: string | undefined): string | undefined =>
  /^service:(.+)$/.exec(mode ?? '')?.[1];

/** What is wrong with the first of the cluster's labels that can't be read; undefined when all is well. */
export function clusterLabelTrouble(labels: Labels | null | undefined): string | undefined {
  const encrypt = labels?.[encryptLabel];
  if (encrypt === undefined || encrypt === 'on' || encrypt === 'off') return undefined;
  return `Labels["${encryptLabel}"]: must be on or off, got "${encrypt}"`;
}

/** What is wrong with the first of a service's labels that can't be read; undefined when all is well. */
export function labelTrouble(labels: Labels | null | undefined): string | undefined {
  const { [balanceLabel]: balance, [drainLabel]: drain, [networkLabel]: network } = labels ?? {};
  const {
    [rebalanceLabel]: rebalance,
    [priorityLabel]: priority,
    [isolationLabel]: isolation,
  } = labels ?? {};
  if (balance !== undefined && balance !== 'random' && balance !== 'source-hash') {
    return `Labels["${balanceLabel}"]: must be random or source-hash, got "${balance}"`;
  }
  if (drain !== undefined && (parseDuration(drain) ?? Number.POSITIVE_INFINITY) > longestDrainMs) {
    return `Labels["${drainLabel}"]: must be a duration from 0 to 10m such as 5s or 500ms, got "${drain}"`;
  }
  if (network !== undefined && companionOf(network) === undefined) {
    return `Labels["${networkLabel}"]: must be service:NAME, got "${network}"`;
  }
  if (rebalance !== undefined && rebalance !== 'on' && rebalance !== 'off') {
    return `Labels["${rebalanceLabel}"]: must be on or off, got "${rebalance}"`;
  }
  if (isolation !== undefined && isolation !== 'continue' && isolation !== 'stop') {
    return `Labels["${isolationLabel}"]: must be continue or stop, got "${isolation}"`;
  }
  if (
    priority !== undefined &&
    !(/^-?\d{1,4}$/.test(priority) && Math.abs(Number(priority)) <= highestPriority)
  ) {
    return `Labels["${priorityLabel}"]: must be a whole number from -${highestPriority} to ${highestPriority}, got "${priority}"`;
  }
  return placementLabelTrouble(labels) ?? hostAccessTrouble(labels);
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Go writes them (`1m30s`, `500ms`, `0`); undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g);
  return [...parts].reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0), 0);
}
