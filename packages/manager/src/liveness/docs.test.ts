import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { timingFor } from '@shoal/proto/rules';
import { expect, it } from 'vitest';
import { lookMs, roundsToLose } from './judge.ts';
import { roundMs } from './watches.ts';

const timings = [1_000, 2_000, 5_000, 10_000].map(timingFor);
const seconds = (ms: number) => `${ms / 1_000} s`;
const row = (what: string, of: (timing: ReturnType<typeof timingFor>) => string) =>
  `| ${[what, ...timings.map(of)].join(' | ')} |`;

const table = [
  '| | up to 1,000 nodes | 2,000 | 5,000 | 10,000 |',
  '|---|---|---|---|---|',
  row('from one beat to the next', ({ beatMs }) => seconds(beatMs)),
  row('a beat is late', ({ lateMs }) => seconds(lateMs)),
  row('silence until a node is suspect', ({ suspectMs }) => seconds(suspectMs)),
  row('a dead host gets no more traffic, at most', ({ suspectMs }) => seconds(suspectMs + lookMs + roundMs)),
  row('**a dead host is down**, at most (on average)', ({ suspectMs, beatMs }) => {
    const [rounds, average] = [roundsToLose * roundMs, suspectMs - beatMs / 2];
    return `**${seconds(suspectMs + lookMs + rounds)}** (${seconds(average + lookMs + rounds)})`;
  }),
  row('silence until it is `Disconnected`', ({ disconnectedMs }) => seconds(disconnectedMs)),
  row('silence after which a helper that never answers is not waited for', ({ helperPatienceMs }) =>
    seconds(helperPatienceMs),
  ),
  row('agent gone, host alive: down', ({ agentMs }) => seconds(agentMs)),
  row('with the safety valve open, longer by', ({ doubtMs }) => seconds(doubtMs)),
  row('a lease', ({ leaseMs }) => seconds(leaseMs)),
  row('silence until what must run only once is replaced', ({ replaceMs }) => seconds(replaceMs)),
].join('\n');

it('docs/failover.md says what follows from the number of nodes', () => {
  expect(readFileSync(join(import.meta.dirname, '../../../../docs/failover.md'), 'utf8')).toContain(table);
});
