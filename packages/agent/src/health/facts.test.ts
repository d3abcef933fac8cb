import { pino } from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import { daemonAwayMs, FactWatch } from './fact-watch.ts';
import { nodeFacts } from './facts.ts';

const host = {
  hostname: 'h1',
  advertiseAddr: '10.0.0.2',
  probePort: 2481,
  runsManager: true,
  overlayKey: () => '',
  underlay: () => ({ addresses: ['192.0.2.1'], subnets: ['192.0.2.0/24'], defaultBridge: '' }),
  pressures: () => [],
  listeners: () => [],
};
const watches: FactWatch[] = [];
afterEach(() => {
  for (const watch of watches.splice(0)) watch.close();
  vi.useRealTimers();
});

it('says of a host what docker info says', () => {
  const info = {
    OSType: 'linux',
    Architecture: 'x86_64',
    NCPU: 2,
    MemTotal: 1_000,
    ServerVersion: '28.2.2',
    Labels: ['disk=ssd', 'odd=a=b'],
    Plugins: { Volume: ['local'], Network: ['bridge', 'overlay'], Log: ['json-file'], Authorization: null },
    GenericResources: [
      { NamedResourceSpec: { Kind: 'gpu', Value: 'uuid1' } },
      { DiscreteResourceSpec: { Kind: 'ssd', Value: 3 } },
    ],
  };
  const images = Array.from({ length: 500 }, (_, i) => `image:${i}`);
  const facts = nodeFacts(host, info, images);
  expect(facts.images).toHaveLength(200);
  expect({ ...facts, images: [] }).toMatchInlineSnapshot(`
    {
      "address": "10.0.0.2",
      "architecture": "x86_64",
      "engineLabels": {
        "disk": "ssd",
        "odd": "a=b",
      },
      "engineVersion": "28.2.2",
      "genericResources": [
        {
          "amount": 0,
          "kind": "gpu",
          "name": "uuid1",
        },
        {
          "amount": 3,
          "kind": "ssd",
          "name": "",
        },
      ],
      "hostname": "h1",
      "images": [],
      "listeners": [],
      "memoryBytes": 1000,
      "nanoCpus": 2000000000,
      "os": "linux",
      "overlayKey": "",
      "plugins": [
        {
          "name": "local",
          "type": "Volume",
        },
        {
          "name": "bridge",
          "type": "Network",
        },
        {
          "name": "overlay",
          "type": "Network",
        },
        {
          "name": "json-file",
          "type": "Log",
        },
      ],
      "pressures": [],
      "probePort": 2481,
      "runsManager": true,
      "trouble": "",
      "underlay": {
        "addresses": [
          "192.0.2.1",
        ],
        "defaultBridge": "",
        "subnets": [
          "192.0.2.0/24",
        ],
      },
    }
  `);
});

it('tells changes, and trouble while the daemon does not answer', async () => {
  const daemon = { info: { NCPU: 2 }, down: false };
  const source = {
    info: async () => {
      if (daemon.down) throw new Error('connect ENOENT');
      return daemon.info;
    },
    images: async () => ['app:1'],
  };
  const watch = new FactWatch(host, source, pino({ level: 'silent' }));
  watches.push(watch);
  const told: string[] = [];
  watch.onChange(({ nanoCpus, trouble }) => told.push(`${nanoCpus / 1e9} cpus ${trouble}`.trim()));
  await watch.refresh();
  await watch.refresh();
  daemon.down = true;
  await watch.refresh();
  daemon.down = false;
  await watch.refresh();
  expect(told).toEqual(['2 cpus', '2 cpus the Docker daemon does not answer: connect ENOENT', '2 cpus']);
  expect(watch.facts.images).toEqual(['app:1']);
});

it('bears with a daemon that is away while its containers live on, but not for ever', async () => {
  vi.useFakeTimers();
  const daemon = { down: false };
  const source = {
    info: async () => {
      if (daemon.down) throw new Error('connect ENOENT');
      return { LiveRestoreEnabled: true };
    },
    images: async () => [],
  };
  const watch = new FactWatch(host, source, pino({ level: 'silent' }));
  watches.push(watch);
  const said = () => [watch.facts.trouble, ...watch.facts.pressures.map(({ message }) => message)];
  const runsOn = (why: string) => ['', `without its Docker daemon, and its containers run on: ${why}`];
  await watch.refresh();
  daemon.down = true;
  watch.trouble('it closed the stream of events');
  expect(said()).toEqual(runsOn('it closed the stream of events'));
  await watch.refresh();
  expect(said()).toEqual(runsOn('connect ENOENT'));
  daemon.down = false;
  await watch.refresh();
  expect(said()).toEqual(['']);
  watch.trouble('gone again');
  daemon.down = true;
  await vi.advanceTimersByTimeAsync(daemonAwayMs - 1);
  expect(said()).toEqual(runsOn('connect ENOENT'));
  await vi.advanceTimersByTimeAsync(1);
  expect(said()).toEqual([expect.stringMatching(/^the Docker daemon does not answer: /)]);
  daemon.down = false;
  await watch.refresh();
  expect(said()).toEqual(['']);
});
