import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anAssignment } from '../task/testing.ts';
import { clientMs, listenersOf, look, type Ours, type Owner, ownSockets, type Watch } from './listeners.ts';
import { oursOf } from './ours.ts';
import type { OpenSocket } from './proc-net.ts';

const clients = [32_768, 60_999] as const;
const tcp = (port: number, inode = `t${port}`): OpenSocket => ({ transport: 'tcp', port, inode });
const udp = (port: number, inode = `u${port}`): OpenSocket => ({ transport: 'udp', port, inode });

/** Looks, 2 s apart, as the agent does; the ports that count after each. */
function looks(...seen: OpenSocket[][]): string[][] {
  let watch: Watch | undefined;
  return seen.map((sockets, i) => {
    watch = look(watch, sockets, { now: 2_000 * i, clients });
    return [...watch].flatMap(([key, { counts }]) => (counts ? [key] : []));
  });
}

it('what is there at the first look counts at once, what comes later when it is seen twice', () => {
  expect(looks([tcp(22)], [tcp(22), tcp(80)], [tcp(22), tcp(80)])).toEqual([
    ['tcp/22'],
    ['tcp/22'],
    ['tcp/22', 'tcp/80'],
  ]);
});

it('what comes and goes between two looks never counts, and who starts anew keeps its port', () => {
  expect(looks([], [tcp(80)], [], [tcp(80)], [], []).flat()).toEqual([]);
  expect(looks([tcp(80)], [], [tcp(80, 'other')], [], [])).toEqual([
    ['tcp/80'],
    ['tcp/80'],
    ['tcp/80'],
    ['tcp/80'],
    [],
  ]);
});

it('a UDP port that may be a client’s counts when it stays', () => {
  const often = Math.ceil(clientMs / 2_000);
  const counted = looks(
    [],
    ...Array.from({ length: often + 1 }, () => [udp(5_353), udp(40_000), tcp(40_000)]),
  );
  expect(counted[2]).toEqual(['udp/5353', 'tcp/40000']);
  expect(counted[often - 1]).not.toContain('udp/40000');
  expect(counted.at(-1)).toContain('udp/40000');
  // It was there before the agent: as a server would be.
  expect(looks([udp(40_000)])).toEqual([['udp/40000']]);
});

it('whatever was seen before: two looks at the same decide', () => {
  const some = fc.uniqueArray(fc.constantFrom(tcp(22), tcp(80), tcp(443), udp(53), udp(22)), {
    selector: ({ inode }) => inode,
  });
  fc.assert(
    fc.property(fc.array(some, { maxLength: 6 }), some, (before, now) => {
      const expected = now.map(({ transport, port }) => `${transport}/${port}`).sort();
      expect(
        looks(...before, now, now)
          .at(-1)
          ?.sort(),
      ).toEqual(expected);
    }),
  );
});

const none: Ours = { pid: 7, ports: new Set(), services: new Map() };
const found = (
  sockets: OpenSocket[],
  owners: Record<string, Owner>,
  ours = none,
  was: ReadonlySet<string> = new Set(),
) => {
  const watch = look(undefined, sockets, { now: 0, clients });
  const known = new Map(Object.entries(owners));
  const own = ownSockets(watch, known, ours, was);
  return { own, listeners: listenersOf(watch, known, own, ours) };
};
const sshd = { pid: 12, process: 'sshd', containers: [] };

it('a listener has the name of a process, where one is seen', () => {
  expect(found([udp(4_789), tcp(80), tcp(22)], { t22: sshd }).listeners).toEqual([
    { protocol: 'tcp', port: 22, process: 'sshd', pid: 12, serviceId: '' },
    { protocol: 'tcp', port: 80, process: '', pid: 0, serviceId: '' },
    { protocol: 'udp', port: 4_789, process: '', pid: 0, serviceId: '' },
  ]);
});

it('the agent itself is none, but another beside it on the same port is', () => {
  const agent = { pid: 7, process: 'node', containers: [] };
  expect(found([tcp(53, 'a')], { a: agent }).listeners).toEqual([]);
  const both = found([tcp(53, 'a'), tcp(53, 'b')], {
    a: agent,
    b: { pid: 9, process: 'dnsmasq', containers: [] },
  });
  expect(both.listeners).toMatchObject([{ port: 53, process: 'dnsmasq' }]);
});

it('what Docker holds for a task is none, also while it lets go; for others it is', () => {
  const owners = {
    t80: { pid: 30, process: 'docker-proxy', containers: [] },
    t81: { pid: 31, process: 'dockerd', containers: [] },
  };
  const ours = { ...none, ports: new Set(['tcp/80', 'tcp/81']) };
  const { own, listeners } = found([tcp(80), tcp(81)], owners, ours);
  expect(listeners).toEqual([]);
  expect(found([tcp(80)], owners, none, own).listeners).toEqual([]);
  expect(found([tcp(80)], owners).listeners).toMatchObject([{ port: 80, process: 'docker-proxy' }]);
  // The task can't have got it.
  expect(found([tcp(80)], { t80: sshd }, ours).listeners).toMatchObject([{ port: 80, process: 'sshd' }]);
});

it('ports and containers of tasks: those they shall get, and those they got', () => {
  const port = (published: number) => ({ protocol: 'tcp', target: 80, published, name: '' });
  const container = { id: 'c1', pid: 5, exitCode: 0 };
  const PortBindings = { '80/tcp': [{ HostPort: '8080' }, { HostPort: '' }] };
  const task = anAssignment('t1', 'running', { serviceId: 'web' }, { HostConfig: { PortBindings } });
  const ours = oursOf(
    new Map([['t1', task]]),
    [
      { taskId: 't1', container, ports: [port(8_080), port(49_153)] },
      { taskId: 'gone', container: { ...container, id: 'c2' }, ports: [] },
    ],
    7,
  );
  expect([...ours.ports]).toEqual(['tcp/8080', 'tcp/49153']);
  expect([...ours.services]).toEqual([['c1', 'web']]);
  const inContainer = found(
    [tcp(90)],
    { t90: { pid: 40, process: 'web', containers: ['host', 'c1'] } },
    ours,
  );
  expect(inContainer.listeners).toMatchObject([{ port: 90, serviceId: 'web' }]);
});
