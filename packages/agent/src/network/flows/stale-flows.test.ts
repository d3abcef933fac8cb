import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { CommandError } from '../kernel/run.ts';
import { endpoint, service, state } from '../state/builders.fixture.ts';
import { answerMs, atHost, StaleFlows, withFlows } from './stale-flows.ts';

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

const flow = (dst: string, port: number, answers: string) =>
  `udp 17 29 src=10.1.1.9 dst=${dst} sport=5000 dport=${port} src=${answers} dst=10.1.1.9 sport=53 dport=5000 mark=0 use=1`;

test('of all flows, those that ask the host itself, and whether they are led away', () => {
  const list = [
    flow('192.0.2.1', 53, '192.0.2.1'),
    flow('192.0.2.1', 53, '192.0.2.1'),
    flow('192.0.2.1', 123, '192.0.2.1'),
    flow('192.0.2.2', 53, '10.1.2.10'),
    flow('8.8.8.8', 53, '8.8.8.8'),
    '',
  ];
  const host = new Set(['192.0.2.1', '192.0.2.2', '127.0.0.1']);
  expect(atHost(list.join('\n'), host, new Set([53, 54]))).toEqual([
    { address: '192.0.2.1', port: 53, isAway: false },
    { address: '192.0.2.2', port: 53, isAway: true },
  ]);
});

it('flows of UDP to the host itself are forgotten once a service has the port, those of an earlier one are not', async () => {
  const calls: string[] = [];
  const stale = new StaleFlows({
    conntrack: async (args) => {
      calls.push(args.join(' '));
      return [53, 54].map((port) => flow('127.0.0.1', port, '127.0.0.1')).join('\n');
    },
    log: pino({ level: 'silent' }),
  });
  const having = (...ports: number[]) =>
    state({
      services: ports.map((port) =>
        service(`s${port}`, {
          published: (['tcp', 'udp'] as const).map((protocol) => ({ protocol, published: port, target: 80 })),
        }),
      ),
    });
  // What was there when the agent started is as it was left.
  for (const one of [having(53), having(53), having()]) await stale.forget(one);
  expect(calls).toEqual([]);
  await stale.forget(having(53, 54));
  const own = (port: number) =>
    `-D -p udp --orig-port-dst ${port} --orig-dst 127.0.0.1 --reply-src 127.0.0.1`;
  expect(calls).toEqual(['-L -p udp', own(53), own(54)]);
});

it('flows of UDP to a service are forgotten at a port that it has no more, or that something on the host took', async () => {
  const calls: string[] = [];
  const stale = new StaleFlows({
    conntrack: async (args) => {
      calls.push(args.join(' '));
      const led = ['127.0.0.1', '10.1.0.5'].map((address) => flow(address, 53, '10.1.2.10'));
      return [...led, flow('127.0.0.1', 53, '127.0.0.1')].join('\n');
    },
    log: pino({ level: 'silent' }),
  });
  const having = (...ports: number[]) =>
    state({
      services: [
        service('dns', {
          published: ports.map((port) => ({ protocol: 'udp' as const, published: port, target: 53 })),
        }),
      ],
    });
  for (const one of [having(53, 54), having(54)]) await stale.forget(one);
  expect(calls).toEqual(['-L -p udp', '-D -p udp --orig-port-dst 53 --orig-dst 127.0.0.1 --dst-nat']);
});

describe('flows to endpoints that are gone', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Endpoints with these last numbers, each of which has a flow of every kind. */
  const having = (...hosts: number[]) =>
    state({
      services: [
        service('s1', { endpoints: hosts.map((host) => endpoint('s1', host, { net1: `10.1.2.${host}` })) }),
      ],
    });
  function watching() {
    const deleted: string[] = [];
    const stale = new StaleFlows({
      conntrack: async (args) => {
        if (args[0] === '-D') deleted.push(`${args[2]} ${args.at(-1)}`);
        return [10, 11, 12].map((host) => ` src=10.1.1.9 src=10.1.2.${host} dst=10.1.1.9`).join('\n');
      },
      log: pino({ level: 'silent' }),
    });
    return { stale, deleted };
  }

  it('are forgotten: those without an end at once, those without an answer when none can come any more', async () => {
    const { stale, deleted } = watching();
    await stale.forget(having(10, 11));
    await stale.forget(having(11));
    expect(deleted.splice(0)).toEqual(['udp 10.1.2.10']);
    await vi.advanceTimersByTimeAsync(answerMs - 1);
    expect(deleted).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(deleted).toEqual(['tcp 10.1.2.10', 'sctp 10.1.2.10']);
  });

  it('are forgotten at ports that lead to no service any more, where nothing else ends them', async () => {
    const asked: string[] = [];
    const stale = new StaleFlows({
      conntrack: async (args) => {
        asked.push(args.join(' '));
        return '';
      },
      log: pino({ level: 'silent' }),
    });
    await stale.forgetLedAway(['tcp/2481', 'udp/4789']);
    expect(asked).toEqual(['-D -p udp --orig-port-dst 4789 --dst-nat']);
  });

  it('are forgotten before their container stops, once they are closed', async () => {
    const { stale, deleted } = watching();
    await stale.forgetClosed(['10.1.2.11', '10.1.2.13']);
    expect(deleted).toEqual(['tcp 10.1.2.11', 'tcp 10.1.2.11']);
  });

  it('are forgotten to the last, though one that ends by itself makes conntrack give up', async () => {
    const left = [3, 1];
    const stale = new StaleFlows({
      conntrack: async (args) => {
        if (args[0] === '-L') return ' src=10.1.1.9 src=10.1.2.10 dst=10.1.1.9';
        if (left.shift() === undefined) return '';
        throw new CommandError(
          'conntrack',
          'failed with 1',
          "Operation failed: such conntrack doesn't exist",
        );
      },
      log: pino({ level: 'silent' }),
    });
    await stale.forgetClosed(['10.1.2.10']);
    expect(left).toEqual([]);
  });

  it('are given the same time each', async () => {
    const { stale, deleted } = watching();
    await stale.forget(having(10, 11));
    await stale.forget(having(11));
    await vi.advanceTimersByTimeAsync(answerMs - 1);
    await stale.forget(having());
    deleted.length = 0;
    await vi.advanceTimersByTimeAsync(1);
    expect(deleted.splice(0)).toEqual(['tcp 10.1.2.10', 'sctp 10.1.2.10']);
    await vi.advanceTimersByTimeAsync(answerMs);
    expect(deleted).toEqual(['tcp 10.1.2.11', 'sctp 10.1.2.11']);
  });

  it('stay when nobody is left to look after them', async () => {
    const { stale, deleted } = watching();
    for (const one of [having(10, 11), having(11)]) await stale.forget(one);
    deleted.length = 0;
    stale.close();
    await stale.forget(having());
    await vi.advanceTimersByTimeAsync(2 * answerMs);
    expect(deleted).toEqual([]);
  });

  it('stay where the endpoint is back in time', async () => {
    const { stale, deleted } = watching();
    for (const one of [having(10, 11), having(11), having(10, 11)]) await stale.forget(one);
    deleted.length = 0;
    await vi.advanceTimersByTimeAsync(answerMs);
    expect(deleted).toEqual([]);
  });
});
