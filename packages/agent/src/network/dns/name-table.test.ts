import { formatAddress } from '@shoal/proto/rules';
import { describe, expect, it } from 'vitest';
import type { Network, ServiceEndpoints } from '../state/state.ts';
import { NameTable } from './name-table.ts';
import { recordType } from './query.ts';
import { aNetwork, anEndpoint, aServiceOn, aState, taskId } from './testing.ts';

const front = aNetwork('front', 1);
const shop = aNetwork('shop_default', 2);
const back = aNetwork('back', 3, { internal: true });

function table(networks: readonly Network[], services: readonly ServiceEndpoints[]): NameTable {
  const made = new NameTable(() => 0);
  made.update(aState(networks, services));
  return made;
}

/** The answer in short: sorted addresses, a name, or its kind. */
function ask(
  from: NameTable,
  name: string,
  networks: readonly Network[] = [front],
  type: number = recordType.A,
) {
  const given = from.answer(
    { name, type },
    networks.map(({ id }) => id),
  );
  if (given.kind === 'addresses') return given.addresses.map(formatAddress).sort();
  if (given.kind === 'pointer') return given.name;
  return given.kind === 'forward' ? `forward ${given.beyondSite ? 'anywhere' : 'on the site'}` : given.kind;
}

const twoTasks = [anEndpoint('web.1', [front], 11), anEndpoint('web.2', [front], 12)];

describe('names of a service', () => {
  const web = aServiceOn('web', [front], { endpoints: twoTasks });
  const db = aServiceOn('DB', [front], { mode: 'dnsrr', endpoints: [anEndpoint('DB.1', [front], 21)] }, 2);
  const names = table([front, back], [web, db]);

  it('gives the VIP for the name, the tasks for tasks.NAME', () => {
    expect(ask(names, 'web')).toEqual(['10.1.255.1']);
    expect(ask(names, 'tasks.web')).toEqual(['10.1.1.11', '10.1.1.12']);
  });

  it('gives the tasks for the name without a VIP, whatever the case of the name', () => {
    expect(ask(names, 'db')).toEqual(['10.1.1.21']);
    expect(ask(names, 'db.1')).toEqual(['10.1.1.21']);
  });

  it('gives one task for its slot and for its whole name', () => {
    expect(ask(names, 'web.2')).toEqual(['10.1.1.12']);
    expect(ask(names, `web.2.${taskId('t12')}`)).toEqual(['10.1.1.12']);
  });

  it('gives both tasks of a slot that is being replaced', () => {
    const endpoints = [anEndpoint('web.1', [front], 11), anEndpoint('web.1', [front], 13)];
    expect(ask(table([front], [{ ...web, endpoints }]), 'web.1')).toEqual(['10.1.1.11', '10.1.1.13']);
  });

  it('knows tasks of a global service by their node', () => {
    const node = taskId('node');
    const agent = aServiceOn('agent', [front], { endpoints: [anEndpoint(`agent.${node}`, [front], 31)] });
    expect(ask(table([front], [agent]), `agent.${node}`)).toEqual(['10.1.1.31']);
    expect(ask(table([front], [agent]), `agent.${taskId('other')}`)).toBe('nxdomain');
  });

  it('takes NAME.NETWORK too, as Docker does', () => {
    expect(ask(names, 'web.front')).toEqual(['10.1.255.1']);
    expect(ask(names, 'tasks.web.front')).toEqual(['10.1.1.11', '10.1.1.12']);
    expect(ask(names, 'web.back')).toBe('forward anywhere');
  });

  it('lets several services share an alias', () => {
    const aliased = [web, db].map((service) => ({
      ...service,
      attachments: service.attachments.map((each) => ({ ...each, aliases: ['API'] })),
    }));
    expect(ask(table([front], aliased), 'api')).toEqual(['10.1.1.21', '10.1.255.1']);
    expect(ask(table([front], aliased), 'tasks.api')).toEqual(['10.1.1.11', '10.1.1.12', '10.1.1.21']);
  });

  it('keeps a VIP for seconds, tasks for one', () => {
    expect(names.answer({ name: 'web', type: recordType.A }, [front.id])).toMatchObject({ ttl: 5 });
    expect(names.answer({ name: 'tasks.web', type: recordType.A }, [front.id])).toMatchObject({ ttl: 1 });
  });

  it('shuffles addresses', () => {
    const draws = [0.99, 0.99, 0];
    const random = new NameTable(() => draws.shift() ?? 0);
    random.update(aState([front], [web]));
    const orders = [1, 2, 3].map(() => random.answer({ name: 'tasks.web', type: recordType.A }, [front.id]));
    expect(new Set(orders.map((order) => JSON.stringify(order))).size).toBe(2);
  });
});

describe('names of a stack', () => {
  const web = aServiceOn('shop_web', [front, shop], {
    stack: 'shop',
    endpoints: [anEndpoint('shop_web.1', [front, shop], 11)],
  });
  const names = table([front, shop], [web]);

  it('answers to the short name on networks of the stack only', () => {
    expect(ask(names, 'web', [shop])).toEqual(['10.2.255.1']);
    expect(ask(names, 'web.1', [shop])).toEqual(['10.2.1.11']);
    expect(ask(names, 'web', [front])).toBe('forward on the site');
  });

  it('answers to service.stack and to the full name everywhere', () => {
    for (const name of ['web.shop', 'shop_web']) {
      expect(ask(names, name, [shop])).toEqual(['10.2.255.1']);
      expect(ask(names, name, [front])).toEqual(['10.1.255.1']);
    }
    expect(ask(names, 'tasks.web.shop', [front])).toEqual(['10.1.1.11']);
  });

  it('answers from the first shared network by name, through whichever network the question came', () => {
    expect(ask(names, 'shop_web', [shop, front])).toEqual(['10.1.255.1']);
    expect(ask(names, 'shop_web', [front, shop])).toEqual(['10.1.255.1']);
  });
});

describe('negative answers', () => {
  const web = aServiceOn('web', [front], { endpoints: twoTasks });
  const idle = aServiceOn('idle', [front], { mode: 'dnsrr' });
  const hidden = aServiceOn('hidden', [back], {}, 3);
  const ingress = aNetwork('ingress', 9);
  const names = table([front, back, ingress], [web, idle, hidden, aServiceOn('edge', [ingress])]);

  it.each([
    ['web', recordType.AAAA, 'nodata'],
    ['web', 65, 'nodata'],
    ['idle', recordType.A, 'nodata'],
    ['tasks.idle', recordType.A, 'nodata'],
    ['web.7', recordType.A, 'nxdomain'],
    ['tasks.nothing', recordType.A, 'nxdomain'],
    ['_grpclb._tcp.web', 33, 'nxdomain'],
    ['hidden', recordType.A, 'forward on the site'],
    ['edge', recordType.A, 'forward on the site'],
    ['nas', recordType.A, 'forward on the site'],
    ['example.com', recordType.A, 'forward anywhere'],
    ['web.com', recordType.A, 'forward anywhere'],
    ['tasks.example.com', recordType.A, 'forward anywhere'],
    ['_http._tcp.example.com', 33, 'forward anywhere'],
    ['', 2, 'forward anywhere'],
    ['a..b\\.', recordType.A, 'forward anywhere'],
  ])('%s type %i: %s', (name, type, expected) => {
    expect(ask(names, name, [front, ingress], type)).toBe(expected);
  });

  it('does not let names below a network leave', () => {
    expect(ask(table([shop], []), 'nothing.shop_default', [shop])).toBe('nxdomain');
  });

  it('passes nothing on for containers on internal networks only', () => {
    expect(ask(names, 'example.com', [back])).toBe('refused');
    expect(ask(names, 'nas', [back])).toBe('nxdomain');
    expect(ask(names, 'example.com', [back, front])).toBe('forward anywhere');
    expect(ask(names, 'hidden', [back])).toEqual(['10.3.255.3']);
  });
});

describe('names of addresses', () => {
  const names = table([front, back], [aServiceOn('web', [front], { endpoints: twoTasks })]);
  const reverse = (address: string, networks = [front], type: number = recordType.PTR) =>
    ask(names, `${address.split('.').reverse().join('.')}.in-addr.arpa`, networks, type);

  it('are the task with its network, or the service of a VIP', () => {
    expect(reverse('10.1.1.11')).toBe(`web.1.${taskId('t11')}.front`);
    expect(ask(names, String(reverse('10.1.1.11')))).toEqual(['10.1.1.11']);
    expect(reverse('10.1.255.1')).toBe('web.front');
    expect(reverse('10.1.1.11', [front], recordType.A)).toBe('nodata');
  });

  it('never leave the cluster when they are its own', () => {
    expect(reverse('10.1.1.99')).toBe('nxdomain');
    expect(reverse('10.1.1.11', [back])).toBe('nxdomain');
    expect(reverse('192.0.2.1')).toBe('forward anywhere');
    expect(reverse('192.0.2.1', [back])).toBe('refused');
  });
});

describe('following the state', () => {
  it('forgets a service, a network, and an address that another task has taken over', () => {
    const web = aServiceOn('web', [front], { endpoints: [anEndpoint('web.1', [front], 11)] });
    const job = aServiceOn('job', [front], { endpoints: [anEndpoint('job.1', [front], 11, taskId('j1'))] });
    const names = table([front], [web, job]);
    names.update(aState([front], [job]));
    expect(ask(names, 'web')).toBe('forward on the site');
    expect(ask(names, '11.1.1.10.in-addr.arpa', [front], recordType.PTR)).toBe(`job.1.${taskId('j1')}.front`);
    names.update(aState([], [job]));
    expect(ask(names, 'job')).toBe('nxdomain');
    names.update(aState([front], [job]));
    expect(ask(names, 'job')).toEqual(['10.1.255.1']);
  });

  it('tells which networks a task asks from', () => {
    const web = aServiceOn('web', [front, back], { endpoints: [anEndpoint('web.1', [front, back], 11)] });
    const names = table([front, back], [web]);
    const address = 0x0a01010b;
    expect(names.networkAt(address)).toBe(front.id);
    expect(names.taskAt(front.id, address)?.networkIds).toEqual([front.id, back.id]);
    expect(names.networkAt(0xc0000201)).toBeUndefined();
  });
});
