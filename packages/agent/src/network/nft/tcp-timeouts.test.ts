import { expect, it } from 'vitest';
import { renderTimeouts, tcpTimeouts } from './tcp-timeouts.ts';

it('half-closed and idle connections are remembered for hours, and whatever a host remembers for longer', () => {
  const usual = tcpTimeouts(() => undefined);
  expect(renderTimeouts(usual)).toBe(
    'patient { protocol tcp; l3proto ip; policy = { syn_sent : 120, syn_recv : 60, established : 432000, fin_wait : 120, ' +
      'close_wait : 7200, last_ack : 30, time_wait : 120, close : 10, retrans : 300, unack : 300 }; }',
  );
  const shortened = tcpTimeouts(() => 5);
  expect([shortened.get('close_wait'), shortened.get('established')]).toEqual([7_200, 86_400]);
  // What has nobody waiting for it stays as the host has it.
  expect([shortened.get('time_wait'), shortened.get('syn_sent')]).toEqual([5, 5]);
  const lengthened = tcpTimeouts(() => 1_000_000);
  expect(new Set(lengthened.values())).toEqual(new Set([1_000_000]));
});
