import { expect, test } from 'vitest';
import { withFlows } from './stale-flows.ts';

const flows = `udp      17 29 src=10.1.1.9 dst=10.1.0.5 sport=5000 dport=53 src=10.1.2.10 dst=10.1.1.9 sport=53 dport=5000 mark=0 use=1
udp      17 3 src=10.1.1.9 dst=10.1.2.11 sport=5001 dport=53 [UNREPLIED] src=10.1.2.11 dst=10.1.1.9 sport=53 dport=5001 mark=0 zone=1 use=1
`;

test('of many addresses, only those that answer in a flow are looked at', () => {
  expect([...withFlows(flows, ['10.1.2.12', '10.1.2.11', '10.1.2.10', '10.1.1.9', '10.1.0.5'])]).toEqual([
    '10.1.2.11',
    '10.1.2.10',
  ]);
  expect(withFlows('', ['10.1.2.10']).size).toBe(0);
});
