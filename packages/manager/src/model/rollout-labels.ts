/** Labels of a service that say how its tasks are rolled out. Each is checked when the service is created or updated. */
import { companionOf, networkLabel, parseDuration } from './labels.ts';

/** How long a new task may take until it runs: a duration. After that its update has failed, or its first deployment. */
export const progressDeadlineLabel = 'shoal.progress-deadline';

/** A task is ready for traffic when it answers this with a status of 200 to 399: `PORT/PATH`. */
export const readyHttpLabel = 'shoal.ready.http';
/** A task is ready for traffic when it takes connections at this port. */
export const readyTcpLabel = 'shoal.ready.tcp';
/** A task is ready for traffic when this command succeeds in its container: a line for `/bin/sh -c`. */
export const readyExecLabel = 'shoal.ready.exec';
/** How often it is asked: a duration. */
export const readyIntervalLabel = 'shoal.ready.interval';
/** How long an answer may take: a duration. */
export const readyTimeoutLabel = 'shoal.ready.timeout';
/** So many failures in a row take a task that was ready out of balance. */
export const readyFailuresLabel = 'shoal.ready.failures';

export const rolloutLabels: readonly string[] = [
  progressDeadlineLabel,
  readyHttpLabel,
  readyTcpLabel,
  readyExecLabel,
  readyIntervalLabel,
  readyTimeoutLabel,
  readyFailuresLabel,
];

type Labels = Readonly<Record<string, string>>;

interface Range {
  readonly least: number;
  readonly most: number;
  /** What is allowed, for people. */
  readonly text: string;
}

/** In milliseconds. */
const durations: Readonly<Record<string, Range>> = {
  [progressDeadlineLabel]: { least: 1_000, most: 7 * 24 * 3_600_000, text: '1s to 168h such as 10m' },
  [readyIntervalLabel]: { least: 100, most: 3_600_000, text: '100ms to 1h such as 5s' },
  [readyTimeoutLabel]: { least: 10, most: 60_000, text: '10ms to 1m such as 2s' },
};
const kinds = [readyHttpLabel, readyTcpLabel, readyExecLabel];
const mostFailures = 1_000;

/** Milliseconds; the default when the label is not there. */
export const progressDeadlineMs = (labels: Labels | null | undefined): number =>
  parseDuration(labels?.[progressDeadlineLabel] ?? '') ?? 10 * 60_000;

/** How hosts ask the tasks of a service whether they are ready for traffic. Times in milliseconds. */
export interface ReadyCheck {
  /** 0: none; it is a command. */
  readonly port: number;
  /** Empty: it is enough that the task takes the connection. */
  readonly path: string;
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly failures: number;
}

/** Undefined where the service has none: then a task is ready once it runs and is healthy. */
export function readyCheckOf(labels: Labels | null | undefined): ReadyCheck | undefined {
  const { [readyHttpLabel]: http, [readyTcpLabel]: tcp, [readyExecLabel]: exec } = labels ?? {};
  const target = http === undefined ? undefined : parseTarget(http);
  if (target === undefined && tcp === undefined && exec === undefined) return undefined;
  return {
    port: target?.port ?? Number(tcp ?? 0),
    path: target?.path ?? '',
    command: exec === undefined ? [] : ['/bin/sh', '-c', exec],
    intervalMs: parseDuration(labels?.[readyIntervalLabel] ?? '') ?? 5_000,
    timeoutMs: parseDuration(labels?.[readyTimeoutLabel] ?? '') ?? 2_000,
    failures: Number(labels?.[readyFailuresLabel] ?? 3),
  };
}

/** `8080/healthz`, or `8080` for `/`; undefined for anything else. */
export function parseTarget(text: string): { port: number; path: string } | undefined {
  const [, port = '', path = '/'] = /^(\d{1,5})(\/[!-~]*)?$/.exec(text) ?? [];
  return isPort(port) ? { port: Number(port), path } : undefined;
}

const isPort = (text: string): boolean =>
  /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;

/** What is wrong with the first of them that can't be read; undefined when all is well. */
export function rolloutLabelTrouble(labels: Labels | null | undefined): string | undefined {
  const trouble = (name: string, what: string) => `Labels["${name}"]: ${what}, got "${labels?.[name]}"`;
  for (const [name, { least, most, text }] of Object.entries(durations)) {
    const value = labels?.[name];
    const ms = parseDuration(value ?? '') ?? 0;
    if (value !== undefined && (ms < least || ms > most))
      return trouble(name, `must be a duration from ${text}`);
  }
  return readyTrouble(labels ?? {}, trouble);
}

function readyTrouble(labels: Labels, trouble: (name: string, what: string) => string): string | undefined {
  const { [readyHttpLabel]: http, [readyTcpLabel]: tcp, [readyExecLabel]: exec } = labels;
  const given = kinds.filter((name) => labels[name] !== undefined);
  const [kind, other] = given;
  if (other !== undefined) return `Labels["${other}"]: can not be combined with ${kind}: one check is enough`;
  const extra = [readyIntervalLabel, readyTimeoutLabel, readyFailuresLabel].find(
    (name) => labels[name] !== undefined,
  );
  if (kind === undefined)
    return extra && `Labels["${extra}"]: says nothing without one of ${kinds.join(', ')}`;
  if (http !== undefined && !parseTarget(http))
    return trouble(readyHttpLabel, 'must be PORT/PATH such as 8080/healthz');
  if (tcp !== undefined && !isPort(tcp)) return trouble(readyTcpLabel, 'must be a port from 1 to 65535');
  if (exec !== undefined && (exec.trim() === '' || exec.includes('\0')))
    return trouble(readyExecLabel, 'must be a command for /bin/sh -c');
  const failures = labels[readyFailuresLabel];
  if (failures !== undefined && !(/^[1-9]\d{0,3}$/.test(failures) && Number(failures) <= mostFailures))
    return trouble(readyFailuresLabel, `must be a whole number from 1 to ${mostFailures}`);
  // It has no address of its own.
  if (exec === undefined && companionOf(labels[networkLabel]) !== undefined)
    return `Labels["${kind}"]: can not be combined with ${networkLabel}=service:…; use ${readyExecLabel}`;
  return undefined;
}
