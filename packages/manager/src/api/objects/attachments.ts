import { holds, parseAddress, parseBlock } from '@shoal/proto/rules';
import type { Network, TaskAttachment } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';

/** `10.0.1.5/20`: an address with the prefix length of the network's subnet it is in. */
export function withPrefix(network: Network | undefined, address: string): string {
  const value = parseAddress(address) ?? -1;
  const subnet = network?.shoal.subnets.map(parseBlock).find((block) => holds(block, value));
  return `${address}/${subnet?.prefix ?? 32}`;
}

/** A task's place on a network, with the network as Swarm's API has it inside of tasks. */
export function attachmentView(view: ReadView, { networkId, address }: TaskAttachment) {
  const network = view.networks.get(networkId);
  return {
    Network: network ? swarmNetwork(network) : { ID: networkId },
    Addresses: address === '' ? [] : [withPrefix(network, address)],
  };
}

function swarmNetwork({ ID, Version, CreatedAt, UpdatedAt, Spec, shoal }: Network) {
  const driver = { Name: Spec.Driver, ...(Spec.Options && { Options: Spec.Options }) };
  return {
    ID,
    Version,
    CreatedAt,
    UpdatedAt,
    Spec: {
      Name: Spec.Name,
      Labels: Spec.Labels ?? {},
      DriverConfiguration: driver,
      ...(Spec.Internal && { Internal: true }),
      ...(Spec.Attachable && { Attachable: true }),
      ...(Spec.Ingress && { Ingress: true }),
      IPAMOptions: { Driver: { Name: 'default' } },
      Scope: 'swarm',
    },
    DriverState: driver,
    IPAMOptions: {
      Driver: { Name: 'default' },
      Configs: shoal.subnets.map((Subnet) => ({ Subnet })),
    },
  };
}
