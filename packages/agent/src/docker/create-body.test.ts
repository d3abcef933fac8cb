import { expect, it } from 'vitest';
import { anAssignment } from '../task/testing.ts';
import { createBody } from './create-body.ts';

const owner = { nodeId: 'n1', clusterId: 'k1' };
const overlay = { network: 'sh.1', address: '10.0.0.9', gateway: '10.0.0.1', driverOpts: {} };
const local = { network: 'shop', address: '', gateway: '', driverOpts: {} };

it('posts what the manager made, labelled as this host’s own', () => {
  const body = {
    Labels: { tier: 'front', 'shoal.task.id': 'forged' },
    HostConfig: { NetworkMode: 'host', Dns: ['9.9.9.9'], DnsOptions: ['ndots:2'] },
    NewInDocker: [{ Docker: 99 }],
  };
  expect(createBody(anAssignment('t1', 'running', {}, body), owner, [])).toEqual({
    Image: 'nginx:1',
    ...body,
    Labels: { tier: 'front', 'shoal.task.id': 't1', 'shoal.node.id': 'n1', 'shoal.cluster.id': 'k1' },
  });
});

it('joins its first network, and asks the host for names on each', () => {
  const HostConfig = { Memory: 1e8, Dns: ['9.9.9.9'], DnsOptions: ['ndots:2'] };
  const task = anAssignment('t1', 'running', {}, { HostConfig });
  const other = { ...overlay, network: 'sh.2', gateway: '10.0.1.1' };
  expect(createBody(task, owner, [overlay, local, other])).toMatchObject({
    HostConfig: {
      Memory: 1e8,
      NetworkMode: 'sh.1',
      Dns: ['10.0.0.1', '10.0.1.1'],
      DnsOptions: ['timeout:1', 'attempts:3', 'ndots:2'],
    },
    NetworkingConfig: { EndpointsConfig: { 'sh.1': { IPAMConfig: { IPv4Address: '10.0.0.9' } } } },
  });
});

it('hands on the options of its end of a network', () => {
  const driverOpts = { 'com.docker.network.endpoint.ifname': 'lan0' };
  const task = anAssignment('t1', 'running');
  expect(createBody(task, owner, [{ ...overlay, driverOpts }])).toMatchObject({
    NetworkingConfig: {
      EndpointsConfig: { 'sh.1': { IPAMConfig: { IPv4Address: '10.0.0.9' }, DriverOpts: driverOpts } },
    },
  });
});

it('leaves names to Docker where it knows them, and tells it those of the task', () => {
  const task = anAssignment('t1', 'running', {}, { HostConfig: { Dns: ['9.9.9.9'] } });
  expect(createBody(task, owner, [local])).toMatchObject({
    HostConfig: { NetworkMode: 'shop', Dns: ['9.9.9.9'] },
    NetworkingConfig: { EndpointsConfig: { shop: { Aliases: ['web', 'web.1'] } } },
  });
});
