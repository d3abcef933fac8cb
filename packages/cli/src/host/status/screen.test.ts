import { expect, test } from 'vitest';
import { hasConnection } from './connection.ts';
import type { StatusFacts } from './facts.ts';
import { statusScreen } from './screen.ts';

const aNode = { id: 'n1', address: '10.0.0.2', state: 'ready', availability: 'active', message: '' };
const facts: StatusFacts = {
  release: '1.0.0',
  settings: {
    role: 'manager',
    advertiseAddr: '10.0.0.1',
    manager: '10.0.0.1:2480',
    api: [],
    managerArgs: [],
    agentArgs: [],
  },
  init: 'systemd',
  programs: [
    { name: 'manager', running: true },
    { name: 'agent', running: true },
  ],
  docker: { version: '26.1.5' },
  cluster: { nodes: [{ ...aNode, name: 'h1' }], services: [] },
};
const screen = (change: Partial<StatusFacts> = {}) => {
  const { lines, well } = statusScreen({ ...facts, ...change });
  return { well, text: lines.join('\n') };
};

test('all is well', () => {
  const { well, text } = screen();
  expect(well).toBe(true);
  expect(text).toMatchInlineSnapshot(`
    "Shoal 1.0.0: 10.0.0.1, manager of a cluster; its programs are kept up by systemd

      ok  manager   runs
      ok  agent     runs
      ok  Docker    26.1.5
      ok  nodes     1 of 1 ready
      ok  services  none yet

    All is well."
  `);
});

test.each<[string, Partial<StatusFacts>, RegExp]>([
  [
    'a program is down',
    { programs: [{ name: 'agent', running: false }] },
    /!! {2}agent.*systemctl start shoal-agent.*journalctl -u shoal-agent/s,
  ],
  [
    'without an init system',
    { init: 'none', programs: [{ name: 'agent', running: false }] },
    /shoal start.*agent\.log/s,
  ],
  [
    'the daemon is down',
    { docker: { error: 'Cannot connect' } },
    /!! {2}Docker.*Cannot connect.*start the Docker daemon/s,
  ],
  [
    'the manager is silent',
    { cluster: { error: 'ECONNREFUSED', locked: false } },
    /the manager does not answer: ECONNREFUSED/,
  ],
  [
    'the manager is locked',
    { cluster: { error: '503', locked: true } },
    /the manager is locked.*docker --context shoal swarm unlock/s,
  ],
  [
    'a node is down',
    {
      cluster: {
        nodes: [{ ...aNode, name: 'h2', state: 'down', message: 'no beats' }],
        services: [],
      },
    },
    /0 of 1 ready; h2 is down \(no beats\).*look at h2/s,
  ],
  [
    'a service is short',
    { cluster: { nodes: [], services: [{ name: 'web', running: 1, desired: 3 }] } },
    /0 of 1 complete; web 1\/3.*service ps --no-trunc web/s,
  ],
  [
    'a rotation waits for a node that is away',
    {
      cluster: {
        nodes: [],
        services: [],
        rotation: {
          waitsFor: [
            { name: 'h1', state: 'ready' },
            { name: 'h2', state: 'down' },
          ],
        },
      },
    },
    /!! {2}root.*waits for h1, h2 \(down\).*node rm --force h2/s,
  ],
  ['a worker is alone', { connected: false }, /none to the manager.*can be reached/s],
])('%s: said, with what to do', (_what, change, says) => {
  const { well, text } = screen(change);
  expect(well).toBe(false);
  expect(text).toMatch(says);
});

test('a rotation under way is said, and all is well as long as those that it waits for are there', () => {
  const waitsFor = [{ name: 'h2', state: 'ready' }];
  const { well, text } = screen({ cluster: { nodes: [], services: [], rotation: { waitsFor } } });
  expect(well).toBe(true);
  expect(text).toContain('waits for h2');
});

test('a drained node is said, and all is well all the same', () => {
  const nodes = [{ ...aNode, name: 'h2', availability: 'drain' }];
  const { well, text } = screen({ cluster: { nodes, services: [] } });
  expect(well).toBe(true);
  expect(text).toContain('h2 is set to drain');
});

test('a connection is found in /proc/net/tcp', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue',
    '   0: 165AD60A:9C40 155AD60A:09B0 01 00000000:00000000',
    '   1: 165AD60A:9C41 165AD60A:09B0 06 00000000:00000000',
  ].join('\n');
  expect(hasConnection(table, '10.214.90.21', 2480)).toBe(true);
  expect(hasConnection(table, '10.214.90.22', 2480)).toBe(false);
  expect(hasConnection(table, '10.214.90.21', 2481)).toBe(false);
});
