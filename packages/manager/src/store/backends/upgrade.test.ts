import { expect, it } from 'vitest';
import { upgrade } from './upgrade.ts';

const plan = { ID: 't', NodeID: 'n1', DesiredState: 'running' };
const placement = { at: 'before', scores: { serviceTasks: 1 } };
const said = { Timestamp: 'then', Message: 'started', PortStatus: {} };
const shoal = { specVersion: 7, ports: [] };
const stored = (State: string, status: object = {}, internals: object = { placement }, rest: object = {}) =>
  JSON.parse(
    JSON.stringify(
      upgrade(1, 'tasks', {
        ...plan,
        ...rest,
        Status: { ...said, State, ...status },
        shoal: { ...shoal, ...internals },
      }),
    ),
  );

it('gives each writer its part of a task of format 1', () => {
  const genericResources = [{ NamedResourceSpec: { Kind: 'gpu', Value: 'a' } }];
  const container = { ContainerID: 'c', PID: 1, ExitCode: 0 };
  const ports = [{ TargetPort: 80 }];
  const details = {
    ContainerStatus: container,
    PortStatus: { Ports: ports },
    limitsRefused: 'it uses 9 MiB',
  };
  expect(stored('running', details, { placement }, { GenericResources: genericResources })).toEqual({
    ...plan,
    shoal,
    placement: { ...placement, genericResources },
    observed: {
      state: 'running',
      at: 'then',
      message: 'started',
      limitsRefused: { why: 'it uses 9 MiB', specVersion: 7 },
      container,
      ports,
    },
  });
  const failed = { Err: 'task: non-zero exit (1)', OOMKilled: true, startRefused: true, cutOff: true };
  expect(stored('failed', failed).observed).toEqual({
    state: 'failed',
    at: 'then',
    message: 'started',
    err: 'task: non-zero exit (1)',
    oomKilled: true,
    startRefused: true,
    cutOff: true,
  });
  expect(stored('orphaned')).toEqual({ ...plan, shoal, placement, nodeRemovedAt: 'then' });
});

it('leaves out why a task waits, which its loops say anew', () => {
  const pending = [{ filter: 'resources', nodes: 1, text: 'no room' }];
  expect(stored('pending', { Err: 'no room' }, { pending })).toEqual({ ...plan, shoal });
  expect(stored('assigned', { Err: 'no addresses left' })).toEqual({ ...plan, shoal, placement });
});

it('leaves all else as it is', () => {
  const node = { ID: 'n1' };
  expect(upgrade(1, 'services', node)).toBe(node);
  expect(upgrade(2, 'tasks', node)).toBe(node);
});

it('nodes and clusters of before there were certificates keep nothing that stood for them', () => {
  const node = { ID: 'n1', allotted: { number: 3, secretHash: 'abc' } };
  expect(upgrade(2, 'nodes', node)).toEqual({ ID: 'n1', allotted: { number: 3, keyHash: '', signedBy: '' } });
  const cluster = { ID: 'c', JoinTokens: { Worker: 'w', Manager: 'm' }, term: 4 };
  expect(upgrade(2, 'clusters', cluster)).toEqual({ ID: 'c', term: 4 });
  expect(upgrade(3, 'nodes', node)).toBe(node);
});
