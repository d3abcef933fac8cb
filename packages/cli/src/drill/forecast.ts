import type { Drill, Target } from '@shoal/testbed/drill';
import { usage } from '../exit.ts';
import { paint } from '../paint.ts';
import { columns } from '../table.ts';

type Fault = 'host-power-loss' | 'drain';

interface Fate {
  readonly service: string;
  /** Missing for tasks of global services. */
  readonly slot?: number;
  readonly task: string;
  readonly from: string;
}

/** What `POST /shoal/v1/plan` answers. */
export interface Forecast {
  readonly fault: Fault;
  readonly nodes: readonly string[];
  readonly moves: readonly (Fate & { readonly to: string })[];
  readonly noRoom: readonly (Fate & { readonly reason: string })[];
  readonly stays: readonly (Fate & { readonly reason: string })[];
}

/** The fault to ask for: to the tasks, all ways of losing their host are the same. */
export function forecastFault({ name, awaits, safe }: Drill): Fault {
  if (awaits !== 'moved')
    throw usage(
      `In ${name}, no task has to go elsewhere: there is nothing to plan. Try host-power-loss or drain.`,
    );
  return safe ? 'drain' : 'host-power-loss';
}

export const askForecast = (target: Target, fault: Fault, nodes: readonly string[]): Promise<Forecast> =>
  target.ask('POST', '/shoal/v1/plan', { body: { fault, nodes } });

export function forecastLines(
  { fault, nodes, moves, noRoom, stays }: Forecast,
  stream: NodeJS.WritableStream,
): string[] {
  const nameOf = ({ service, slot }: Fate) =>
    slot === undefined ? `${service} (global)` : `${service}.${slot}`;
  const rows = [
    ...noRoom.map((fate) => ['no room', nameOf(fate), fate.from, fate.reason]),
    ...moves.map((fate) => ['moves', nameOf(fate), fate.from, `to ${fate.to}`]),
    ...stays.map((fate) => ['stays', nameOf(fate), fate.from, fate.reason]),
  ];
  const counts = [
    `${moves.length} would move`,
    `${noRoom.length} would find no room`,
    `${stays.length} would not be replaced`,
  ];
  return [
    `${fault} of ${nodes.join(', ')}: ${counts.join(', ')}`,
    ...(rows.length > 0 ? [''] : []),
    ...columns(rows).map((line) => (line.startsWith('no room') ? paint('red', line, stream) : line)),
  ];
}
