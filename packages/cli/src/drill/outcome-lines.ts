import type { DrillOutcome, Figure } from '@shoal/testbed/drill';
import { paint } from '../paint.ts';
import { columns } from '../table.ts';

/** What a drill amounts to, for people. */
export function outcomeLines(outcome: DrillOutcome, stream: NodeJS.WritableStream): string[] {
  const { drill, victim, passed, figures, invariants, spread, failures } = outcome;
  const hosts = Object.entries(spread).map(([host, count]) => `${host} ${count}`);
  const since = (atMs: number) =>
    `+${((atMs - outcome.moments.struck) / 1000).toFixed(1)} s`.replace('+-', '-');
  const rows = [
    ...figures.map((figure) => [tick(figure.pass), figure.name, figureText(figure), goalText(figure)]),
    ['', 'spread afterwards', hosts.join('  ')],
    ...invariants.map(({ name, says, holds }) => [holds === undefined ? '·' : tick(holds), name, says]),
  ];
  return [
    `${drill} on ${victim}: ${passed ? paint('green', 'passed', stream) : paint('red', 'FAILED', stream)}`,
    '',
    ...columns(rows).map((line) => (line.startsWith('✗') ? paint('red', line, stream) : line)),
    ...(failures.length === 0 ? [] : ['', 'Of the requests that were lost, the first:']),
    ...columns(
      failures.map(({ why, through, count, firstMs, lastMs }) => [
        `  ${count}`,
        why,
        `through ${through}`,
        `sent from ${since(firstMs)} to ${since(lastMs)}`,
      ]),
    ),
  ];
}

/** Blank: nothing was asked of it. */
const tick = (good: boolean | undefined): string => (good === undefined ? '' : good ? '✓' : '✗');

export function figureText({ value, unit }: Figure): string {
  if (value === undefined) return 'not in time';
  return unit === 's' ? `${value.toFixed(2)} s` : value.toLocaleString('en');
}

export function goalText({ goal, unit }: Figure): string {
  if (goal === undefined) return '';
  if (goal === 0) return 'none allowed';
  return `at most ${goal}${unit === 's' ? ' s' : ''}`;
}
