/**
 * Run in a network namespace of its own: takes this kernel's table from state to state, and says after each
 * whether nft then lists what was meant, or what not.
 */

import { run } from '../kernel/run.ts';
import { endpoint, network, service, state } from '../state/builders.fixture.ts';
import { ingressName, type NetworkState, type ServiceEndpoints } from '../state/state.ts';
import { usualRules } from './base-rules.ts';
import { planTable } from './desired.ts';
import { TableKeeper } from './keeper.ts';
import { tcpTimeouts } from './tcp-timeouts.ts';

const networks = [
  network(1),
  network(2, { internal: true, encrypted: true }),
  network(9, { name: ingressName }),
];

const services = (endpoints: number, balance: ServiceEndpoints['balance']) =>
  (['tcp', 'udp', 'sctp'] as const).map((protocol, index) =>
    service(protocol, {
      balance,
      attachments: [{ networkId: 'net1', vip: `10.1.0.${index + 5}`, aliases: [] }],
      endpoints: Array.from({ length: endpoints }, (_, slot) =>
        endpoint(protocol, slot, { net1: `10.1.${index}.${slot + 10}`, net9: `10.9.${index}.${slot + 10}` }),
      ),
      published: [{ protocol, published: 8080, target: 80 }],
    }),
  );

const states: NetworkState[] = [
  state({ networks, services: services(0, 'random') }),
  state({ networks, services: services(1, 'random') }),
  state({ networks, services: services(3, 'random') }),
  state({ networks, services: services(3, 'source-hash') }),
  state({ networks: networks.slice(0, 1), services: services(2, 'random') }),
  state(),
];

const keeper = new TableKeeper();
const say = (strange: readonly string[]) => process.stdout.write(`${strange.join('; ') || 'right'}\n`);
for (const each of states) {
  await keeper.ensure(planTable(each), { verify: false });
  say(await keeper.ensure(planTable(each), { verify: true }));
}
// Other rules of the host: while connection tracking is full, and after a start with other timeouts.
const [first = state()] = states;
const full = { ...usualRules, untracked: [{ address: '192.0.2.9', port: 2480 }] };
const patient = { ...usualRules, timeouts: tcpTimeouts(() => 100_000) };
const probes = { address: '192.0.2.1', port: 2481, managers: ['192.0.2.9'] };
const probed = { ...usualRules, probes };
const alone = { ...usualRules, probes: { ...probes, managers: [] } };
const others = [
  full,
  usualRules,
  full,
  patient,
  { ...patient, timeouts: undefined },
  probed,
  alone,
  usualRules,
];
for (const rules of others) {
  await keeper.ensure(planTable(first, rules), { verify: rules === patient });
  say(await keeper.ensure(planTable(first, rules), { verify: true }));
}
// Others change it at the same moment as we do: told apart, and put right.
await run('nft', ['flush chain ip shoal arriving']);
say(await keeper.ensure(planTable(first), { verify: true }));
say(await keeper.ensure(planTable(first), { verify: true }));
