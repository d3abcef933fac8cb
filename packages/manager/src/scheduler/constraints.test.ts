import { describe, expect, it } from 'vitest';
import type { Node } from '../model/index.ts';
import { aNode } from '../testing.ts';
import { ConstraintError, isEligible, nodeMatches, parseConstraints } from './constraints.ts';

const node: Node = aNode('N1', {
  Spec: { Availability: 'active', Labels: { zone: 'East', Disk: 'ssd' } },
  reported: {
    description: {
      Hostname: 'web-1',
      Platform: { OS: 'linux', Architecture: 'x86_64' },
      Engine: { Labels: { gpu: 'yes' } },
    },
    address: '10.1.2.3',
    runsManager: true,
  },
});
const matches = (...texts: string[]) => nodeMatches(node, parseConstraints(texts));

describe('constraints', () => {
  it.each([
    'node.id==n1',
    'node.hostname == WEB-1',
    'Node.Role==manager',
    'node.role!=worker',
    'node.ip==10.1.2.3',
    'node.ip==::ffff:10.1.2.3',
    'node.ip==10.1.0.0/16',
    'node.ip!=10.2.0.0/16',
    'node.ip!=::/0',
    'node.platform.os==linux',
    'node.platform.arch==amd64',
    'node.platform.arch==x86_64',
    'node.platform.arch!=arm64',
    'node.labels.zone==east',
    'node.labels.disk!=ssd', // names of labels keep their case
    'node.labels.none!=x',
    'engine.labels.gpu==yes',
  ])('%s holds', (text) => expect(matches(text)).toBe(true));

  it.each([
    'node.id==n2',
    'node.hostname==web',
    'node.ip==10.1.2.4',
    'node.ip==2001:db8::/32',
    'node.ip!=10.0.0.0/8',
    'node.labels.zone!=EAST',
    'node.labels.none==x',
    'node.platform.arch==aarch64',
  ])('%s does not hold', (text) => expect(matches(text)).toBe(false));

  it('wants all of several', () => {
    expect(matches('node.role==manager', 'node.labels.zone==east')).toBe(true);
    expect(matches('node.role==manager', 'node.labels.zone==west')).toBe(false);
    expect(matches()).toBe(true);
  });

  it.each([
    ['node.role', 'has no operator'],
    ['node.role=manager', 'has no operator'],
    ['node.labels.zone==', 'is empty'],
    ['node.labels.zone==a>b', 'is invalid'],
    ['no-de$==x', 'key "no-de$" is invalid'],
    ['node.colour==red', 'key "node.colour" is unknown'],
    ['node.labels.==red', 'key "node.labels." is unknown'],
    ['node.ip==10.0.0', 'neither an IP address nor a network'],
    ['node.ip==10.0.0.0/33', 'neither an IP address nor a network'],
    ['constructor==x', 'is unknown'],
  ])('refuses %s', (text, message) => {
    expect(() => parseConstraints([text])).toThrow(ConstraintError);
    expect(() => parseConstraints([text])).toThrow(message);
  });
});

describe('isEligible', () => {
  it('wants constraints and one of the platforms', () => {
    expect(isEligible(node, undefined)).toBe(true);
    expect(isEligible(node, { Platforms: [] })).toBe(true);
    expect(isEligible(node, { Platforms: [{ OS: 'linux', Architecture: 'amd64' }] })).toBe(true);
    expect(isEligible(node, { Platforms: [{ OS: 'linux', Architecture: 'arm64' }, {}] })).toBe(true);
    expect(isEligible(node, { Platforms: [{ OS: 'windows' }] })).toBe(false);
    expect(isEligible(node, { Constraints: ['node.role==worker'] })).toBe(false);
  });

  it('matches nothing when the constraints cannot be understood, and ignores readiness', () => {
    expect(isEligible(node, { Constraints: ['nonsense'] })).toBe(false);
    expect(isEligible({ ...node, judged: { state: 'down' } }, { Constraints: ['node.id==N1'] })).toBe(true);
  });
});
