import { covers, holds, overlaps, parseAddress, parseBlock } from '@shoal/proto/rules';
import { mtuOf, type NetworkSpec } from '../../model/index.ts';
import { checkName } from '../checks/index.ts';
import { ApiError, badRequest } from '../http/index.ts';

type IpamConfig = NonNullable<NonNullable<NonNullable<NetworkSpec['IPAM']>['Config']>[number]>;

const knownOptions = ['encrypted', 'mtu', 'com.docker.network.driver.mtu'];
/** Two slices, for the services' own addresses and for one host. */
const longestPrefix = 28;
const mtuBounds = { least: 576, most: 65_535 };
const predefinedNames = ['bridge', 'host', 'none', 'default'];

export const isPredefinedName = (name: string): boolean => predefinedNames.includes(name);

/** Throws ApiError unless Shoal can make the network as `spec` says; `spec.Driver` must be filled in. */
export function validateNetwork(spec: NetworkSpec): void {
  const name = spec.Name ?? '';
  if (isPredefinedName(name)) {
    throw new ApiError(403, `operation is not permitted on predefined ${name} network `);
  }
  checkName(name);
  refuseUnserved(spec);
  if (spec.Attachable && spec.Ingress) throw badRequest('Attachable: ingress network cannot be attachable');
  checkOptions(spec);
  const configs = spec.IPAM?.Config ?? [];
  if (spec.Driver === 'bridge' && configs.length > 1)
    throw badRequest('IPAM.Config[1]: a network of driver bridge has one subnet on each host');
  configs.forEach((config, i) => {
    checkConfig(config, `IPAM.Config[${i}]`);
    if (spec.Driver === 'overlay') checkSize(config, `IPAM.Config[${i}]`);
  });
  const subnets = configs.map(({ Subnet }) => parseBlock(Subnet ?? ''));
  subnets.forEach((subnet, i) => {
    if (subnets.slice(i + 1).some((other) => overlaps(subnet, other))) {
      throw badRequest(`IPAM.Config[${i}].Subnet: overlaps with another subnet of the same network`);
    }
  });
}

function refuseUnserved({
  Driver,
  Scope,
  EnableIPv4,
  EnableIPv6,
  ConfigOnly,
  ConfigFrom,
  IPAM,
}: NetworkSpec) {
  if (Driver !== 'overlay' && Driver !== 'bridge') {
    throw badRequest(`Driver: network driver "${Driver}" is not served; use overlay or bridge`);
  }
  if (Scope && Scope !== 'swarm') {
    throw badRequest(`Scope: "${Scope}" is not served; every network of Shoal is the whole cluster's`);
  }
  if (EnableIPv6) throw badRequest('EnableIPv6: networks are IPv4 only; leave it out');
  if (EnableIPv4 === false) throw badRequest('EnableIPv4: networks are IPv4; leave it out');
  if (ConfigOnly)
    throw badRequest('ConfigOnly: config-only networks are not served; name driver and options');
  if (ConfigFrom?.Network)
    throw badRequest('ConfigFrom: config-only networks are not served; name the options');
  if (IPAM?.Driver && IPAM.Driver !== 'default') {
    throw badRequest(`IPAM.Driver: "${IPAM.Driver}" is not served; use default`);
  }
  const [option] = Object.keys(IPAM?.Options ?? {});
  if (option !== undefined) throw badRequest(`IPAM.Options["${option}"]: not served; leave it out`);
}

function checkOptions(spec: NetworkSpec): void {
  const options = spec.Options ?? {};
  const encrypted = options.encrypted;
  if (spec.Driver === 'overlay') {
    const unknown = Object.keys(options).find((name) => !knownOptions.includes(name));
    if (unknown !== undefined) {
      throw badRequest(`Options["${unknown}"]: not served; overlay networks take ${knownOptions.join(', ')}`);
    }
    if (encrypted !== undefined && !['', 'true', 'false'].includes(encrypted)) {
      throw badRequest(`Options["encrypted"]: must be true, false or left out, got "${encrypted}"`);
    }
  }
  const mtu = mtuOf(spec);
  if (mtu !== 0 && !(Number.isInteger(mtu) && mtu >= mtuBounds.least && mtu <= mtuBounds.most)) {
    throw badRequest(`Options["mtu"]: the MTU must be ${mtuBounds.least} to ${mtuBounds.most} bytes`);
  }
}

/** Docker's rules (moby daemon/network.go) in its words, with the path of the field in front. */
function checkConfig({ Subnet, IPRange, Gateway, AuxiliaryAddresses }: IpamConfig, path: string): void {
  if (!Subnet) throw badRequest(`${path}.Subnet: every ip-range or gateway must have a corresponding subnet`);
  const subnet = blockAt(`${path}.Subnet`, Subnet);
  if (IPRange) {
    const range = blockAt(`${path}.IPRange`, IPRange, 'ip-range');
    if (!covers(subnet, range)) {
      throw badRequest(
        `${path}.IPRange: invalid ip-range ${IPRange}: parent subnet ${Subnet} doesn't contain ip-range`,
      );
    }
  }
  const addresses = [
    { field: 'Gateway', what: 'gateway', address: Gateway },
    ...Object.entries(AuxiliaryAddresses ?? {}).map(([name, address]) => ({
      field: `AuxiliaryAddresses["${name}"]`,
      what: `auxiliary address ${name}`,
      address,
    })),
  ];
  for (const { field, what, address } of addresses) {
    const begin = `${path}.${field}: invalid ${what} ${address}`;
    const value = address ? parseAddress(address) : subnet.base;
    if (value === undefined) throw badRequest(`${begin}: not an IPv4 address`);
    if (!holds(subnet, value))
      throw badRequest(`${begin}: parent subnet ${Subnet} doesn't contain this address`);
  }
}

function blockAt(path: string, text: string, what = 'subnet') {
  try {
    return parseBlock(text);
  } catch (error) {
    const message = error instanceof Error ? error.message.replace('invalid subnet', `invalid ${what}`) : '';
    throw badRequest(`${path}: ${message}`);
  }
}

function checkSize({ Subnet, IPRange }: IpamConfig, path: string): void {
  for (const [field, text] of Object.entries({ Subnet, IPRange })) {
    if (text && parseBlock(text).prefix > longestPrefix) {
      throw badRequest(
        `${path}.${field}: ${text} is too small to be shared by hosts; it must be a /${longestPrefix} or larger`,
      );
    }
  }
  if (parseBlock(Subnet ?? '').prefix < 8) throw badRequest(`${path}.Subnet: ${Subnet} is larger than a /8`);
}
