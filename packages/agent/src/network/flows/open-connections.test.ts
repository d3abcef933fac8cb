import { expect, it } from 'vitest';
import { countOpen } from './open-connections.ts';

const table = `ipv4     2 tcp      6 431999 ESTABLISHED src=10.9.0.1 dst=10.0.0.2 sport=40000 dport=80 src=10.0.1.2 dst=10.9.0.1 sport=8080 dport=40000 [ASSURED] mark=0 zone=0 use=2
ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.1.2 dst=10.0.0.3 sport=40001 dport=6379 src=10.0.1.9 dst=10.0.1.2 sport=6379 dport=40001 [ASSURED] mark=0 zone=0 use=2
ipv4     2 tcp      6 10 TIME_WAIT src=10.9.0.1 dst=10.0.0.2 sport=40002 dport=80 src=10.0.1.2 dst=10.9.0.1 sport=8080 dport=40002 [ASSURED] mark=0 zone=0 use=2
ipv4     2 tcp      6 7190 CLOSE_WAIT src=10.9.0.1 dst=10.0.0.4 sport=40003 dport=80 src=10.0.1.3 dst=10.9.0.1 sport=8080 dport=40003 [ASSURED] mark=0 zone=0 use=2
ipv4     2 udp      17 29 src=10.9.0.1 dst=10.0.1.2 sport=5353 dport=53 src=10.0.1.2 dst=10.9.0.1 sport=53 dport=5353 mark=0 zone=0 use=2
`;

it('counts the established connections that an address answers, not those it opened', () => {
  expect(countOpen(table, ['10.0.1.2'])).toBe(1);
  expect(countOpen(table, ['10.0.1.2', '10.0.1.9'])).toBe(2);
  // Its client has sent all, and waits for the answer.
  expect(countOpen(table, ['10.0.1.3'])).toBe(1);
  expect(countOpen('', ['10.0.1.2'])).toBe(0);
});
