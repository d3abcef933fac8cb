import { expect, test } from 'vitest';
import { parseWrk } from './wrk.ts';

const output = `Running 3s test @ http://10.0.0.2:8080/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.02ms    2.11ms  40.11ms   95.01%
    Req/Sec    20.11k     1.20k   22.00k    70.00%
  Latency Distribution
     50%  512.00us
     75%    0.90ms
     90%    1.80ms
     99%   12.50ms
  60123 requests in 3.00s, 9.80MB read
Requests/sec:  20041.00
Transfer/sec:      3.27MB
`;

test('reads what wrk prints', () => {
  expect(parseWrk(output)).toEqual({ perSecond: 20_041, p50Ms: 0.512, p99Ms: 12.5 });
});

test('refuses figures of a run that failed', () => {
  const errors = '  Socket errors: connect 16, read 0, write 0, timeout 0\nRequests/sec:';
  expect(() => parseWrk(output.replace('Requests/sec:', errors))).toThrow('connect 16');
  expect(() => parseWrk('unable to connect to 10.0.0.2:8080 Connection refused')).toThrow('refused');
});
