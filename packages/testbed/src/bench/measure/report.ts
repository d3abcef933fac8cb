/** One measured value: a JSON object a line on stdout. Progress goes to stderr (`say`). */
export interface Measurement {
  bench: string;
  name: string;
  value: number;
  unit: string;
  /** What it is measured against, in the same unit: a peer's figure, or the same work done raw. */
  reference?: number;
  /** value / reference. */
  ratio?: number;
  /** The bound that the value (or, with `goalOf: 'ratio'`, the ratio) must keep. */
  goal?: number;
  pass?: boolean;
}

export interface Goal {
  reference?: number;
  goal?: number;
  goalOf?: 'value' | 'ratio';
  /** Which side of the goal is good; the lower one by default. */
  better?: 'lower' | 'higher';
}

export function measurement(
  bench: string,
  name: string,
  value: number,
  unit: string,
  goal: Goal = {},
): Measurement {
  const { reference, goalOf = 'value', better = 'lower' } = goal;
  const result: Measurement = { bench, name, value: round(value), unit };
  if (reference !== undefined) {
    result.reference = round(reference);
    result.ratio = round(value / reference);
  }
  if (goal.goal !== undefined) {
    const judged = goalOf === 'ratio' ? value / (reference ?? Number.NaN) : value;
    result.goal = goal.goal;
    result.pass = better === 'lower' ? judged <= goal.goal : judged >= goal.goal;
  }
  return result;
}

/** Measures and prints; returns whether the goal, if any, was met. */
export function report(...args: Parameters<typeof measurement>): boolean {
  const result = measurement(...args);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.pass ?? true;
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}
