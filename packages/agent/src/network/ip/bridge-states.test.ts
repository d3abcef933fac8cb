import { expect, it } from 'vitest';
import type { PresentLink } from '../kernel/links.ts';
import { diffBridgeStates } from './bridge-states.ts';

const link = (name: string, address: string, up: boolean): PresentLink => ({
  name,
  index: 1,
  kind: 'bridge',
  mtu: 1450,
  mac: '',
  up,
  master: '',
  addresses: [address],
  vxlan: { vni: 0, local: '', port: 0, lower: '', learning: false },
});

it('bridges of ours that hold what the host needs go down, with their routes; others are up; strangers are not touched', () => {
  const links = [
    link('sh.n1', '10.1.1.1/16', true),
    link('sh.n2', '10.2.1.1/16', true),
    link('sh.n3', '10.3.1.1/16', false),
    link('br-1', '10.1.1.1/16', true),
    link('eth0', '10.1.2.1/16', true),
  ];
  expect(diffBridgeStates(links, ['10.1.2.9'])).toEqual(['link set dev sh.n1 down', 'link set dev sh.n3 up']);
  expect(diffBridgeStates([link('sh.n1', '10.1.1.1/16', false)], ['10.1.2.9'])).toEqual([]);
});
