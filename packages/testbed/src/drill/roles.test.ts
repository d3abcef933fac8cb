import { expect, test } from 'vitest';
import { DRILLS, type Drill } from './drills.ts';
import { rolesOf } from './roles.ts';

const drillNamed = (name: string): Drill => {
  const found = DRILLS.find((drill) => drill.name === name);
  if (!found) throw new Error(name);
  return found;
};
const hosts = ['h1', 'h2', 'h3'].map((name, index) => ({
  name,
  address: `10.0.0.${index + 1}`,
  manager: index === 0,
}));

test('the last host is struck, and asked only if it can answer', () => {
  expect(rolesOf(drillNamed('host-cut'), hosts)).toEqual({
    victim: 'h3',
    manager: 'h1',
    hosts: ['h1', 'h2', 'h3'],
    addresses: ['10.0.0.1', '10.0.0.2'],
  });
  expect(rolesOf(drillNamed('agent-kill'), hosts, 'h2')).toMatchObject({
    victim: 'h2',
    addresses: ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  });
  expect(rolesOf(drillNamed('one-way-loss'), hosts)).toMatchObject({ addresses: ['10.0.0.2'] });
  expect(rolesOf(drillNamed('manager-kill'), hosts)).toMatchObject({ victim: 'h1' });
});

test("all hosts are struck in turn, the manager's too", () => {
  expect(rolesOf(drillNamed('docker-upgrade'), hosts)).toEqual({
    victim: 'h1, h2, h3',
    manager: 'h1',
    hosts: ['h1', 'h2', 'h3'],
    addresses: ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  });
});

test.each([
  ['docker-upgrade', 'h2', /strikes all hosts in turn: name none/],
  ['host-cut', 'h1', /host-cut strikes a host other than the manager's.*, not h1: h2, h3/],
  ['manager-kill', 'h2', /strikes the manager's host, not h2: h1/],
  ['drain', 'h9', /ready and active, not h9: h1, h2, h3/],
] as const)('%s of %s', (name, victim, says) => {
  expect(() => rolesOf(drillNamed(name), hosts, victim)).toThrow(says);
});

test('too few hosts', () => {
  expect(() => rolesOf(drillNamed('drain'), hosts.slice(0, 1))).toThrow(/needs two hosts.*one: h1/);
  expect(() => rolesOf(drillNamed('one-way-loss'), hosts.slice(0, 2))).toThrow(/needs a third host/);
});

test('every drill has a name of its own, and only safe ones do without the testbed', () => {
  expect(new Set(DRILLS.map(({ name }) => name)).size).toBe(DRILLS.length);
  expect(DRILLS.filter(({ safe }) => safe).map(({ name }) => name)).toEqual(['rolling-update', 'drain']);
});
